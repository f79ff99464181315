"""Writes to registers that belong to no layer: before the layers, after them, and to start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..device import MAX78000, MAX78002
from ..feeding import spreads
from ..hardware import GROUP_MASK
from ..memory.bias import has_bias
from ..placement import GROUP, Fifo
from ..program import Fill, Poll, Step, Write
from ..units import units
from .layer_view import Fields, LayerView, Setting

ACCESS_TIME: Fields = {"rmargin_en": 1, "rmargin": 3, "wneg_en": 1}
"""The memories' timing: the fastest."""
THRESHOLD = 2
"""Bytes below and above which a FIFO is almost empty or full."""
FAST_THRESHOLD = 10
"""Words that the fast FIFO holds before it asks for service."""
EXTERNAL = 4
"""`CTL.ext_sync`: run together with the group whose number is added."""

CLEAR_REGISTERS, CLEAR_BIAS = 0x18, 0x1C
"""MAX78002: what the memory test clears, the registers alone or the bias memory too."""

Test = tuple[str, str, int]
"""A memory, the letter of its fields, and what selects it."""

TESTS: dict[str, tuple[Test, ...]] = {
    MAX78000.name: (("data", "s", 0), ("kernel", "m", 0), ("TRAM", "t", 0), ("bias", "b", 0)),
    MAX78002.name: (("data", "s", 0x10), ("kernel", "m", 0x20), ("TRAM", "t", 0x30), ("bias", "b", 0x1C)),
}
"""Chip -> the tests of its memories."""


def _write(setting: Setting, name: str, note: str, group: int = 0, fields: Fields | None = None) -> Write:
    register = setting.addresses.registers[name]
    return Write(setting.addresses.register(name, group), register.pack(**(fields or {})), note)


# ---- before the layers

def initialize(setting: Setting) -> Iterator[Step]:
    """The writes of `cnn_init`."""
    device, options = setting.device, setting.options
    if device.register_clear:
        yield from (_write(setting, "CTL", "enable clocks", group, _idle(setting)) for group in setting.groups)
    yield _write(setting, "AON_CTL", "always-on domain", fields={"rdy_sel": options.ready_sel_aon})
    if device.register_clear:
        yield from _timing(setting, setting.groups)
        yield from _clear(setting)
    for group in setting.groups:
        yield from _group(setting, group)
    if options.zero_sram:
        yield from _test(setting)


def _idle(setting: Setting) -> Fields:
    """A group with its clock on that does nothing."""
    return {"rdy_sel": setting.options.ready_sel, "clk_en": 1, **_pipeline(setting)}


def _pipeline(setting: Setting) -> Fields:
    off = setting.device.pipeline and not setting.options.pipelined(setting.device)
    return {"pipeline_off": 1} if off else {}


def _timing(setting: Setting, groups: Iterable[int]) -> Iterator[Write]:
    yield from (_write(setting, "SRAM", "memory timing", group, ACCESS_TIME) for group in groups)


def _clear(setting: Setting) -> Iterator[Step]:
    """Clear the registers of all groups in use, and their bias memories when the network has biases."""
    biases = any(map(has_bias, setting.plan.network.layers))
    fields = {"bistsel": CLEAR_BIAS if biases else CLEAR_REGISTERS, "bramz": 1}
    yield from (_write(setting, "SRAM_TEST", "clear registers", group, fields) for group in setting.groups)
    yield from (_poll(setting, group, "wait for the registers", "ballzdone") for group in setting.groups)
    yield from (_write(setting, "SRAM_TEST", "end the test", group) for group in setting.groups)


def _poll(setting: Setting, group: int, note: str, *names: str) -> Poll:
    """Wait for bits of the test register."""
    register = setting.addresses.registers["SRAM_TEST"]
    mask = register.pack(**dict.fromkeys(names, 1))
    return Poll(setting.addresses.register("SRAM_TEST", group), mask, mask, note)


def _group(setting: Setting, group: int) -> Iterator[Step]:
    """Stop a group's state machine and tell it the layers."""
    fields = {**_idle(setting), "fifo_en": int(setting.has_fifo), "mexpress": int(setting.options.mexpress)}
    yield _write(setting, "CTL", "stop the state machine", group, fields)
    if not setting.device.register_clear:
        yield from _timing(setting, (group,))
    layers: Fields = {"lcnt": setting.numbering.last}
    if setting.device.last_start_layer:
        layers["start"] = setting.numbering.entries[0]
    if any(layers.values()):
        yield _write(setting, "LCNT_MAX", "layers", group, layers)
    if setting.options.init_tram:
        for processor in range(group * GROUP, (group + 1) * GROUP):
            yield Fill(setting.addresses.tram(processor, 0), setting.device.tram.words,
                       f"clear the TRAM of processor {processor}")


def _test(setting: Setting) -> Iterator[Step]:
    """Test the memories of all groups, one kind after the other."""
    groups = range(setting.device.groups)
    for memory, letter, select in TESTS[setting.device.name]:
        fields = {"bistsel": select, f"{letter}bistrun": 1}
        done = (f"{letter}allbdone", "bistdone") if not setting.device.register_clear else (f"{letter}allbdone",)
        yield from (_write(setting, "SRAM_TEST", f"test {memory} memory", g, fields) for g in groups)
        yield from (_poll(setting, g, f"wait for the test of {memory} memory", *done) for g in groups)
        yield from (_failure(setting, g, memory, letter) for g in groups)
        yield from (_write(setting, "SRAM_TEST", "end the test", g) for g in groups)


def _failure(setting: Setting, group: int, memory: str, letter: str) -> Poll:
    mask = setting.addresses.registers["SRAM_TEST"].pack(**{f"{letter}allbfail": 1})
    return Poll(setting.addresses.register("SRAM_TEST", group), mask, 0, f"{memory} memory is broken", fails=True)


# ---- after the layers

def input_frame(view: LayerView) -> Iterator[Write]:
    """The words of an input from a FIFO, with the first layer."""
    setting = view.setting
    if view.index > 0 or not setting.has_fifo:
        return
    rows, cols = view.hardware.in_dim
    words = units(rows * cols, 4 if setting.plan.placement.chw else 1)
    yield _write(setting, "IFRM", "input frame", view.group, {"ifrm_reg": words})


def configure_global(setting: Setting) -> Iterator[Write]:
    """The writes at the end of `cnn_configure`: the FIFOs."""
    if setting.fifo is Fifo.STANDARD:
        fields = {"rdy_sel": setting.options.ready_sel_fifo, "full_thresh": THRESHOLD, "empty_thresh": THRESHOLD,
                  "fifo_cpl": int(setting.device.fifo_coupling), "fifo_en": _fifos(setting)}
        yield _write(setting, "FIFO_CTL", "FIFO control", fields=fields)
    elif setting.has_fifo:
        if setting.options.write_zero_registers:
            yield _write(setting, "FAST_IE", "fast FIFO, no interrupts")
        yield _write(setting, "FAST_CR", "fast FIFO control", fields={"threshold": FAST_THRESHOLD})


def _fifos(setting: Setting) -> int:
    """The FIFOs that feed a processor of the first layer."""
    place = setting.plan.placement
    feeds = setting.device.fifo.feeds(place.chw)
    return sum(1 << fifo for fifo, processors in enumerate(feeds)
               if any(place.layers[0].processors >> p & 1 for p in processors))


# ---- start

def start(setting: Setting) -> Iterator[Write]:
    """The writes of `cnn_start`: all groups but the first run when that one does, which is told last."""
    common, first = _running(setting), setting.first_group
    for group in setting.groups:
        fields = {**common, **_fed(setting, group), "ext_sync": EXTERNAL + first, "cnn_en": int(group != first)}
        yield _write(setting, "CTL", f"enable group {group}", group, fields)
    if setting.options.powerdown:
        off = sum(1 << group for group in range(setting.device.groups) if group not in setting.groups)
        yield _write(setting, "AON_CTL", "switch off unused kernel memory",
                     fields={"rdy_sel": setting.options.ready_sel_aon, "pd": off})
    fields = {**common, **_fed(setting, first), "ext_sync": EXTERNAL * setting.has_fifo, "cnn_en": 1}
    yield _write(setting, "CTL", f"start group {first}", first, fields)


def _running(setting: Setting) -> Fields:
    """What the control registers of all groups have in common."""
    options, network = setting.options, setting.plan.network
    return {
        **_idle(setting),
        "mexpress": int(options.mexpress),
        "oneshot": int(options.one_shot),
        "poolrnd": int(network.round_average),
        "simple1b": int(network.simple_1b),
        "stream_en": int(setting.streaming),
        "lilbuf": int(setting.streaming and setting.has_fifo),
        "qupac": int(setting.fifo is Fifo.QUAD),
        **FEATURES[setting.device.name](setting),
    }


def _features_78002(setting: Setting) -> Fields:
    plan = setting.plan
    return {
        "ext_rdy": int(setting.options.ext_rdy),
        "bigdata": int(plan.placement.layers[0].streaming and plan.placement.chw),
        "binary": int(any(layer.weights is not None and layer.weights.binary for layer in plan.network.layers)),
    }


FEATURES: dict[str, Callable[[Setting], Fields]] = {MAX78000.name: lambda setting: {}, MAX78002.name: _features_78002}
"""Chip -> bits of the control register that it alone has, or uses in its own way."""


def _fed(setting: Setting, group: int) -> Fields:
    """How a group gets its input."""
    if not setting.has_fifo:
        return {}
    processors = setting.plan.placement.layers[0].processors
    fast = setting.fifo is not Fifo.STANDARD and bool(processors >> group * GROUP & GROUP_MASK)
    return {"fifo_en": 1, "ffifo_en": int(fast), "fifogrp": int(fast and not spreads(processors))}
