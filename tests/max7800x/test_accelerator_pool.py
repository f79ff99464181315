"""Pooling, element-wise operations and passthrough of the accelerator model, against plain Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import pytest

from bittrue.targets.max7800x.accelerator import Kind

from .chip_by_hand import Chip, Image, Layer, convolved, hwc, image, outputs, stream, word, write_layer

BOTH = pytest.mark.parametrize("name", ["max78000", "max78002"])
Pool = Callable[[list[int]], int]


def windows(channel: Image, size: tuple[int, int], stride: int, pool: Pool) -> Image:
    """Pooling in plain Python."""
    rows, columns = ((n - w) // stride + 1 for n, w in zip((len(channel), len(channel[0])), size, strict=True))
    return [[pool([channel[r * stride + a][c * stride + b] for a in range(size[0]) for b in range(size[1])])
             for c in range(columns)] for r in range(rows)]


def towards_zero(values: list[int]) -> int:
    """The mean without its fraction."""
    return (abs(sum(values)) // len(values)) * (1 if sum(values) >= 0 else -1)


def nearest(values: list[int]) -> int:
    """The mean, half away from zero."""
    return ((2 * abs(sum(values)) + len(values)) // (2 * len(values))) * (1 if sum(values) >= 0 else -1)


@BOTH
@pytest.mark.parametrize(("pool", "maximum", "rounds"), [(max, 1, 0), (towards_zero, 0, 0), (nearest, 0, 1)])
@pytest.mark.parametrize(("size", "stride"), [((2, 2), 2), ((3, 2), 1), ((2, 3), 3)])
def test_passthrough_pools(name: str, pool: Pool, maximum: int, rounds: int, size: tuple[int, int],
                           stride: int) -> None:
    chip, inputs = Chip(name), [image(8, 7, s) for s in range(6)]
    chip.boot()
    chip.data(0, hwc(inputs[:4]), first=5)
    chip.data(4, hwc(inputs[4:]), first=5)
    write_layer(chip, Layer((8, 7), processors=0x3F, pool=size, stride=stride, source=5, target=100), passthrough=True,
                change=lambda v: v["LCTL"].update(maxpl_en=maximum))
    chip.start(poolrnd=rounds)
    for i in range(6):
        expected = windows(inputs[i], size, stride, pool)
        assert chip.channel(i, 100, len(expected), len(expected[0])) == expected
    assert chip.bus.complaints == []


def test_processors_with_gaps_are_written_side_by_side() -> None:
    chip, inputs = Chip(), [image(2, 3, s) for s in range(5)]
    chip.boot()
    chip.data(0, hwc(inputs[:4]))
    chip.data(8, hwc(inputs[4:]))
    write_layer(chip, Layer((2, 3), processors=0x10F, target=60), passthrough=True)
    chip.start()
    assert chip.channel(4, 60, 2, 3) == inputs[4]
    assert chip.bus.complaints == []


@BOTH
def test_passthrough_of_two_passes(name: str) -> None:
    chip, inputs = Chip(name), [image(3, 2, s) for s in range(2)]
    chip.boot()
    chip.data(0, [w for pair in zip(hwc(inputs[:1]), hwc(inputs[1:]), strict=True) for w in pair])
    write_layer(chip, Layer((3, 2), processors=1, passes=2, target=30), passthrough=True)
    chip.start()
    assert [chip.channel(0, 30 + q, 3, 2, step=2) for q in range(2)] == inputs
    assert chip.bus.complaints == []


OPERATIONS: list[tuple[int, Callable[[int, int], int]]] = [
    (0, lambda a, b: a - b), (1, lambda a, b: a + b), (2, lambda a, b: a | b), (3, lambda a, b: a ^ b)]


@BOTH
@pytest.mark.parametrize(("code", "operation"), OPERATIONS)
def test_element_wise(name: str, code: int, operation: Callable[[int, int], int]) -> None:
    chip, inputs = Chip(name), [image(3, 5, s) for s in range(3)]
    chip.boot()
    words = [word(channel[r][c]) for r in range(3) for c in range(5) for channel in inputs]
    chip.data(0, words)
    write_layer(chip, Layer((3, 5), processors=1, operands=3, target=70), passthrough=True,
                change=lambda v: v["ONED"].update(ewise_func=code))
    chip.start()
    expected = [[max(min(reduce(operation, [channel[r][c] for channel in inputs]), 127), -128) for c in range(5)]
                for r in range(3)]
    assert chip.channel(0, 70, 3, 5) == expected
    assert chip.bus.complaints == []


@BOTH
@pytest.mark.parametrize("first", [0, 1])
def test_pooling_before_and_after_the_addition(name: str, first: int) -> None:
    chip, inputs = Chip(name), [image(4, 6, s) for s in range(2)]
    chip.boot()
    chip.data(0, [word(channel[r][c]) for r in range(4) for c in range(6) for channel in inputs])
    chip.kernels(0, [64])
    write_layer(chip, Layer((4, 6), processors=1, operands=2, pool=(2, 2), stride=2, kernel=(1, 1), outputs=1,
                            target=90),
                change=lambda v: v["ONED"].update(ewise_func=1, prepool=first, conv2d=1))
    chip.start()

    def added(a: Image, b: Image) -> Image:
        return [[max(min(x + y, 127), -128) for x, y in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)]
    pools = [windows(channel, (2, 2), 2, max) for channel in inputs]
    combined = added(*pools) if first else windows(added(*inputs), (2, 2), 2, max)
    assert chip.channel(0, 90, 2, 3) == outputs(convolved([combined], [[[64]]], (1, 1))[0])
    assert chip.bus.complaints == []


def test_dilated_pooling_and_read_gap() -> None:
    chip, channel = Chip("max78002"), image(6, 5, 3)
    chip.boot()
    chip.data(0, [w for value in hwc([channel]) for w in (value, 0x55555555)])

    def change(values: dict[str, dict[str, int]]) -> None:
        values["PRCNT"] = {"prcnt_max": 2, "prcnt_inc": 1}
        values["RCNT"] |= {"rcnt_stop": 3, "rcnt_step": 2 * 1}
        values["CCNT"] |= {"ccnt_stop": 4, "ccnt_step": 1}
        values["STRIDE"] = {"mp_stride": 2}
        values["LCTL"]["pool_en"] = 1

    write_layer(chip, Layer((6, 5), processors=1, target=200), passthrough=True, change=change)
    chip.start()
    assert chip.channel(0, 200, 4, 5) == [[max(channel[r][c], channel[r + 2][c]) for c in range(5)] for r in range(4)]
    assert chip.bus.complaints == []


def test_average_after_an_element_wise_layer_needs_a_layer_in_between() -> None:
    chip = Chip("max78002")
    chip.boot(last=1)
    chip.data(0, [1, 2, 3, 4] * 2)
    write_layer(chip, Layer((2, 2), processors=1, operands=2, target=50), passthrough=True,
                change=lambda v: v["ONED"].update(ewise_func=1))
    write_layer(chip, Layer((2, 2), processors=1, pool=(2, 2), stride=2, source=50, target=60), number=1,
                passthrough=True, change=lambda v: v["LCTL"].update(maxpl_en=0))
    chip.start()
    assert chip.kinds() == {Kind.POOL_SUMS}
    assert chip.byte(0, 60) == (3 + 7 + 3 + 7) // 4


def test_pool_first_then_convolve_with_several_channels() -> None:
    chip, inputs = Chip(), [image(5, 9, s) for s in range(4)]
    kernels = [[[o + i - w for w in range(9)] for i in range(4)] for o in range(5)]
    chip.boot()
    for p in range(4):
        chip.kernels(p, stream(kernel[p] for kernel in kernels), column=4)
    chip.data(0, hwc(inputs))
    write_layer(chip, Layer((5, 9), pool=(2, 2), stride=2, pad=(1, 1), outputs=5, column=4, target=80))
    chip.start()
    pooled = [windows(channel, (2, 2), 2, max) for channel in inputs]
    for o, sums in enumerate(convolved(pooled, kernels, (3, 3), (1, 1))):
        assert chip.channel(o, 80, 2, 4) == outputs(sums)
    assert chip.bus.complaints == []
