"""What a hardware layer computes, in plain Python: loops over pixels and channels, no NumPy arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import floor

from bittrue.targets.max7800x.network import INPUT, Activation, Eltwise, Layer, Network, Operator

Image = list[list[list[int]]]
"""Channels, rows, columns."""


def run(network: Network, image: Image) -> list[Image]:
    """Outputs of all layers."""
    results: list[Image] = []
    for layer in network.layers:
        sources = [image if s == INPUT else results[s] for s in layer.sources]
        results.append(run_layer(layer, sources, network.round_average))
    return results


def run_layer(layer: Layer, sources: list[Image], rounds: bool) -> Image:
    operands = [_reshaped(part, layer.in_dim) for part in _operands(layer, sources)]
    if layer.eltwise is not None and not layer.pool_first:
        operands = [_combine(layer, operands)]
    pooled = [[_pool(layer, channel, rounds) for channel in operand] for operand in operands]
    data = _combine(layer, pooled) if len(pooled) > 1 else pooled[0]
    if not layer.convolves:
        return data
    if layer.flatten:
        data = [[[value]] for channel in data for row in channel for value in row]
    return [[[_output(layer, acc) for acc in row] for row in channel] for channel in _convolve(layer, data)]


def _operands(layer: Layer, sources: list[Image]) -> list[Image]:
    if len(sources) == layer.operands > 1:
        return sources
    if layer.spatial_join:
        return [[[[v for s in sources for row in s[c] for v in row]] for c in range(layer.in_channels)]]
    joined = [channel for source in sources for channel in source]
    return [joined[i * layer.in_channels:(i + 1) * layer.in_channels] for i in range(layer.operands)]


def _reshaped(image: Image, dim: tuple[int, int]) -> Image:
    flat = [[v for row in channel for v in row] for channel in image]
    return [[values[r * dim[1]:(r + 1) * dim[1]] for r in range(dim[0])] for values in flat]


def _pool(layer: Layer, channel: list[list[int]], rounds: bool) -> list[list[int]]:
    pool = layer.pool
    out = []
    for row in range(0, len(channel) - (pool.window[0] - 1) * pool.dilation[0], pool.stride[0]):
        line = []
        for col in range(0, len(channel[0]) - (pool.window[1] - 1) * pool.dilation[1], pool.stride[1]):
            values = [channel[row + r * pool.dilation[0]][col + c * pool.dilation[1]]
                      for r, c in product(range(pool.window[0]), range(pool.window[1]))]
            line.append(_mean(values, rounds and layer.operator is not Operator.CONV1D)
                        if pool.average else max(values))
        out.append(line)
    return out


def _mean(values: list[int], rounds: bool) -> int:
    mean = Fraction(sum(values), len(values))
    magnitude = floor(abs(mean) + (Fraction(1, 2) if rounds else 0))
    return magnitude if mean >= 0 else -magnitude


def _combine(layer: Layer, operands: list[Image]) -> Image:
    kinds = {Eltwise.ADD: lambda a, b: a + b, Eltwise.SUB: lambda a, b: a - b,
             Eltwise.OR: lambda a, b: a | b, Eltwise.XOR: lambda a, b: a ^ b}
    assert layer.eltwise is not None
    kind = kinds[layer.eltwise]

    def one(c: int, r: int, x: int) -> int:
        value = operands[0][c][r][x]
        for operand in operands[1:]:
            value = kind(value, operand[c][r][x])
        return value if layer.output_width == 32 and not layer.convolves else max(-128, min(127, value))

    channels, rows, cols = len(operands[0]), len(operands[0][0]), len(operands[0][0][0])
    return [[[one(c, r, x) for x in range(cols)] for r in range(rows)] for c in range(channels)]


def _convolve(layer: Layer, data: Image) -> Image:
    """Sums with bias. A transposed convolution is one with stride 1 on the image with zeros between its pixels."""
    assert layer.weights is not None
    bias = [0] * layer.out_channels if layer.weights.bias is None else layer.weights.bias.tolist()
    rows, cols = layer.out_dim
    pad = layer.pad
    stride = layer.stride
    if layer.operator is Operator.CONVTRANSPOSE2D:
        data = [_stretched(channel, layer.stride) for channel in data]
        pad = (layer.kernel[0] - 1 - layer.pad[0], layer.kernel[1] - 1 - layer.pad[1])
        stride = (1, 1)
    return [[[_sum(layer, data, o, r * stride[0] - pad[0], c * stride[1] - pad[1]) + 128 * bias[o]
              for c in range(cols)] for r in range(rows)] for o in range(layer.out_channels)]


def _stretched(channel: list[list[int]], stride: tuple[int, int]) -> list[list[int]]:
    rows, cols = (len(channel) - 1) * stride[0] + 1, (len(channel[0]) - 1) * stride[1] + 1
    return [[channel[r // stride[0]][c // stride[1]] if r % stride[0] == 0 and c % stride[1] == 0 else 0
             for c in range(cols)] for r in range(rows)]


def _sum(layer: Layer, data: Image, out: int, row: int, col: int) -> int:
    assert layer.weights is not None
    weights = layer.weights.values[out].reshape(-1, *layer.kernel).tolist()
    first = out // (layer.out_channels // layer.groups) * len(weights)
    total = 0
    for i, kernel in enumerate(weights):
        for r, c in product(range(layer.kernel[0]), range(layer.kernel[1])):
            y, x = row + r * layer.dilation[0], col + c * layer.dilation[1]
            if 0 <= y < len(data[0]) and 0 <= x < len(data[0][0]):
                total += kernel[r][c] * data[first + i][y][x]
    return total


def _output(layer: Layer, acc: int) -> int:
    if layer.output_width == 32:
        return acc
    value = floor(Fraction(acc) * Fraction(2) ** (layer.shift - 7) + Fraction(1, 2))
    value = max(-128, min(127, value))
    if layer.activation is Activation.ABS:
        return min(abs(value), 127)
    return max(value, 0) if layer.activation is Activation.RELU else value
