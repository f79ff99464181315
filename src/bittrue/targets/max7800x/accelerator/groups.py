"""What must agree between the groups that run together, and between a network's control registers."""

from __future__ import annotations

from collections.abc import Iterator

from .complaints import Complaints, Kind
from .decode import SYNC
from .layer import LayerProgram, Mode
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
    for text in _input(registers, groups, leader, layer):
        complaints.add(Kind.FIFO, text)


def _input(registers: Registers, groups: tuple[int, ...], leader: int, layer: int) -> Iterator[str]:
    """What is wrong with how the input comes in."""
    lead = registers.fields("CTL", leader)
    fast = {group for group in groups if registers.fields("CTL", group)["ffifo_en"]}
    fed = {group for group in groups if registers.fields("ENA", group, layer)["pro_en"]}
    if fast and not lead["fifo_en"]:
        yield "CTL.ffifo_en without CTL.fifo_en"
    if fast and not lead["qupac"] and fast != fed:
        yield f"the fast FIFO is on in groups {_list(fast)} (CTL.ffifo_en), the input goes to groups {_list(fed)}"
    if fast and lead["qupac"] and (leader not in fast or lead["fifogrp"] == (len(fast) > 1)):
        yield f"the fast FIFO is on in groups {_list(fast)} (CTL.ffifo_en), CTL.fifogrp is {lead['fifogrp']}"
    if len({registers.fields("CTL", group)["fifogrp"] for group in fast}) > 1:
        yield f"CTL.fifogrp of groups {_list(fast)}"
    if lead["qupac"] and not fast:
        yield "CTL.qupac without the fast FIFO"
    if lead["lilbuf"] != (lead["stream_en"] and lead["fifo_en"]):
        yield "CTL.lilbuf: on with streaming and a FIFO (CTL.stream_en, fifo_en)"
    if lead["stream_en"] != _streams(registers, leader, layer, bool(lead["fifo_en"])):
        yield "CTL.stream_en: on where layers stream (STREAM1, FMAX)"
    if lead["fifo_en"] and lead["ext_sync"] != SYNC | leader:
        yield f"CTL.ext_sync of group {leader}: with a FIFO the first group runs together with itself"


def _streams(registers: Registers, leader: int, layer: int, fifo: bool) -> bool:
    """Whether layers stream: behind a FIFO the first one has a circular buffer, else the second one a start."""
    if fifo:
        return bool(registers.word("FMAX", leader, layer))
    return bool(registers.word("STREAM1", leader, layer + 1))


def check_groups(registers: Registers, complaints: Complaints, program: LayerProgram) -> None:
    """Complain about registers that differ between groups that run together."""
    for part in program.parts:
        if part.group == program.leader or not (part.processors or part.group in registers.layers[program.layer]):
            continue
        different = list(_different(registers, program, part.group))
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


def _list(groups: set[int]) -> str:
    return ", ".join(map(str, sorted(groups))) or "none"
