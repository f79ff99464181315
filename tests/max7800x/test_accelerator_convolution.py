"""Convolutions of the accelerator model, register by register, against sums in plain Python."""

from __future__ import annotations

import pytest

from .chip_by_hand import (
    Chip,
    Layer,
    convolved,
    hwc,
    image,
    numbers,
    outputs,
    signed,
    stream,
    word,
    write_layer,
)

BOTH = pytest.mark.parametrize("name", ["max78000", "max78002"])


def kernels(outputs_: int, inputs: int, weights: int, seed: int = 1, bits: int = 8) -> list[list[list[int]]]:
    """Kernels by output and input."""
    high = (1 << bits - 1) - 1
    values = iter(numbers(outputs_ * inputs * weights, seed, -high - 1, high))
    return [[[next(values) for _ in range(weights)] for _ in range(inputs)] for _ in range(outputs_)]


def load(chip: Chip, found: list[list[list[int]]], column: int = 0) -> None:
    """Write the kernels of a layer of one pass, input i into processor i."""
    for i in range(len(found[0])):
        chip.kernels(i, stream(kernel[i] for kernel in found), column)


@BOTH
def test_three_by_three_with_padding_bias_and_relu(name: str) -> None:
    chip, inputs, found = Chip(name), [image(5, 7, s) for s in range(3)], kernels(6, 3, 9)
    biases = [5, -7, 0, 127, -128, 33]
    chip.boot()
    load(chip, found, column=8)
    chip.bias(0, biases, first=3)
    chip.data(0, hwc(inputs), first=10)
    layer = Layer((5, 7), processors=7, pad=(1, 1), outputs=6, column=8, source=10, target=300)
    write_layer(chip, layer, change=lambda v: (v["POST"].update(bptr_en=1, bptr_sad=3, scale_reg=4, scale_shft=1),
                                               v["LCTL"].update(act_en=1)))
    chip.start()
    sums = convolved(inputs, found, (3, 3), (1, 1))
    for i in range(6):
        assert chip.channel(i, 300, 5, 7) == outputs(sums[i], -4, biases[i], relu=True)
    assert chip.bus.complaints == []
    assert chip.bus.interrupt


@BOTH
def test_two_passes_of_input_and_output_with_four_bits(name: str) -> None:
    chip, inputs = Chip(name), [image(3, 4, s) for s in range(6)]
    found = kernels(8, 6, 1, bits=4)
    chip.boot()
    for p in range(3):  # processor p reads channel p in pass 0, channel 3 + p in pass 1
        weights = [found[o][p + 3 * q][0] for o in range(8) for q in range(2)]
        chip.kernels(p, [weights[i] & 15 | (weights[i + 1] & 15) << 4 for i in range(0, 16, 2)], column=4)
    first, second = hwc(inputs[:3]), hwc(inputs[3:])
    chip.data(0, [w for pair in zip(first, second, strict=True) for w in pair])
    write_layer(chip, Layer((3, 4), processors=7, passes=2, kernel=(1, 1), outputs=4, out_passes=2, bits=4, column=4,
                            target=200))
    chip.start()
    sums = convolved(inputs, found, (1, 1))
    for o in range(8):
        assert chip.channel(o % 4, 200 + o // 4, 3, 4, step=2) == outputs(sums[o])
    assert chip.bus.complaints == []


@BOTH
@pytest.mark.parametrize(("length", "pad"), [(2, 0), (5, 2), (9, 1)])
def test_one_dimensional(name: str, length: int, pad: int) -> None:
    chip, inputs, found = Chip(name), [image(14, 1, s) for s in range(2)], kernels(3, 2, length)
    chip.boot()
    load(chip, found)
    chip.data(0, hwc(inputs))
    write_layer(chip, Layer((14, 1), processors=3, pad=(pad, 0), kernel=(length, 1), one_d=True, outputs=3, target=99))
    chip.start()
    for i, sums in enumerate(convolved(inputs, found, (length, 1), (pad, 0))):
        assert chip.channel(i, 99, 14 + 2 * pad - length + 1, 1) == outputs(sums)
    assert chip.bus.complaints == []


@BOTH
def test_transposed_stretches_by_two(name: str) -> None:
    chip, inputs, found = Chip(name), [image(3, 2, 5)], kernels(2, 1, 9)
    chip.boot()
    load(chip, found)
    chip.data(0, hwc(inputs))
    write_layer(chip, Layer((3, 2), processors=1, pad=(1, 1), outputs=2, stretch=True, target=50))
    chip.start()
    stretched = [[inputs[0][r // 2][c // 2] if r % 2 == c % 2 == 0 else 0 for c in range(4)] for r in range(6)]
    for i, sums in enumerate(convolved([stretched], found, (3, 3), (1, 1))):
        assert chip.channel(i, 50, 6, 4) == outputs(sums)
    assert chip.bus.complaints == []


@BOTH
def test_sums_of_32_bits(name: str) -> None:
    chip, inputs, found = Chip(name), [image(2, 3, s) for s in range(4)], kernels(5, 4, 1)
    chip.boot()
    load(chip, found)
    chip.bias(0, [1, 2, 3, 4, 5])
    chip.data(0, hwc(inputs))
    write_layer(chip, Layer((2, 3), kernel=(1, 1), outputs=5, target=64),
                change=lambda v: (v["LCTL"].update(bigdwrt=1), v["POST"].update(bptr_en=1)))
    chip.start()
    for i, sums in enumerate(convolved(inputs, found, (1, 1))):
        found_words = chip.bus.data[i // 4, 64 + i % 4:64 + i % 4 + 24:4].view("int32").tolist()
        assert found_words == [value + 128 * (i + 1) for row in sums for value in row]
    assert chip.bus.complaints == []


@BOTH
def test_two_groups_are_added(name: str) -> None:
    chip, inputs, found = Chip(name), [image(4, 3, s) for s in range(2)], kernels(4, 2, 9)
    chip.boot((0, 2))
    for i, processor in enumerate((1, 32)):
        chip.kernels(processor, stream(kernel[i] for kernel in found))
        chip.data(processor, hwc([inputs[i]] * 4))
    for group, mask in ((0, 2), (2, 1)):
        write_layer(chip, Layer((4, 3), processors=mask, target=77), group=group,
                    change=lambda v, group=group: v["LCTL"].update(cnnsi_en=0 if group else 4))
    chip.start(2)
    for i, sums in enumerate(convolved(inputs, found, (3, 3))):
        assert chip.channel(i, 77, 2, 1) == outputs(sums)
    assert chip.bus.complaints == []


@BOTH
@pytest.mark.parametrize("shape", [(2, 3), (3, 7)])
def test_flatten_counts_every_pixel_as_a_pass(name: str, shape: tuple[int, int]) -> None:
    chip, inputs = Chip(name), [image(*shape, s) for s in range(4)]
    pixels = shape[0] * shape[1]
    found = kernels(3, 4 * pixels, 1)
    chip.boot()
    for p in range(4):
        chip.kernels(p, [found[o][p * pixels + n][0] for o in range(3) for n in range(pixels)])
    chip.data(0, hwc(inputs))
    high, low = divmod(pixels - 1, 16)

    def change(values: dict[str, dict[str, int]]) -> None:
        values["LCTL2"]["inpchexp"] = low
        values["POST"] |= {"flatten_en": int(pixels > 16), "xpmp_cnt": high}
        values["TPTR"] = {"tptr_sad": pixels - 1, "tptr_max": 2 * pixels - 1} if pixels > 16 else {}

    write_layer(chip, Layer((1, 1), kernel=(1, 1), outputs=3, passes=pixels, target=33), change=change)
    chip.start()
    flat = [channel[r][c] for channel in inputs for r in range(shape[0]) for c in range(shape[1])]
    for o in range(3):
        total = sum(value * found[o][n][0] for n, value in enumerate(flat))
        assert chip.channel(o, 33, 1, 1) == outputs([[total]])
    assert chip.bus.complaints == []


@pytest.mark.parametrize(("bits", "binary"), [(1, 0), (1, 1), (2, 0)])
def test_few_bits(bits: int, binary: int) -> None:
    chip, inputs = Chip("max78002"), [image(3, 3, 8)]
    raw = numbers(4 * 9, 3, 0, (1 << bits) - 1)
    chip.boot()
    fields = [raw[9 * o:9 * o + 9] for o in range(4)]
    chip.kernels(0, [sum(fields[o][w] << bits * o for o in range(4)) for w in reversed(range(9))])
    chip.data(0, hwc(inputs))
    write_layer(chip, Layer((3, 3), processors=1, pad=(1, 1), bits=bits, target=20))
    chip.start(binary=binary)
    meaning = {(1, 0): [0, -1], (1, 1): [1, -1], (2, 0): [0, 1, -2, -1]}[bits, binary]
    found = [[[meaning[value] for value in kernel]] for kernel in fields]
    for o, sums in enumerate(convolved(inputs, found, (3, 3), (1, 1))):
        assert chip.channel(o, 20, 3, 3) == outputs(sums)
    assert chip.bus.complaints == []


@pytest.mark.parametrize("broadcast", [0, 1])
def test_depthwise(broadcast: int) -> None:
    """Two groups; without broadcast channels go on to the next processors."""
    chip, processors = Chip("max78002"), [0, 1, 2, 16, 17]
    inputs, found = [image(4, 5, s) for s in range(5)], numbers(45, 4)
    chip.boot((0, 1))
    for i, p in enumerate(processors):
        chip.kernels(p, found[9 * i:9 * i + 9][::-1])
    chip.data(0, hwc(inputs[:3]))
    chip.data(16, hwc(inputs[3:]))
    biases = [10, -20, 30, -40, 50]
    for i, p in enumerate(processors):
        slot = p % 16 if not broadcast else p % 4 * 4
        chip.bias(p // 16, [biases[i]], first=4 * 8 + slot)
    for group, mask in ((0, 7), (1, 3)):
        def change(values: dict[str, dict[str, int]], group: int = group) -> None:
            values["POST"] |= {"depthwise": 1, "ts_en": 1, "bptr_en": 1, "bptr_sad": 8 if broadcast else 32}
            values["LCTL"]["broadcast"] = broadcast
            values["ONED"]["tscnt_max"] = 2
            values["OCHAN"]["ochan"] = 2
            values["MCNT1"]["mcnt_max"] = 0
            values["LCTL2"]["xpch_max"] = 17 * 8
            if not broadcast:
                values["WPTR_BASE"]["wptr_base"] += group * 4 << 15
                values["WPTR_TOFFS"]["wptr_toff"] = 1 << 15
        write_layer(chip, Layer((4, 5), processors=mask, pad=(1, 1), outputs=1, target=400), group=group, change=change)
    chip.start(1)
    for i, p in enumerate(processors):
        sums = convolved([inputs[i]], [[found[9 * i:9 * i + 9]]], (3, 3), (1, 1))[0]
        assert chip.channel(p, 400, 4, 5) == outputs(sums, bias=biases[i])
    assert chip.bus.complaints == []


def test_four_instances_at_once() -> None:
    """Output channel 4 i + w has kernel i of instance w."""
    chip, inputs, found = Chip("max78002"), [image(4, 3, 2)], kernels(8, 1, 9)
    chip.boot()
    for w in range(4):
        chip.kernels(0, stream(found[4 * i + w][0] for i in range(2)), column=1024 * w + 3)
    chip.data(0, hwc(inputs))

    def change(values: dict[str, dict[str, int]]) -> None:
        values["POST"]["calcx4"] = 1
        values["OCHAN"]["ochan"] = 1

    write_layer(chip, Layer((4, 3), processors=1, outputs=8, column=3, target=9), change=change)
    chip.start()
    for o, sums in enumerate(convolved(inputs, found, (3, 3))):
        assert chip.channel(o, 9, 2, 1) == outputs(sums)
    assert chip.bus.complaints == []


def test_chw_words_hold_four_pixels_of_a_channel() -> None:
    chip, inputs, found = Chip(), [image(3, 5, s) for s in range(2)], kernels(4, 2, 9)
    chip.boot()
    for i, processor in enumerate((0, 4)):
        pixels = [value for row in inputs[i] for value in row] + [0]
        chip.data(processor, [word(*pixels[n:n + 4]) for n in range(0, 16, 4)])
        chip.kernels(processor, stream(kernel[i] for kernel in found))
    write_layer(chip, Layer((3, 5), processors=0x11, pad=(1, 1), target=40),
                change=lambda v: v["LCTL"].update(parallel=1))
    chip.start()
    for i, sums in enumerate(convolved(inputs, found, (3, 3), (1, 1))):
        assert chip.channel(i, 40, 3, 5) == outputs(sums)
    assert chip.bus.complaints == []


def test_absolute_value_saturates() -> None:
    chip = Chip()
    chip.boot()
    chip.kernels(0, [-128])
    chip.data(0, [word(v) for v in (127, 1, -1, -128)])
    write_layer(chip, Layer((4, 1), processors=1, kernel=(1, 1), outputs=1, target=8),
                change=lambda v: v["POST"].update(out_abs=1))
    chip.start()
    assert [chip.byte(0, 8 + i) for i in range(4)] == [127, 1, 1, 127]
    assert signed(0x80) == -128
