"""What the emitted project says of its network, and the few decisions that registers and memories do not show."""

from __future__ import annotations

from dataclasses import dataclass

from ..network import DATA_BITS, Activation, Dim, Eltwise, Layer, Network
from ..placement import Fifo, Placement


@dataclass(frozen=True)
class About:
    """A network in words. `layers` has one line for every layer of the network."""

    name: str
    input: str
    layers: tuple[str, ...]
    fifo: Fifo = Fifo.NONE
    softmax_shift: int = 0
    """How far sums are shifted left before softmax: 8 - bits of the last layer's weights."""
    round_average: bool = False
    simple_1b: bool = False

    @classmethod
    def of(cls, network: Network, placement: Placement) -> About:
        """What there is to say of a placed network."""
        layout = "channel by channel (CHW)" if placement.chw else "four channels to a word (HWC)"
        weights = network.output.weight_bits
        return cls(network.name, f"{_size(network.in_channels, network.in_dim)}, {layout}",
                   tuple(map(describe, network.layers)), placement.fifo, DATA_BITS - weights if weights else 0,
                   network.round_average, network.simple_1b)


def describe(layer: Layer) -> str:
    """A layer in a line."""
    parts = [_size(layer.in_channels, layer.in_dim), *_joins(layer), *_pooling(layer), *_engine(layer)]
    if layer.activation is not Activation.NONE:
        parts.append(layer.activation.value)
    width = f" ({layer.output_width} bits)" if layer.output_width != DATA_BITS else ""
    return f"{layer.name}: {', '.join(parts)} -> {_size(layer.out_channels, layer.out_dim)}{width}"


def _joins(layer: Layer) -> list[str]:
    if layer.eltwise is None:
        return []
    names = {Eltwise.ADD: "sum", Eltwise.SUB: "difference", Eltwise.OR: "or", Eltwise.XOR: "exclusive or"}
    return [f"{names[layer.eltwise]} of {layer.operands} operands"]


def _pooling(layer: Layer) -> list[str]:
    pool = layer.pool
    if not pool.active and pool.stride == (1, 1):
        return []
    kind = ("average" if pool.average else "max") if pool.active else "skip"
    dilation = f" dilation {_dim(pool.dilation)}" if pool.dilation != (1, 1) else ""
    return [f"{kind} pool {_dim(pool.window)} stride {_dim(pool.stride)}{dilation}"]


def _engine(layer: Layer) -> list[str]:
    if not layer.convolves:
        return [layer.operator.value]
    text = f"{layer.operator.value} {_dim(layer.kernel)}"
    details = (("stride", layer.stride, (1, 1)), ("pad", layer.pad, (0, 0)), ("dilation", layer.dilation, (1, 1)))
    text += "".join(f" {name} {_dim(value)}" for name, value, usual in details if value != usual)
    text += f" groups {layer.groups}" if layer.groups > 1 else ""
    return [*(["flatten"] if layer.flatten else []), text, f"{layer.weight_bits}-bit weights"]


def _dim(dim: Dim) -> str:
    return f"{dim[0]}x{dim[1]}"


def _size(channels: int, dim: Dim) -> str:
    return f"{channels}x{_dim(dim)}"
