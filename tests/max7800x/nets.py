"""Random hardware layers and networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from bittrue.targets.max7800x.network import INPUT, Activation, Eltwise, Layer, Network, Operator, Pool, Weights

RANGES = {1: (-1, 0), 2: (-2, 1), 4: (-8, 7), 8: (-128, 127)}


def weights(rng: np.random.Generator, shape: tuple[int, ...], bits: int, bias: bool) -> Weights:
    lo, hi = RANGES[bits]
    values = rng.integers(lo, hi + 1, shape)
    return Weights(values, bits, bias=rng.integers(-128, 128, shape[0]) if bias else None)


def random_layer(rng: np.random.Generator, operator: Operator, channels: int, dim: tuple[int, int],
                 **changes: Any) -> Layer:
    """A layer that reads the input, with random weights and parameters that the operator takes."""
    bits, outputs = int(rng.choice([1, 2, 4, 8])), int(rng.integers(1, 7))
    shift = int(rng.integers(-6, 6))
    common: dict[str, Any] = {"activation": Activation(rng.choice([a.value for a in Activation])), "shift": shift}
    bias = bool(rng.integers(2))
    if operator is Operator.CONV1D:
        size, pad, dil = int(rng.integers(1, 5)), int(rng.integers(0, 2)), int(rng.integers(1, 3))
        common |= {"kernel": (size, 1), "pad": (min(pad, size - 1), 0), "dilation": (dil, 1),
                   "weights": weights(rng, (outputs, channels, size), bits, bias)}
    elif operator is Operator.LINEAR:
        inputs = channels * dim[0] * dim[1]
        common |= {"flatten": dim != (1, 1), "weights": weights(rng, (outputs, inputs), bits, bias)}
    elif operator is Operator.PASSTHROUGH:
        common = {}
    else:
        size = 3 if operator is Operator.CONVTRANSPOSE2D else int(rng.choice([1, 3]))
        pad = int(rng.integers(0, size)) if size > 1 else 0
        common |= {"kernel": (size, size), "pad": (pad, pad), "weights": weights(rng, (outputs, channels, size, size),
                                                                                 bits, bias)}
        if operator is Operator.CONVTRANSPOSE2D:
            common |= {"stride": (2, 2), "output_pad": (1, 1)}
    return Layer("layer", operator, (INPUT,), channels, dim, **(common | changes))


def random_pool(rng: np.random.Generator, one_dimensional: bool, dilate: bool = False) -> Pool:
    window = int(rng.integers(1, 4)), 1 if one_dimensional else int(rng.integers(1, 4))
    stride = int(rng.integers(1, 4))
    dilation = int(rng.integers(1, 3)) if dilate else 1
    return Pool(bool(rng.integers(2)), window, (stride, 1 if one_dimensional else stride),
                (dilation, 1 if one_dimensional else dilation))


def eltwise_layer(rng: np.random.Generator, operands: int, channels: int, dim: tuple[int, int],
                  **changes: Any) -> Layer:
    kind = Eltwise(rng.choice([e.value for e in Eltwise]))
    return Layer("sum", Operator.PASSTHROUGH, (INPUT,), channels, dim, eltwise=kind, operands=operands, **changes)


def network(layers: list[Layer], channels: int, dim: tuple[int, int], **changes: Any) -> Network:
    return Network("net", channels, dim, tuple(layers), (len(layers) - 1,), **changes)
