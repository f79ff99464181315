"""What must hold before a network or a layer starts, beside what the computation itself finds out."""

from __future__ import annotations

from ..device import Device
from .complaints import Complaints, Kind
from .layer import LayerProgram, Mode
from .registers import Registers
from .write import Written

UNMODELLED = ("calcmax", "pool_en", "timeshft", "ext_rdy")
"""Fields of CTL that change what layers do, and are not modelled."""

MOST_READS = 1 << 25
"""Elements of pooling windows that one processor reads for a layer; a frame has less than 2**21 pixels."""


def check_start(device: Device, registers: Registers, complaints: Complaints, groups: tuple[int, ...]) -> None:
    """Complain about settings of groups that start. Any number of wait states works, if it is the same everywhere."""
    waits = {group: registers.fields("CTL", group)["rdy_sel"] for group in groups}
    if len(set(waits.values())) > 1:
        complaints.add(Kind.WAIT_STATES, "CTL.rdy_sel of groups that run together: " +
                       ", ".join(f"group {group} {states}" for group, states in waits.items()))
    for group in groups:
        control = registers.fields("CTL", group)
        if not control["clk_en"]:
            complaints.add(Kind.CLOCK, f"group {group} starts")
        for name in UNMODELLED:
            if control.get(name):
                complaints.add(Kind.NOT_MODELLED, f"group {group}: CTL.{name}")
        sram = registers.fields("SRAM", group)
        if sram["pd"] or sram["ds"]:
            complaints.add(Kind.ASLEEP, f"group {group}: its memories (SRAM.pd, SRAM.ds)")
        aon = registers.fields("AON_CTL")
        if (aon["pd"] | aon["dsleep"]) >> group & 1:
            complaints.add(Kind.ASLEEP, f"group {group}: its kernel memory (AON_CTL)")


def check_big_data(device: Device, registers: Registers, complaints: Complaints, leader: int, layer: int) -> None:
    """Complain about `CTL.bigdata` that does not fit the first layer: on for streaming CHW input of the MAX78002."""
    if not device.pipeline:
        if registers.fields("CTL", leader)["bigdata"]:
            complaints.add(Kind.NOT_MODELLED, "CTL.bigdata")
        return
    parallel = bool(registers.fields("LCTL", leader, layer)["parallel"])
    streams, big = bool(registers.word("FMAX", leader, layer)), bool(registers.fields("CTL", leader)["bigdata"])
    if (big and not parallel) or (parallel and streams and not big):
        complaints.add(Kind.SIZES_DISAGREE, "CTL.bigdata: on where the input is CHW and streams")


def check_layer(device: Device, registers: Registers, complaints: Complaints, layer: int, leader: int,
                groups: tuple[int, ...]) -> bool:
    """Whether a layer can run at all; complains where not, and about groups that are needed and do not run."""
    if layer >= device.layers:
        complaints.add(Kind.LAYERS, f"layer {layer}; the registers end at {device.layers - 1}")
        return False
    if leader not in registers.layers[layer]:
        complaints.add(Kind.UNCONFIGURED, f"layer {layer} of group {leader}")
        return False
    idle = [group for group in range(device.groups) if group not in groups
            and registers.fields("ENA", group, layer)["pro_en"]]
    if idle:
        complaints.add(Kind.PROCESSORS, f"groups {', '.join(map(str, idle))} have processors in this layer, but do not "
                                        "run (CTL.cnn_en, ext_sync)")
    return True


def check_size(device: Device, complaints: Complaints, program: LayerProgram) -> bool:
    """Whether a layer is small enough for any chip; complains where not."""
    reads = program.reads
    elements = (reads.rows * reads.columns * reads.window[0] * reads.window[1] * reads.passes * reads.operands)
    words = max(program.pixels, 1) * program.writes.increment
    if max(elements, words) > MOST_READS:
        complaints.add(Kind.READ_RANGE, f"reads {elements} elements and writes {words} words: no image is so large")
        return False
    if not program.mode.by_processor and program.outputs > device.channels:
        complaints.add(Kind.KERNEL_RANGE, f"kernels of {program.outputs} output channels")
        return False
    return True


def check_tram(device: Device, complaints: Complaints, program: LayerProgram, front: int | None) -> None:
    """Complain about TRAM that does not hold the rows of sums that a kernel needs, or that the pixels to flatten do not
    count; `front`: what streaming layers in front take, None for a layer that does not stream."""
    first, last = program.tram
    if last >= device.tram.words and not program.flattens:
        complaints.add(Kind.TRAM, f"up to word {last} of {device.tram.words}")
    begin, columns = front or 0, program.columns
    right = begin, begin + columns - 1
    pointwise = program.one_d or (program.mode is not Mode.PASSTHROUGH and program.kernels.size == (1, 1) and not front)
    if pointwise:
        right = (program.reads.passes - 1, 2 * program.reads.passes - 1) if program.flattens else (0, 0)
    if (first, last) != right:
        complaints.add(Kind.SIZES_DISAGREE, f"TRAM words {first} to {last} (TPTR), not {right[0]} to {right[1]}: "
                                            f"{columns} output columns")


def check_banks(device: Device, program: LayerProgram, results: Written, complaints: Complaints) -> None:
    """Complain about read-ahead where a layer reads and writes the same single-port memory."""
    if not program.read_ahead or not len(results.words):
        return
    reads, bank = program.reads, device.data.words // device.data.banks
    last = reads.base + program.last_pixel * reads.pixel_words + reads.pixel_words - 1
    read = (reads.base // bank, last // bank)
    wrote = (int(results.words.min()) // bank, int(results.words.max()) // bank)
    if read[0] == wrote[0] or read[1] == wrote[1]:
        complaints.add(Kind.BANKS, f"reads banks {read[0]} to {read[1]}, writes {wrote[0]} to {wrote[1]}")
