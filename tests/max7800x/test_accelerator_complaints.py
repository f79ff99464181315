"""What the accelerator model complains about when a network runs: one wrong thing, one kind of complaint."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bittrue.targets.max7800x import accelerator
from bittrue.targets.max7800x.accelerator import Kind

from .chip_by_hand import Chip, Layer, hwc, image, write_layer

Fields = dict[str, dict[str, int]]

CONVOLUTION = Layer((4, 5), processors=1, pad=(1, 1), target=100)


@dataclass
class Network:
    """One 3x3 convolution of two processors in two groups, right unless something is changed."""

    name: str = "max78000"
    groups: tuple[int, ...] = (0, 1)
    change: Callable[[Fields, int], None] = lambda values, group: None
    before: Callable[[Chip], None] = lambda chip: None
    layer: Layer = CONVOLUTION
    data: tuple[int, ...] = (0, 16)
    weights: tuple[int, ...] = (0, 16)

    def run(self) -> Chip:
        """Load and start it."""
        chip = Chip(self.name)
        chip.boot((0, 1))
        for processor in self.weights:
            chip.kernels(processor, range(1, 37))
        for processor in self.data:
            chip.data(processor, hwc([image(4, 5, processor)]))
        for group in (0, 1):
            def change(values: Fields, group: int = group) -> None:
                values["LCTL"]["cnnsi_en"] = 2 if group == 0 else 0
                self.change(values, group)
            write_layer(chip, self.layer, group=group, change=change)
        self.before(chip)
        chip.start(*[group for group in self.groups if group])
        return chip


def set_field(name: str, only: int | None = None, **fields: int) -> Callable[[Fields, int], None]:
    """A change of a register, in all groups or in one."""
    def change(values: Fields, group: int) -> None:
        if only in (None, group):
            values.setdefault(name, {}).update(fields)
    return change


def both(*changes: Callable[[Fields, int], None]) -> Callable[[Fields, int], None]:
    """Several changes."""
    def change(values: Fields, group: int) -> None:
        for one in changes:
            one(values, group)
    return change


def without_clock(chip: Chip) -> None:
    """Start group 1 with group 0, its clock off."""
    chip.reg("CTL", 1, cnn_en=1, ext_sync=4)


WRONG = [
    (Network(), set()),
    (Network("max78002"), set()),
    (Network(groups=(0,)), {Kind.PROCESSORS}),
    (Network(change=set_field("LCTL", 0, cnnsi_en=0)), {Kind.PROCESSORS}),
    (Network(change=set_field("ENA", 1, mask_en=0)), {Kind.PROCESSORS}),
    (Network(change=set_field("ENA", 1, pro_en=0)), {Kind.PROCESSORS}),
    (Network(change=set_field("ENA", pro_en=0, mask_en=0)), {Kind.PROCESSORS, Kind.SIZES_DISAGREE}),
    (Network(change=set_field("RCNT", 1, rcnt_max=6)), {Kind.GROUPS_DISAGREE}),
    (Network(change=set_field("POST", 1, scale_reg=2)), {Kind.GROUPS_DISAGREE}),
    (Network(change=set_field("POST", 1, bptr_en=1)), {Kind.UNWRITTEN_BIAS}),
    (Network(change=set_field("POST", 1, bptr_en=1), before=lambda chip: chip.bias(1, [1, 2, 3, 4])), set()),
    (Network(data=(0,)), {Kind.UNWRITTEN_DATA}),
    (Network(change=set_field("RPTR_BASE", rptr_base=8190)), {Kind.READ_RANGE, Kind.UNWRITTEN_DATA}),
    (Network(change=set_field("WPTR_BASE", wptr_base=8180)), {Kind.WRITE_RANGE}),
    (Network(change=set_field("WPTR_MOFFS", wptr_moff=1)), {Kind.SIZES_DISAGREE}),
    (Network(layer=Layer((4, 5), processors=1, pad=(1, 1), outputs=8, target=100),
             change=set_field("WPTR_MOFFS", wptr_moff=0), weights=()), {Kind.SIZES_DISAGREE, Kind.OVERLAP}),
    (Network(change=set_field("MCNT", mcnt_sad=8 * 766, mcnt_max=8 * 769)), {Kind.KERNEL_RANGE}),
    (Network(change=set_field("MCNT", mcnt_sad=24, mcnt_max=0)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("TPTR", tptr_max=9)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("TPTR", tptr_max=4000, tptr_sad=3996)), {Kind.TRAM, Kind.SIZES_DISAGREE}),
    (Network(change=set_field("PCCNT", pccnt_max=1)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("LCTL", sslave=1)), {Kind.NOT_MODELLED}),
    (Network(change=set_field("LCTL", sramlsrc=0)), {Kind.NOT_MODELLED}),
    (Network(change=set_field("POST", ts_en=1)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("RCNT", rcnt_max=1, rcnt_pad=1)), {Kind.SIZES_DISAGREE}),
    (Network(groups=(0,), before=without_clock), {Kind.CLOCK}),
    (Network(before=lambda chip: chip.reg("SRAM", 1, pd=1)), {Kind.ASLEEP}),
    (Network(before=lambda chip: chip.reg("AON_CTL", dsleep=2)), {Kind.ASLEEP}),
    (Network(before=lambda chip: chip.reg("LCNT_MAX", 1, lcnt=3)), {Kind.GROUPS_DISAGREE}),
    (Network(before=lambda chip: chip.reg("LCNT_MAX", 0, lcnt=1)), {Kind.GROUPS_DISAGREE, Kind.UNCONFIGURED}),
    (Network("max78002", change=set_field("OCHAN", ochan=9)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("LCTL", rprime_max=0)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("LCTL", rd_ahead=1)), {Kind.BANKS}),
    (Network("max78002", change=both(set_field("LCTL", rd_ahead=1), set_field("WPTR_BASE", wptr_base=5000))), set()),
    (Network(change=set_field("LCTL", 0, cnnsi_en=3)), {Kind.PROCESSORS}),  # the group itself
    (Network(change=set_field("LCTL", 0, cnnsi_en=6)), {Kind.PROCESSORS}),  # one that has no processors
    (Network(change=set_field("LCTL", 1, cnnsi_en=1)), {Kind.PROCESSORS}),  # one that starts no others
    (Network(change=both(set_field("LCTL", 0, cnnsi_en=0), set_field("ENA", 0, pro_en=0, mask_en=0))),
     {Kind.PROCESSORS}),  # nothing to add
    (Network(change=set_field("WPTR_BASE", 1, wptr_base=101)), {Kind.GROUPS_DISAGREE}),
    (Network(change=both(set_field("ENA", 1, pro_en=0, mask_en=0), set_field("LCTL", 0, cnnsi_en=0),
                         set_field("ONED", 1, tscnt_max=1))), {Kind.GROUPS_DISAGREE}),  # in a group that does nothing
    (Network(before=lambda chip: chip.reg("SRAM_TEST", 1, tramz=1)), {Kind.SELF_TEST}),
    (Network(change=set_field("MCNT", mcnt_max=25)), {Kind.SIZES_DISAGREE}),  # a quarter of a kernel
    (Network(change=set_field("LCTL2", xpch_max=32)), {Kind.SIZES_DISAGREE}),  # five channels of four kernels
    (Network(change=set_field("LCTL2", xpch_max=16)), {Kind.SIZES_DISAGREE, Kind.OVERLAP}),  # three, then one
    (Network(change=set_field("WPTR_TOFFS", wptr_toff=1)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("WPTR_CHOFFS", wptr_choff=1)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("LCTL2", wptr_inc=1)), set()),  # a write gap
    (Network(change=set_field("POST", flatten_en=1)), {Kind.SIZES_DISAGREE}),
    (Network(change=set_field("ONED", oned_en=1)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("MCNT1", mcnt_max=25)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("CCNT", ccnt_step=2)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("RCNT", rcnt_step=2)), {Kind.SIZES_DISAGREE, Kind.UNWRITTEN_DATA}),
    (Network("max78002", change=set_field("STRIDE", mp_stride=0)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("POST", tcalc=1)), {Kind.SIZES_DISAGREE}),
    (Network("max78002", change=set_field("LCTL", broadcast=1)), {Kind.SIZES_DISAGREE}),
]


@pytest.mark.parametrize(("network", "kinds"), WRONG)
def test_one_wrong_thing(network: Network, kinds: set[Kind]) -> None:
    assert network.run().kinds() == kinds


COPY = Layer((6, 8), processors=1, target=100)
HALF = Layer((6, 8), processors=1, target=100, pool=(2, 2), stride=2)


@pytest.mark.parametrize(("name", "layer", "register", "fields"), [
    ("max78000", COPY, "RCNT", {"rcnt_pad": 1, "rcnt_max": 7}), ("max78002", COPY, "RCNT", {"rcnt_pad_en": 1}),
    ("max78002", COPY, "CCNT", {"ccnt_pad_en": 1}), ("max78002", COPY, "LCTL", {"rprime_max": 1}),
    ("max78002", COPY, "LCTL", {"cprime_max": 2}), ("max78000", COPY, "MCNT", {"mcnt_max": 4}),
    ("max78000", COPY, "MCNT", {"mcnt_sad": 1}), ("max78002", COPY, "MCNT1", {"mcnt_max": 1}),
    ("max78000", COPY, "POST", {"mask_size": 2}), ("max78000", COPY, "WPTR_TOFFS", {"wptr_toff": 1}),
    ("max78000", COPY, "TPTR", {"tptr_max": 1}), ("max78002", HALF, "RCNT", {"rcnt_stop": 3}),
    ("max78002", HALF, "CCNT", {"ccnt_stop": 5, "ccnt_step": 3})])
def test_a_layer_that_only_copies(name: str, layer: Layer, register: str, fields: dict[str, int]) -> None:
    """One register contradicts the others; without it all is well."""
    for wrong in ({}, fields):
        chip = Chip(name)
        chip.boot()
        chip.data(0, hwc([image(10, 10, 1)]))
        write_layer(chip, layer, passthrough=True,
                    change=lambda values, wrong=wrong: values.setdefault(register, {}).update(wrong))
        chip.start()
        assert chip.kinds() == ({Kind.SIZES_DISAGREE} if wrong else set())


@pytest.mark.parametrize(("leader", "follower", "kinds"), [
    ({}, {}, set()),
    ({}, {"poolrnd": 1}, {Kind.GROUPS_DISAGREE}),
    ({"simple1b": 1}, {}, {Kind.GROUPS_DISAGREE}),
    ({"stream_en": 1}, {"stream_en": 1}, {Kind.FIFO}),  # no layer streams
    ({"lilbuf": 1}, {"lilbuf": 1}, {Kind.FIFO}),
    ({"ffifo_en": 1}, {"ffifo_en": 1}, {Kind.FIFO}),
    ({"ffifo_en": 1, "fifogrp": 1}, {"ffifo_en": 1}, {Kind.FIFO}),
])
def test_control_registers_of_groups_that_run_together(leader: dict[str, int], follower: dict[str, int],
                                                       kinds: set[Kind]) -> None:
    chip = Chip()
    chip.boot((0, 1))
    for group in (0, 1):
        chip.data(16 * group, hwc([image(2, 3, group)]))
        write_layer(chip, Layer((2, 3), processors=1, target=9 + (group << 15)), passthrough=True, group=group)
    chip.reg("CTL", 1, clk_en=1, cnn_en=1, ext_sync=4, **follower)
    chip.reg("CTL", 0, clk_en=1, cnn_en=1, **leader)
    assert chip.kinds() == kinds


@pytest.mark.parametrize(("sync", "fast", "kinds"), [
    (4, 0, set()), (0, 0, {Kind.FIFO}), (1, 0, {Kind.FIFO}), (4, 2, {Kind.FIFO}), (4, 1, set())])
def test_groups_behind_a_fifo(sync: int, fast: int, kinds: set[Kind]) -> None:
    """The input goes to group 0; `fast`: groups whose fast FIFO is on."""
    chip = Chip()
    chip.boot((0, 1))
    for group in (0, 1):
        write_layer(chip, Layer((2, 3), processors=int(group == 0), target=9), passthrough=True, group=group)
        chip.reg("IFRM", group, ifrm_reg=6)
    chip.reg("FIFO_CTL", fifo_en=1)
    for group, own in ((1, 4), (0, sync)):
        on = fast >> group & 1
        chip.reg("CTL", group, clk_en=1, cnn_en=1, ext_sync=own, fifo_en=1, ffifo_en=on, fifogrp=on)
    for value in hwc([image(2, 3, 1)]):
        chip.bus.write(chip.addresses.register("FAST_DR" if fast else "FIFO_WR0"), value)
    assert chip.kinds() == kinds


@pytest.mark.parametrize(("own", "kinds"), [(0, {Kind.WAIT_STATES}), (2, set())])
def test_groups_that_run_together_have_the_same_wait_states(own: int, kinds: set[Kind]) -> None:
    chip = Chip()
    chip.boot((0, 1))
    chip.data(0, [1])
    for group in (0, 1):
        write_layer(chip, Layer((1, 1), processors=1 - group, target=9), passthrough=True, group=group)
    chip.reg("CTL", 1, clk_en=1, cnn_en=1, ext_sync=4, rdy_sel=2)
    chip.reg("CTL", 0, clk_en=1, cnn_en=1, rdy_sel=own)
    assert chip.kinds() & {Kind.WAIT_STATES} == kinds


def test_start_without_the_register_clear() -> None:
    chip = Chip("max78002")
    chip.reg("CTL", clk_en=1)
    chip.data(0, [1])
    write_layer(chip, Layer((1, 1), processors=1, target=9), passthrough=True)
    chip.start()
    assert chip.kinds() == {Kind.NOT_CLEARED}


def test_registers_written_while_the_network_waits_for_its_input() -> None:
    chip = Chip()
    chip.boot()
    write_layer(chip, Layer((1, 1), processors=1, target=9), passthrough=True)
    chip.reg("IFRM", ifrm_reg=1)
    chip.reg("FIFO_CTL", fifo_en=1)
    chip.start(fifo_en=1)
    chip.reg("RPTR_BASE", rptr_base=2)
    assert chip.kinds() == {Kind.BUSY}


def test_fifo_without_an_input_size() -> None:
    chip = Chip()
    chip.boot()
    write_layer(chip, Layer((1, 1), processors=1, target=9), passthrough=True)
    chip.start(fifo_en=1)
    assert chip.kinds() == {Kind.FIFO}
    assert not chip.bus.interrupt


@pytest.mark.parametrize(("name", "parallel", "big", "kinds"), [
    ("max78000", 0, 1, {Kind.NOT_MODELLED}), ("max78002", 0, 1, {Kind.SIZES_DISAGREE}), ("max78002", 1, 1, set()),
    ("max78002", 1, 0, {Kind.SIZES_DISAGREE}), ("max78002", 0, 0, set())])
def test_four_pixels_to_a_word_while_streaming(name: str, parallel: int, big: int, kinds: set[Kind]) -> None:
    chip = Chip(name)
    chip.boot()
    write_layer(chip, Layer((4, 1), processors=1, target=9), passthrough=True,
                change=lambda v: v["LCTL"].update(parallel=parallel))
    chip.reg("FMAX", fbuf_max=4)
    chip.reg("STREAM1", strm_isval=1)
    chip.reg("IFRM", ifrm_reg=1 if parallel else 4)
    chip.reg("FIFO_CTL", fifo_en=1)
    chip.start(fifo_en=1, stream_en=1, lilbuf=1, bigdata=big)
    assert chip.kinds() == kinds


def test_depthwise_without_kernels() -> None:
    chip = Chip("max78002")
    chip.boot()
    chip.data(0, hwc([image(3, 3, 1)]))
    write_layer(chip, Layer((3, 3), processors=1, outputs=1, target=50),
                change=lambda v: (v["POST"].update(depthwise=1, ts_en=1), v["LCTL"].update(broadcast=1)))
    chip.start()
    assert chip.kinds() == {Kind.UNWRITTEN_KERNEL}
    assert chip.records[0].masks.tolist() == [0]


@pytest.mark.parametrize("copies", [True, False])
def test_output_channels_without_kernels_are_undefined_and_complained_about_when_used(copies: bool) -> None:
    """Channels 1 and 3 have no kernels; a layer that copies all, or whose kernels read them, complains."""
    chip = Chip()
    chip.boot()
    for column in (0, 2):
        chip.kernels(0, [0, 0, 0, 0, 64, 0, 0, 0, 0], column)
    chip.data(0, hwc([image(3, 3, 1)]))
    write_layer(chip, Layer((3, 3), processors=1, pad=(1, 1), target=50))
    chip.start()
    assert {hex(mask) for mask in chip.records[0].masks.tolist()} == {"0xff00ff"}
    assert chip.kinds() == set()
    chip.reg("CTL", clk_en=1, mexpress=1)
    for processor in range(4):
        chip.kernels(processor, [1], column=8)
    chip.reg("LCNT_MAX", lcnt=1)
    write_layer(chip, Layer((3, 3), processors=15, kernel=(1, 1), outputs=1, column=8, source=50, target=80), number=1,
                passthrough=copies)
    chip.start()
    assert chip.kinds() == {Kind.UNWRITTEN_DATA}


def test_reading_an_undefined_result() -> None:
    chip = Chip()
    chip.boot()
    chip.data(0, hwc([image(3, 3, 1)]))
    write_layer(chip, Layer((3, 3), processors=1, target=9))
    chip.start()
    assert chip.kinds() == set()
    chip.bus.read(chip.addresses.data(0, 36))
    assert chip.kinds() == {Kind.UNWRITTEN_READ}


ALLOWED = {"device", "errors"}


def test_the_model_knows_nothing_of_networks() -> None:
    """It imports the device tables, the diagnostics, and itself."""
    folder = Path(accelerator.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                assert node.module is not None
                assert node.module.split(".")[0] in ALLOWED
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module is not None
                assert not node.module.startswith("bittrue")
            elif isinstance(node, ast.Import):
                assert all(not name.name.startswith("bittrue") for name in node.names)
