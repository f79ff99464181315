"""The order of layers in the accelerator model: links, stops, one-shot, FIFOs, streaming, snooping, packed outputs."""

from __future__ import annotations

import pytest

from bittrue.targets.max7800x.accelerator import Kind

from .chip_by_hand import Chip, Image, Layer, convolved, hwc, image, numbers, outputs, word, write_layer

BOTH = pytest.mark.parametrize("name", ["max78000", "max78002"])


def copies(chip: Chip, links: list[dict[str, int]], **control: int) -> None:
    """Layers that each copy a word of processor 0 from word 10 n to 10 (n + 1), with links to other layers."""
    chip.boot(last=len(links) - 1, **control)
    chip.data(0, [7])
    for number, link in enumerate(links):
        write_layer(chip, Layer((1, 1), processors=1, source=10 * number, target=10 * number + 10), number=number,
                    passthrough=True)
        if link:
            chip.reg("NXTLYR", 0, number, **link)


@BOTH
def test_layers_run_one_after_the_other(name: str) -> None:
    chip = Chip(name)
    copies(chip, [{}, {}, {}])
    assert not chip.bus.interrupt
    chip.start()
    assert [record.layer for record in chip.records] == [0, 1, 2]
    assert chip.byte(0, 30) == 7
    assert chip.bus.interrupt
    assert chip.bus.complaints == []


@BOTH
def test_software_clears_the_interrupt_and_starts_again(name: str) -> None:
    chip = Chip(name)
    copies(chip, [{}])
    chip.start()
    control = chip.addresses.register("CTL")
    chip.bus.write(control, chip.bus.read(control) & ~(1 << 12 | 1))
    assert not chip.bus.interrupt
    chip.bus.write(control, chip.bus.read(control) | 1 << 12)
    assert not chip.bus.interrupt  # software cannot set it
    chip.start()
    assert [record.layer for record in chip.records] == [0, 0]


def test_links_jump_and_stop() -> None:
    chip = Chip("max78002")
    copies(chip, [{"next": 2, "next_en": 1}, {"stop": 1}, {"next": 1, "next_en": 1}])
    chip.start()
    assert [record.layer for record in chip.records] == [0, 2, 1]
    assert chip.kinds() == set()  # the words between were copied before they were known, but no kernel used them


def test_a_loop_of_links_ends_with_a_complaint() -> None:
    chip = Chip("max78002")
    copies(chip, [{"next_en": 1}])
    chip.start()
    assert Kind.LAYERS in chip.kinds()


def test_start_at_another_layer() -> None:
    chip = Chip("max78002")
    copies(chip, [{}, {}])
    chip.data(0, [9], first=10)
    chip.reg("LCNT_MAX", lcnt=1, start=1)
    chip.start()
    assert [record.layer for record in chip.records] == [1]
    assert chip.byte(0, 20) == 9


def test_one_shot_stops_after_every_layer() -> None:
    chip = Chip("max78002")
    copies(chip, [{}, {}, {}])
    chip.start(oneshot=1)
    for done in (1, 2, 3):
        assert len(chip.records) == done
        assert chip.bus.interrupt
        assert chip.read("CTL")["cnn_en"] == 0
        control = chip.addresses.register("CTL")
        chip.bus.write(control, chip.bus.read(control) & ~(1 << 12))
        assert not chip.bus.interrupt
        if done < 3:
            chip.bus.write(control, chip.bus.read(control) | 1)
    assert chip.byte(0, 30) == 7


STEPS = {"strm_dsval1": 1, "strm_dsval2": 1, "strm_invol": 1}


def through_fifo(chip: Chip, inputs: list[Image], buffer: int, start: int, tram: int = 0, **steps: int) -> None:
    """A network that streams: a 3x3 convolution of the FIFO's words, then one of its output, with these steps."""
    rows, columns = len(inputs[0]), len(inputs[0][0])
    chip.boot(last=1)
    for processor in range(3):
        chip.kernels(processor, [1, 2, 3, 4, 5, 6, 7, 8, processor - 9], column=0)
    chip.kernels(0, [0, 0, 0, 0, 100, 0, 0, 0, -1], column=4)
    write_layer(chip, Layer((rows, columns), processors=7, pad=(1, 1), outputs=1, source=100, target=200))
    write_layer(chip, Layer((rows, columns), processors=1, pad=(1, 1), outputs=1, column=4, source=200, target=1000),
                number=1)
    chip.reg("TPTR", layer=1, tptr_sad=columns + tram, tptr_max=2 * columns - 1 + tram)
    chip.reg("STREAM1", layer=0, strm_isval=1)
    chip.reg("FMAX", layer=0, fbuf_max=2)
    chip.reg("STREAM1", layer=1, strm_isval=start)
    chip.reg("STREAM2", layer=1, **{**STEPS, **steps})
    chip.reg("FMAX", layer=1, fbuf_max=buffer)
    chip.reg("IFRM", ifrm_reg=rows * columns)
    chip.reg("FIFO_CTL", fifo_en=1, fifo_cpl=1)
    chip.start(fifo_en=1, stream_en=1, lilbuf=1)
    assert chip.records == []
    for value in hwc(inputs):
        chip.bus.write(chip.addresses.register("FIFO_WR0"), value)


def test_two_layers_stream_through_circular_buffers() -> None:
    chip, inputs = Chip(), [image(6, 5, s) for s in range(3)]
    through_fifo(chip, inputs, buffer=20, start=19)
    first = [[[p - 9, 8, 7, 6, 5, 4, 3, 2, 1] for p in range(3)]]
    middle = outputs(convolved(inputs, first, (3, 3), (1, 1))[0])
    last = outputs(convolved([middle], [[[-1, 0, 0, 0, 100, 0, 0, 0, 0]]], (3, 3), (1, 1))[0])
    assert chip.channel(0, 1000, 6, 5) == last
    flat = [value for row in middle for value in row]
    assert [chip.byte(0, 200 + i) for i in range(20)] == flat[20:30] + flat[10:20]  # 30 words turn in 20
    assert chip.records[0].linear.tolist() == list(range(200, 230))
    assert chip.records[0].words.tolist() == [200 + i % 20 for i in range(30)]
    assert chip.bus.complaints == []
    assert chip.bus.interrupt


@pytest.mark.parametrize(("buffer", "start", "kind"), [(18, 19, Kind.STREAM_BUFFER), (20, 18, Kind.STREAM_START)])
def test_streaming_too_early_or_with_too_little_memory(buffer: int, start: int, kind: Kind) -> None:
    chip = Chip()
    through_fifo(chip, [image(6, 5, s) for s in range(3)], buffer, start)
    assert chip.kinds() == {kind}


@pytest.mark.parametrize(("wrong", "kind"), [
    ({"strm_dsval1": 2}, Kind.STREAM_START), ({"strm_dsval2": 2}, Kind.STREAM_START),
    ({"strm_invol": 3}, Kind.STREAM_START), ({"tram": 1}, Kind.SIZES_DISAGREE)])
def test_streaming_with_other_steps_passes_or_tram(wrong: dict[str, int], kind: Kind) -> None:
    chip = Chip()
    through_fifo(chip, [image(6, 5, s) for s in range(3)], 20, 19, **wrong)
    assert chip.kinds() == {kind}


@pytest.mark.parametrize(("register", "fields"), [
    ("STREAM1", {"strm_isval": 4}), ("STREAM2", {"strm_invol": 1}), ("FMAX", {"fbuf_max": 8})])
def test_registers_of_streaming_in_a_layer_that_does_not_stream(register: str, fields: dict[str, int]) -> None:
    chip = Chip()
    copies(chip, [{}, {}, {}])
    chip.reg(register, layer=2, **fields)
    chip.start()
    assert chip.kinds() == {Kind.STREAM_START}


@pytest.mark.parametrize(("name", "size", "pool", "stride", "right"), [
    ("max78000", (6, 5), (1, 1), 1, (0, 0)),
    ("max78000", (8, 6), (2, 2), 2, (6, 1)),  # a row of 6, every other column
    ("max78002", (6, 5), (1, 1), 1, (0, 0)),
    ("max78002", (8, 7), (2, 2), 2, (10, 2)),  # a row of 7, one column left over and one in the window, the pipeline
    ("max78002", (8, 6), (3, 3), 1, (3, 1))])  # one column, one without a window, the pipeline
def test_steps_of_a_first_layer_that_streams(name: str, size: tuple[int, int], pool: tuple[int, int], stride: int,
                                             right: tuple[int, int]) -> None:
    for row, column in (right, (right[0] + 8, right[1])):
        chip = Chip(name)
        chip.boot()
        chip.kernels(0, range(1, 37))
        write_layer(chip, Layer(size, processors=1, pad=(1, 1), pool=pool, stride=stride, target=500))
        chip.reg("STREAM1", strm_isval=60)
        chip.reg("STREAM2", strm_dsval1=column, strm_dsval2=row)
        chip.reg("FMAX", fbuf_max=100)
        chip.reg("IFRM", ifrm_reg=size[0] * size[1])
        chip.reg("FIFO_CTL", fifo_en=1)
        chip.start(fifo_en=1, stream_en=1, lilbuf=1)
        for value in hwc([image(*size, 3)]):
            chip.bus.write(chip.addresses.register("FIFO_WR0"), value)
        assert chip.kinds() == (set() if row == right[0] else {Kind.STREAM_START})


def test_streaming_output_over_a_live_buffer() -> None:
    chip = Chip()
    through_fifo(chip, [image(6, 5, s) for s in range(3)], buffer=900, start=19)
    assert chip.kinds() == {Kind.STREAM_OVERLAP}


@pytest.mark.parametrize("control", [{"fifogrp": 1}, {"fifogrp": 0}])
def test_fast_fifo_feeds_four_processors_of_one_group_or_of_four(control: dict[str, int]) -> None:
    chip, values = Chip(), numbers(8, 4)
    chip.boot((0, 1, 2, 3))
    for group in range(4):
        mask = (15 if group == 0 else 0) if control["fifogrp"] else 1
        target = 500 + (group << 15 if mask else 0)
        write_layer(chip, Layer((2, 1), processors=mask, target=target), group=group, passthrough=True)
    chip.reg("IFRM", ifrm_reg=2)
    for group in (1, 2, 3, 0):
        fast = {"ffifo_en": 1, **control} if group == 0 or not control["fifogrp"] else {}
        chip.reg("CTL", group, clk_en=1, cnn_en=1, ext_sync=4, fifo_en=1, **fast)
    for i in range(2):
        chip.bus.write(chip.addresses.register("FAST_DR"), word(*values[4 * i:4 * i + 4]))
    processors = range(4) if control["fifogrp"] else range(0, 64, 16)
    for i, processor in enumerate(processors):
        assert [chip.byte(processor, 500 + n) for n in range(2)] == values[i::4]
    assert chip.kinds() == set()


def test_quad_fifo_spreads_output_channels_over_the_groups() -> None:
    """Output channel 4 i + g is computed by group g, of the same input."""
    chip, inputs = Chip(), [image(3, 4, s) for s in range(2)]
    weights = numbers(8 * 2 * 9, 6)
    chip.boot((0, 1, 2, 3))
    for group in range(4):
        for p in range(2):
            found = [weights[((4 * i + group) * 2 + p) * 9:][:9] for i in range(2)]
            chip.kernels(16 * group + p, [w for kernel in found for w in reversed(kernel)])
        write_layer(chip, Layer((3, 4), processors=3, outputs=8, target=40), group=group,
                    change=lambda v: v["MCNT"].update(mcnt_max=8))
    chip.reg("IFRM", ifrm_reg=12)
    for group in (1, 2, 3):
        chip.reg("CTL", group, clk_en=1, cnn_en=1, ext_sync=4, fifo_en=1, qupac=1)
    chip.start(fifo_en=1, ffifo_en=1, fifogrp=1, qupac=1)
    for value in hwc(inputs):
        chip.bus.write(chip.addresses.register("FAST_DR"), value)
    kernels = [[weights[(o * 2 + p) * 9:][:9] for p in range(2)] for o in range(8)]
    for o, sums in enumerate(convolved(inputs, kernels, (3, 3))):
        assert chip.channel(o, 40, 1, 2) == outputs(sums)
    assert chip.bus.complaints == []


@pytest.mark.parametrize(("effect", "layers"), [(2, [0]), (4, [0, 2]), (0, [0, 1, 2])])
@pytest.mark.parametrize("unit", [1, 2])
def test_snooping_stops_or_links_after_a_match(effect: int, layers: list[int], unit: int) -> None:
    chip = Chip("max78002")
    copies(chip, [{"next": 2, "next_en": 1} if effect == 4 else {}, {}, {}], apbclk_en=1)
    value = int(chip.bus.data[0, 0])
    assert value == 7
    names = {"A1": 0x200000 | 10, "D1": 7, "C1": 0x82022000 | 0x39 | effect, "C2": 0x3000, "ACC": 5}
    for name, content in names.items():
        chip.bus.write(chip.addresses.register(f"SNP{unit}_{name}"), content)
    chip.start()
    assert [record.layer for record in chip.records] == layers
    read = {name: chip.bus.read(chip.addresses.register(f"SNP{unit}_{name}")) for name in ("ACC", "HIT", "MAX", "AM")}
    assert read == {"ACC": 12, "HIT": 1, "MAX": 7, "AM": 0x200000 | 10}
    assert chip.kinds() == set()


def test_snooping_without_a_match_goes_on_in_order() -> None:
    chip = Chip("max78002")
    copies(chip, [{"next": 2, "next_en": 1}, {}, {}])
    for name, content in {"A1": 0x200000 | 10, "D1": 8, "C1": 0x82022005}.items():
        chip.bus.write(chip.addresses.register(f"SNP1_{name}"), content)
    chip.start()
    assert [record.layer for record in chip.records] == [0, 1, 2]


def test_snooping_in_another_mode_is_not_modelled() -> None:
    chip = Chip("max78002")
    copies(chip, [{}])
    chip.bus.write(chip.addresses.register("SNP1_C1"), 0x62555013)
    chip.start()
    assert chip.kinds() == {Kind.NOT_MODELLED}


@BOTH
def test_packed_output_bytes(name: str) -> None:
    """Channel 2 of four, every second word, eight pixels."""
    chip = Chip(name)
    chip.boot()
    values = numbers(16 * 4, 9)
    chip.data(4, [word(*values[4 * i:4 * i + 4]) for i in range(16)], first=6)
    chip.reg("WPTR_BASE", wptr_base=(1 << chip.device.pointer_word_bits) + 6)
    chip.reg("LCTL2", wptr_inc=1)
    chip.reg("CTL", clk_en=1, mlat_ld=1, mlatch_sel=2)
    address = chip.addresses.register("MLAT")
    chip.bus.read(address)
    assert [chip.bus.read(address) for _ in range(2)] == [word(*values[2:32:8]), word(*values[34:64:8])]
    chip.reg("CTL", clk_en=1)
    assert chip.bus.complaints == []


def test_stopping_gives_up_the_wait_for_the_fifo() -> None:
    chip = Chip()
    copies(chip, [{}])
    chip.reg("IFRM", ifrm_reg=1)
    chip.reg("FIFO_CTL", fifo_en=1)
    chip.start(fifo_en=1)
    chip.reg("CTL", clk_en=1, fifo_en=1)
    chip.bus.write(chip.addresses.register("FIFO_WR0"), 5)
    assert chip.records == []
    chip.start(fifo_en=1)
    assert chip.byte(0, 10) == 5


def test_what_changes_between_two_runs_counts() -> None:
    """Kernels, biases, registers and the input of a second run."""
    chip = Chip()
    chip.boot()
    chip.kernels(0, [64])
    chip.bias(0, [0])
    chip.data(0, [word(100)])
    write_layer(chip, Layer((1, 1), processors=1, kernel=(1, 1), outputs=1, target=9),
                change=lambda v: v["POST"].update(bptr_en=1))

    def run() -> int:
        chip.reg("CTL", clk_en=1, mexpress=1)
        chip.start(mexpress=1)
        return chip.byte(0, 9)

    assert (run(), run()) == (50, 50)
    chip.data(0, [word(50)])
    assert run() == 25
    chip.bias(0, [3])
    assert run() == 28
    chip.kernels(0, [32])
    assert run() == 16  # 12.5 + 3 rounded up
    chip.reg("POST", bptr_en=1, scale_reg=1)
    assert run() == 31
    assert chip.bus.complaints == []
