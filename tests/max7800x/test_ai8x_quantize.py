"""Quantizing checkpoints of floats, against plain Python in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.targets.max7800x.ai8x import import_ai8x
from bittrue.targets.max7800x.ai8x.checkpoint import Tensors
from bittrue.targets.max7800x.ai8x.quantize import Clip, Clipping, quantize_layer

from .ai8x_files import GOOD, checkpoint, edited, files, saved, state

STEPS = 1024
"""Weights are multiples of 1 / STEPS, so that float32 holds every value on the way exactly."""


def tensors(weight: list[float], bias: list[float] | None = None, shape: tuple[int, ...] = (-1, 2, 1, 1),
            **more: float) -> Tensors:
    """One layer of a checkpoint."""
    return Tensors("c.op.weight", "c", np.array(weight, dtype=np.float32).reshape(shape),
                   None if bias is None else np.array(bias, dtype=np.float32), **more)  # type: ignore[arg-type]


def rounded(value: Fraction, bits: int) -> int:
    """Half up, clamped."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, floor(value + Fraction(1, 2))))


def places(largest: Fraction) -> int:
    """floor(log2(1 / largest)), for 0 < largest."""
    k = 0
    while largest * 2 ** (k + 1) <= 1:
        k += 1
    while largest * Fraction(2) ** k > 1:
        k -= 1
    return k


@given(st.lists(st.integers(-3 * STEPS, 3 * STEPS), min_size=4, max_size=8).filter(any).map(lambda w: w[len(w) % 2:]),
       st.lists(st.integers(-STEPS, STEPS), min_size=4, max_size=4), st.booleans(), st.sampled_from([1, 2, 4, 8]))
def test_the_rule_of_training(weight: list[int], bias: list[int], biased: bool, bits: int) -> None:
    used = bias[:len(weight) // 2]
    weight = weight if any(weight) else [1, *weight[1:]]
    largest = max(map(abs, weight + (used if biased else [])))
    made = quantize_layer(tensors([w / STEPS for w in weight], [b / STEPS for b in used] if biased else None), bits,
                          Clipping())
    k = places(Fraction(largest, STEPS))
    scale = Fraction(2) ** (k + bits - 1)
    assert made.output_shift == -k
    assert made.weight.ravel().tolist() == [rounded(Fraction(w, STEPS) * scale, bits) for w in weight]
    assert (None if made.bias is None else made.bias.tolist()) == (
        [rounded(Fraction(b, STEPS) * scale, bits) for b in used] if biased else None)


def test_a_quantile_leaves_out_the_largest_weights() -> None:
    weight = [0.125] * 9 + [0.75]
    assert quantize_layer(tensors(weight), 8, Clipping()).output_shift == 0
    made = quantize_layer(tensors(weight, shift_quantile=0.5), 8, Clipping())
    assert made.output_shift == -3  # the median is 1/8
    assert made.weight.ravel().tolist() == [127] * 10


def test_limits_of_the_shift() -> None:
    assert quantize_layer(tensors([0.0, 0.0]), 8, Clipping()).output_shift == -(23 - 8)
    assert quantize_layer(tensors([2.0 ** 30, 0.0]), 4, Clipping()).output_shift == 7 + 4


@pytest.mark.parametrize(("clipping", "scale"), [
    (Clipping(Clip.SCALE, scale=0.75), 0.75),
    (Clipping(Clip.MAX), 1.0),
    (Clipping(Clip.AVG), (0.5 + 1.0) / 2),  # of the largest magnitudes 0.5 and 1
    (Clipping(Clip.AVGMAX), 0.625),  # the smallest are -0.25 and -1, their mean -0.625; the largest 0.5 and 0.25
])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_clipping(clipping: Clipping, scale: float, bits: int) -> None:
    weight, bias = [0.5, -0.25, 0.25, -1.0], [2.5, -0.125]
    made = quantize_layer(tensors(weight, bias, output_shift=-2.0), bits, clipping)
    factor = Fraction(scale) * 2 ** (bits - 1)
    assert made.weight.ravel().tolist() == [rounded(Fraction(w) * factor, bits) for w in weight]
    assert made.bias is not None
    assert made.bias.tolist() == [rounded(Fraction(b) * factor, 8) for b in bias]
    assert made.output_shift == -2


def test_standard_deviations() -> None:
    weight = [0.0, 0.0, 0.0, 0.5]  # mean 1/8, variance (3/64 + 9/64) / 3 = 1/16
    one = quantize_layer(tensors(weight), 8, Clipping(Clip.STDDEV, deviations=1.0))
    assert one.weight.ravel().tolist() == [0, 0, 0, 24]  # 3/8 * 128 / 2
    two = quantize_layer(tensors(weight), 8, Clipping(Clip.STDDEV))
    assert two.weight.ravel().tolist() == [0, 0, 0, 32]  # 1/2 * 128 / 2


def float_state() -> dict[str, torch.Tensor]:
    """The tensors of `GOOD` before quantization."""
    tensors = dict(state())
    for name in [name for name in tensors if name.endswith(("weight", "bias"))]:
        tensors[name] = tensors[name] / 300
    return tensors


def test_a_checkpoint_of_floats_is_quantized(tmp_path: Path) -> None:
    config, path = files(tmp_path, content=saved(checkpoint(float_state())))
    stem, left, _, _, head = import_ai8x(config, path, "MAX78000").network.layers
    # bias 3 * 128 / 300 = 1.28 is the largest: k = -1; left 9 / 300 = 0.03: k = 5; head 56 / 300 = 0.19: k = 2
    assert [layer.shift for layer in (stem, left, head)] == [1, -5, -2 + 4]
    assert stem.weights is not None
    assert stem.weights.bias is not None
    assert stem.weights.bias.tolist() == [27, -55, 82, 0]  # n * 128 / 300 * 64
    assert head.weights is not None
    assert head.weights.bits == 4
    assert head.weights.values.max() == rounded(Fraction(7, 300) * 32, 4) == 1
    clipped = import_ai8x(config, path, "MAX78000", clipping=Clipping(Clip.SCALE, scale=1.0)).network.layers
    assert [layer.shift for layer in clipped if layer.weights] == [-2, 1, 4]


def test_quantization_of_the_description_counts_first(tmp_path: Path) -> None:
    text = edited({22: "    pad: 0\n    quantization: 2"})
    config, path = files(tmp_path, text, saved(checkpoint(float_state())))
    left = import_ai8x(config, path, "MAX78000").network.layers[1]
    assert left.weights is not None
    assert (left.weights.bits, left.shift) == (2, -5 + 6)
    assert left.weights.values.min() == rounded(Fraction(-9, 300) * 64, 2) == -2


@pytest.mark.parametrize(("text", "tensors", "clipping", "codes"), [
    (edited({22: "    pad: 0\n    quantization: binary"}), float_state(), None, ["BT5232"]),
    (GOOD, state(), Clipping(Clip.MAX), ["BT5232"]),
    (GOOD, float_state() | {"left.op.weight": float_state()["left.op.weight"] * 1e8}, None, ["BT5232"]),
    (GOOD, float_state() | {"stem.op.bias": float_state()["stem.op.bias"] * 1e35}, None, ["BT5232"]),
    (GOOD, state() | {"left.op.weight": float_state()["left.op.weight"]}, None, ["BT5231"]),
])
def test_what_cannot_be_quantized(tmp_path: Path, text: str, tensors: dict[str, torch.Tensor],
                                  clipping: Clipping | None, codes: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        import_ai8x(*files(tmp_path, text, saved(checkpoint(tensors))), "MAX78000", clipping=clipping)
    assert [item.code for item in caught.value.diagnostics] == codes
