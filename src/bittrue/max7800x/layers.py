"""The layers: modules with the names and arguments of ai8x's, put together from the parts that their names state.

In float, data are clipped to -1..127/128 behind every layer that is not `wide`, and a batch norm's output is divided by
4, so that four standard deviations fit. `convert.quantize` replaces the parts by quantized ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from torch import Tensor, nn

from ..errors import BadInput, Diagnostics, declare
from ..ir import Rounding
from .activations import AverageRounding, Magnitude, Saturate, SaturatedReLU
from .device import BIAS_BITS, current
from .parts import ACTIVATIONS, CONVOLUTIONS, LINEAR, POOLS, Parts, all_parts, rank_of
from .policy import WEIGHT_BITS

declare({"BT5350": "an argument of a layer is unknown, has no effect, or contradicts another"})

NORM_SHARE = 0.25
"""A batch norm's output is multiplied by this."""

NORMS = {None: None, "Affine": True, "NoAffine": False}
"""Values of `batchnorm`: whether the norm has a gain and an offset of its own."""

Size = int | tuple[int, ...]

USUAL_POOL = (2, 2, 1)
"""Size, stride and dilation of pooling where nothing is said of them."""


class Empty(nn.Identity):
    """Does nothing."""


class QuantizationAwareModule(nn.Module):
    """Pooling, operation, batch norm, activation: each a module, or None where the layer has none.

    `pool_round` makes integers of averages, `activate` of a layer's sums; a `wide` layer hands out the sums. `own_bits`
    are the weight bits that the layer was made with, if any.
    """

    parts: ClassVar[Parts] = Parts()

    def __init__(self) -> None:
        super().__init__()
        self.pool: nn.Module | None = None
        self.pool_round: nn.Module = nn.Identity()
        self.op: Any = None
        self.bn: Any = None
        self.activate: nn.Module = nn.Identity()
        self.wide = False
        self.own_bits: int | None = None
        self.bias_bits = BIAS_BITS

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = self.pool_round(self.pool(x))
        if self.op is None:
            return x
        x = self.op(x)
        if self.bn is not None:
            x = self.bn(x) * NORM_SHARE
        return x if self.wide else self.activate(x)

    def _place_pool(self, parts: Parts, size: Size, stride: Size | None, dilation: Size) -> None:
        options = {"kernel_size": size, "stride": size if stride is None else stride}
        if parts.pool == "Max":
            kind = nn.MaxPool1d if parts.rank == 1 else nn.MaxPool2d
            self.pool = kind(**options, dilation=dilation)  # type: ignore[arg-type]
        elif parts.pool == "Avg":
            self.pool = (nn.AvgPool1d if parts.rank == 1 else nn.AvgPool2d)(**options)  # type: ignore[arg-type]
            rounds = current().round_avg and parts.rank == 2
            self.pool_round = AverageRounding(Rounding.HALF_AWAY if rounds else Rounding.TOWARD_ZERO)

    def _place_rest(self, parts: Parts, op: nn.Module, wide: bool, weight_bits: int | None,
                    bias_bits: int | None) -> None:
        self.op, self.wide, self.own_bits, self.bias_bits = op, wide, weight_bits, bias_bits or BIAS_BITS
        if not wide:
            self.activate = {"": Saturate, "ReLU": SaturatedReLU, "Abs": Magnitude}[parts.activation]()


class Convolution(QuantizationAwareModule):
    """Layers with a convolution; see `Parts` for what each name stands for.

    `batchnorm` is None, "Affine" or "NoAffine", by default "Affine" where the name says BN. Pooling is in front of the
    convolution, with `pool_stride` None for the window's size. Transposed convolutions have an output padding of 1: by
    `stride=2`, `padding=1` and 3x3 kernels the image doubles. `weight_bits` holds for this layer unless a policy's
    override names it. `quantize_activation` is accepted and has no effect: `quantize` does that.

    Raises `BadInput` (BT5350) naming all arguments that do not exist, do nothing, or contradict each other.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Size, *, op: str | None = None,
                 pooling: str | None = None, pool_size: Size = 2, pool_stride: Size | None = 2, pool_dilation: Size = 1,
                 stride: Size = 1, padding: Size = 0, dilation: Size = 1, bias: bool = True,
                 activation: str | None = None, wide: bool = False, batchnorm: str | None = None,
                 weight_bits: int | None = None, bias_bits: int | None = None, quantize_activation: bool = False,
                 groups: int = 1, eps: float = 1e-05, momentum: float = 0.05, **unknown: Any) -> None:
        super().__init__()
        parts, found = self._completed(op, pooling, activation)
        norm = batchnorm or ("Affine" if parts.norm else None)
        where = f"{type(self).__name__}({in_channels}, {out_channels})"
        _refuse(found, where, Convolution, unknown)
        if not parts.pool and (pool_size, pool_stride, pool_dilation) != USUAL_POOL:
            found.add("BT5350", where, "it has no pooling, so pool_size, pool_stride and pool_dilation do nothing",
                      "leave them out, or use a layer with MaxPool or AvgPool in its name")
        _check(found, where, parts, wide, norm, weight_bits, bias_bits, pool_dilation)
        found.raise_as(BadInput)
        self._place_pool(parts, pool_size, pool_stride, pool_dilation)
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "bias": bool(bias),
                                   "groups": in_channels if parts.depthwise else groups}
        if parts.op == "ConvTranspose2d":
            options["output_padding"] = 1
        made = getattr(nn, parts.op)(in_channels, out_channels, kernel_size, **options)
        self._place_rest(parts, made, wide, weight_bits, bias_bits)
        if norm is not None:
            kind = nn.BatchNorm1d if parts.rank == 1 else nn.BatchNorm2d
            self.bn = kind(out_channels, eps=eps, momentum=momentum, affine=bool(NORMS[norm]))

    def _completed(self, op: str | None, pooling: str | None, activation: str | None) -> tuple[Parts, Diagnostics]:
        """The parts that the name states, with those that the arguments add; and what is wrong with these."""
        found, parts, where = Diagnostics(), self.parts, type(self).__name__
        ops = [o for o in CONVOLUTIONS if rank_of(o) == parts.rank]
        for name, value, known in (("op", op, ops), ("pool", pooling, POOLS), ("activation", activation, ACTIVATIONS)):
            if value is None or value == getattr(parts, name):
                continue
            if value not in known or (name != "op" and getattr(parts, name)):
                found.add("BT5350", where, f"{name} {value!r} does not go with its name", f"use one of "
                          f"{', '.join(known)}, with a layer whose name leaves it open")
            else:
                parts = replace(parts, **{name: value})  # type: ignore[arg-type]
        return parts, found


class FullyConnected(QuantizationAwareModule):
    """Layers with a matrix of weights, for flattened data; see `Parts`. Without a bias unless `bias` is True.

    Raises `BadInput` (BT5350).
    """

    def __init__(self, in_features: int, out_features: int, *, pooling: str | None = None, bias: bool | None = None,
                 activation: str | None = None, wide: bool = False, batchnorm: str | None = None,
                 weight_bits: int | None = None, bias_bits: int | None = None, quantize_activation: bool = False,
                 **unknown: Any) -> None:
        super().__init__()
        parts, found = replace(self.parts, activation=activation or self.parts.activation), Diagnostics()
        where = f"{type(self).__name__}({in_features}, {out_features})"
        _refuse(found, where, FullyConnected, unknown)
        if pooling is not None or batchnorm is not None:
            found.add("BT5350", where, f"pooling is {pooling!r} and batchnorm {batchnorm!r}", "use a 1x1 convolution")
        _check(found, where, parts, wide, None, weight_bits, bias_bits, 1)
        found.raise_as(BadInput)
        self._place_rest(parts, nn.Linear(in_features, out_features, bias is True), wide, weight_bits, bias_bits)


class Pooling(QuantizationAwareModule):
    """Pooling alone. `stride` None is the window's size.

    `weight_bits`, `bias_bits` and `quantize_activation` have no effect: model files hand them to every layer alike.

    Raises `BadInput` (BT5350).
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, dilation: Size = 1, *,
                 weight_bits: int | None = None, bias_bits: int | None = None, quantize_activation: bool = False,
                 **unknown: Any) -> None:
        super().__init__()
        found, where = Diagnostics(), f"{type(self).__name__}({kernel_size})"
        _refuse(found, where, Pooling, unknown)
        _check(found, where, self.parts, False, None, weight_bits, bias_bits, dilation)
        found.raise_as(BadInput)
        self._place_pool(self.parts, kernel_size, stride, dilation)


def _refuse(found: Diagnostics, where: str, layer: type[QuantizationAwareModule], unknown: Iterable[str]) -> None:
    """Note the arguments that no such layer has."""
    known = inspect.signature(layer).parameters.values()
    names = ", ".join(parameter.name for parameter in known if parameter.kind is not parameter.VAR_KEYWORD)
    for name in unknown:
        found.add("BT5350", where, f"there is no argument {name!r}", f"use one of {names}")


def _check(found: Diagnostics, where: str, parts: Parts, wide: bool, norm: str | None, weight_bits: int | None,
           bias_bits: int | None, pool_dilation: Size) -> None:
    """Note what contradicts itself. Whether a device has such a layer is for `bittrue check` to say."""
    bits, norms = (None, *WEIGHT_BITS), ", ".join(map(repr, NORMS))
    dilated = any(d != 1 for d in (pool_dilation if isinstance(pool_dilation, tuple) else (pool_dilation,)))
    for wrong, why, fix in (
            (wide and parts.activation, f"wide sums have no activation, but it is {parts.activation}", "drop one"),
            (parts.activation not in ("", *ACTIVATIONS), f"its activation is {parts.activation!r}",
             f"use one of {', '.join(ACTIVATIONS)}"),
            (norm not in NORMS, f"batchnorm is {norm!r}", f"use one of {norms}"),
            (weight_bits not in bits, f"weight_bits is {weight_bits!r}", f"use one of {bits}"),
            (bias_bits not in bits, f"bias_bits is {bias_bits!r}", f"use one of {bits}"),
            (parts.pool == "Avg" and dilated, "an average is taken over neighbours", "use a dilation of 1")):
        if wrong:
            found.add("BT5350", where, why, fix)


def _layer(parts: Parts) -> type[QuantizationAwareModule]:
    base = FullyConnected if parts.op == LINEAR else Convolution if parts.op else Pooling
    return type(parts.name, (base,), {"parts": parts, "__module__": __name__, "__doc__": parts.description})


LAYERS: dict[str, type[Any]] = {parts.name: _layer(parts) for parts in all_parts()}
"""All layers by name; each is also a name of this module."""

globals().update(LAYERS)
