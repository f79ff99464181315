"""What must agree between the groups that run together, and between a network's control registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..device import Device
from .complaints import Complaints, Kind
from .decode import SYNC
from .layer import LayerProgram, Mode, Part
from .registers import Registers

COMMON = ("RCNT", "CCNT", "PRCNT", "PCCNT", "STRIDE", "WPTR_TOFFS", "WPTR_MOFFS", "WPTR_CHOFFS", "RPTR_BASE", "LCTL2",
          "MCNT", "MCNT1", "MCNT2", "OCHAN", "ONED", "TPTR", "NXTLYR", "STREAM1", "STREAM2", "FMAX")
"""Registers that are the same in all groups that work together."""

OF_GROUP = {"LCTL": ("cnnsi_en",), "POST": ("bptr_sad", "bptr_en")}
"""Registers of which some fields differ from group to group."""

CONTROL = ("bigdata", "oneshot", "poolrnd", "stream_en", "fifo_en", "lilbuf", "qupac", "pipeline_off", "binary",
           "simple1b")
"""Fields of CTL that are the same in all groups that run together."""

SELF_TEST = ("sbistrun", "sramz", "mbistrun", "mramz", "tbistrun", "tramz", "bbistrun", "bramz")
"""Fields of SRAM_TEST that test or clear a memory."""


def check_control(registers: Registers, complaints: Complaints, groups: tuple[int, ...], leader: int,
                  layer: int) -> None:
    """Complain about control registers of groups that start, of which `leader` starts the others, at a layer."""
    lead = registers.fields("CTL", leader)
    for group in groups:
        control = registers.fields("CTL", group)
        different = [f"CTL.{name}" for name in CONTROL if control.get(name) != lead.get(name)]
        if registers.word("LCNT_MAX", group) != registers.word("LCNT_MAX", leader):
            different.append("LCNT_MAX")
        if different:
            complaints.add(Kind.GROUPS_DISAGREE, f"groups {leader} and {group}: {', '.join(different)}")
        running = [name for name in SELF_TEST if registers.fields("SRAM_TEST", group)[name]]
        if running:
            complaints.add(Kind.SELF_TEST, f"group {group}: SRAM_TEST.{', '.join(running)}")
    found = _input(registers, groups, leader, layer)
    for text, holds in INPUT:
        if not holds(found):
            complaints.add(Kind.FIFO, f"group {leader}, its fast FIFO in groups {sorted(found.fast)}: {text}")


@dataclass(frozen=True)
class Input:
    """How the input comes in, by the control registers."""

    lead: dict[str, int]
    """CTL of the group that starts the others."""
    leader: int
    fast: set[int]
    """Groups whose fast FIFO is on."""
    fed: set[int]
    """Groups with processors in the first layer."""
    spread: set[int]
    """Values of CTL.fifogrp in the groups whose fast FIFO is on."""
    streams: bool
    """Whether layers stream: behind a FIFO the first one has a circular buffer, else the second one a start."""


def _input(registers: Registers, groups: tuple[int, ...], leader: int, layer: int) -> Input:
    control = {group: registers.fields("CTL", group) for group in groups}
    fast = {group for group in groups if control[group]["ffifo_en"]}
    buffered = registers.word("FMAX", leader, layer), registers.word("STREAM1", leader, layer + 1)
    return Input(control[leader], leader, fast,
                 {group for group in groups if registers.fields("ENA", group, layer)["pro_en"]},
                 {control[group]["fifogrp"] for group in fast}, bool(buffered[not control[leader]["fifo_en"]]))


INPUT: tuple[tuple[str, Callable[[Input], bool]], ...] = (
    ("CTL.ffifo_en needs CTL.fifo_en", lambda i: not i.fast or bool(i.lead["fifo_en"])),
    ("CTL.ffifo_en: in all groups that the input goes to",
     lambda i: not i.fast or bool(i.lead["qupac"]) or i.fast == i.fed),
    ("CTL.fifogrp: the same in all groups with the fast FIFO", lambda i: len(i.spread) < 2),
    ("CTL.qupac: the fast FIFO in the first group and, without CTL.fifogrp, in others",
     lambda i: not i.lead["qupac"] or (i.leader in i.fast and i.lead["fifogrp"] == (len(i.fast) == 1))),
    ("CTL.lilbuf: on with streaming and a FIFO", lambda i: i.lead["lilbuf"] == i.lead["stream_en"] & i.lead["fifo_en"]),
    ("CTL.stream_en: on where layers stream (FMAX, STREAM1)", lambda i: bool(i.lead["stream_en"]) == i.streams),
    ("CTL.ext_sync: with a FIFO the first group runs together with itself",
     lambda i: not i.lead["fifo_en"] or i.lead["ext_sync"] == SYNC | i.leader),
)
"""What must hold, and whether it does."""


def check_groups(device: Device, registers: Registers, complaints: Complaints, program: LayerProgram) -> None:
    """Complain about registers that differ between groups that run together."""
    for part in program.parts:
        if part.group == program.leader or not (part.processors or part.group in registers.layers[program.layer]):
            continue
        different = list(_different(registers, program, part.group))
        if program.mode.by_processor and not _points_alike(device, registers, program, part):
            different.append("WPTR_BASE")
        if different:
            complaints.add(Kind.GROUPS_DISAGREE, f"groups {program.leader} and {part.group}: {', '.join(different)}")
    _check_sources(registers, complaints, program)


def _different(registers: Registers, program: LayerProgram, group: int) -> Iterator[str]:
    layer, leader = program.layer, program.leader
    for name in COMMON if program.mode.by_processor else (*COMMON, "WPTR_BASE"):
        if registers.word(name, group, layer) != registers.word(name, leader, layer):
            yield name
    for name, own in OF_GROUP.items():
        right = registers.fields(name, leader, layer)
        for field, value in registers.fields(name, group, layer).items():
            if field not in own and value != right[field]:
                yield f"{name}.{field}"


def _points_alike(device: Device, registers: Registers, program: LayerProgram, part: Part) -> bool:
    """Whether the write pointer of a group without sums of others fits that of the first one: the same word.

    Without processors its instance is 0; in depthwise layers the pointer may be 0, or that of groups that follow.
    """
    size = 1 << device.pointer_word_bits
    word = registers.word("WPTR_BASE", program.leader, program.layer) % size
    if program.mode is Mode.PASSTHROUGH:
        return part.base == word if not part.processors else part.base % size == word
    return bool(part.processors) or part.base % size in (0, word)


def _check_sources(registers: Registers, complaints: Complaints, program: LayerProgram) -> None:
    """Complain about groups whose sums are added without need."""
    works = {part.group for part in program.parts if part.processors or part.bias is not None}
    for part in program.parts:
        leads = part.group == program.leader and not program.mode.by_processor and program.mode is not Mode.QUAD
        added = registers.fields("LCTL", part.group, program.layer)["cnnsi_en"]
        useful = sum(1 << group for group in works - {program.leader}) if leads else 0
        if added & ~useful:
            complaints.add(Kind.PROCESSORS, f"group {part.group} adds sums of groups that have none "
                                            f"(LCTL.cnnsi_en {added:#06b})")
