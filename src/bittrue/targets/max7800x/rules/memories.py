"""Rules about what lies in the memories: kernels, biases, data, and the registers that count them."""

from __future__ import annotations

from collections.abc import Iterator

from ..hardware import time_slots
from ..memory import buffer_overlaps, overlaps
from ..memory.data import WORD
from ..network import BUFFER, DATA_BITS
from ..placement import Fifo
from .case import Case, View, named
from .rule import Rule, Stage, Violation, layer_rule, limit


def _offsets(view: View) -> Iterator[str]:
    for what, offset in (("in_offset", view.place.in_offset), ("out_offset", view.place.out_offset)):
        if offset % WORD or not 0 <= offset < view.device.data.bytes:
            yield f"its {what} is {offset:#06x}, and must be a multiple of 4 within {view.device.data.bytes:#x} bytes"


def _gaps(view: View) -> Iterator[str]:
    if view.place.write_gap < 0 or view.place.read_gap < 0:
        yield f"its write gap is {view.place.write_gap}, its read gap {view.place.read_gap}"


def _room_before(view: View) -> Iterator[str]:
    needed = view.hardware.skipped * view.hardware.out_passes.count * WORD
    if view.place.out_offset < needed:
        yield f"its out_offset is {view.place.out_offset:#06x}, and its dilated kernel writes {needed:#x} bytes more " \
              "in front"


def _increment(view: View) -> list[int]:
    gap = view.place.write_gap
    return [view.hardware.out_passes.count * (gap + 1) - 1 if view.layer.convolves else gap]


def _slots(view: View) -> list[int]:
    return [time_slots(view.layer, view.hardware, view.place)]


def _kernel_overflows(case: Case) -> Iterator[Violation]:
    for overflow in case.maps.kernels.overflows:
        columns = case.device.kernels.columns(overflow.processor)
        yield case.layers[overflow.layer].where, f"its kernels take {overflow.needed} columns in every processor, " \
            f"without a hole, and processor {overflow.processor} has {overflow.free} of {columns} left"


def _kernel_clashes(case: Case) -> Iterator[Violation]:
    for clash in case.maps.clashes:
        yield case.layers[clash.layer].where, f"its kernels overwrite those of {case.layers[clash.other].where} in " \
            f"processor {clash.processor}, column {clash.column}: four memories at once deal them out"


def _bias_overflows(case: Case) -> Iterator[Violation]:
    for overflow in case.maps.biases.overflows:
        yield case.layers[overflow.layer].where, f"its bias takes {overflow.needed} bytes, and group " \
            f"{overflow.group} has {overflow.free} of {case.device.bias.bytes} left"


def _data_sizes(case: Case) -> Iterator[Violation]:
    words = case.device.data.words
    for area in case.maps.areas:
        if area.end > words:
            where = case.layers[max(area.owner, 0)].where if area.owner != BUFFER else "buffer"
            yield where, f"{named(case, area.owner)} takes the bytes {area.begin * WORD:#x} to " \
                f"{area.end * WORD - 1:#x} of a data memory instance, which has {words * WORD:#x}"


def _output_sizes(view: View) -> list[int]:
    """Offset and size of an output, as the existing loader counts them."""
    area = view.case.maps.area(view.index)
    if area is None:
        return []
    rows, cols = view.layer.out_dim
    size = (rows * cols + view.hardware.surplus) * view.hardware.out_passes.count * view.layer.output_width // DATA_BITS
    return [view.place.out_offset + size * WORD]


def _input_sizes(view: View) -> list[int]:
    """Offset and size of what a layer reads, unless it streams."""
    if view.streaming:
        return []
    rows, cols = view.layer.in_dim
    size = rows * cols * view.hardware.in_passes.count * view.layer.operands
    return [view.place.in_offset + size * (1 if view.case.placement.chw and view.index == 0 else WORD)]


def _overlaps(case: Case) -> Iterator[Violation]:
    for overlap in overlaps(case.network, case.placement, case.hardware, case.maps.areas):
        reader = "which leaves the accelerator" if overlap.reader is None else \
            f"which {case.layers[overlap.reader].where} reads"
        yield case.layers[overlap.layer].where, f"its output ({overlap.written}) overwrites " \
            f"{named(case, overlap.owner)} ({overlap.lost}), {reader}, in data memory instance {overlap.instance} " \
            f"at {overlap.offset:#06x}"


def _buffer_overlaps(case: Case) -> Iterator[Violation]:
    if case.placement.overlap_data:
        return
    for overlap in buffer_overlaps(case.network, case.placement, case.maps.streams, case.maps.areas):
        mine, other = (f"({begin * WORD:#06x} to {end * WORD:#06x})" for begin, end in (overlap.words, overlap.others))
        what = "output" if overlap.output else "circular buffer"
        yield case.layers[overlap.layer].where, f"its {what} {mine} meets the circular buffer {other} of " \
            f"{case.layers[overlap.other].where}"


def _buffer_sizes(view: View) -> Iterator[str]:
    stream, place = view.case.maps.streams[view.index], view.place
    if stream is None or stream.buffer is None:
        return
    size = stream.buffer * WORD
    if place.in_offset + size >= view.device.data.bytes:
        yield f"its circular buffer of {size:#x} bytes at {place.in_offset:#06x} does not fit into a data memory " \
              f"instance of {view.device.data.bytes:#x}"
    if not place.processors & place.output_processors:
        return
    low, high = sorted((place.in_offset, place.out_offset - view.hardware.skipped * WORD))
    if low + size >= high:
        yield f"its circular buffer of {size:#x} bytes does not fit between its offsets {low:#06x} and {high:#06x}"


def _banks(view: View) -> Iterator[str]:
    """With read-ahead, a layer reads and writes different memories of an instance."""
    if not (view.place.read_ahead and view.device.read_ahead):
        return
    data, place, hardware = view.device.data, view.place, view.hardware
    size = WORD * view.layer.operands * hardware.in_passes.count * hardware.in_dim[0] * hardware.in_dim[1]
    rows, cols = view.layer.out_dim
    out_size = WORD * hardware.out_passes.count * (rows * cols + hardware.surplus)
    reads = data.bank(place.in_offset), data.bank(place.in_offset + size - 1)
    writes = data.bank(place.out_offset), data.bank(place.out_offset + out_size - 1)
    if reads[0] == writes[0] or reads[1] == writes[1]:
        yield f"it reads ahead, from the banks {reads[0]} to {reads[1]}, and writes to {writes[0]} to {writes[1]}"


def _streaming_banks(view: View) -> Iterator[str]:
    if not (view.place.read_ahead and view.streaming) or view.case.placement.fifo is Fifo.NONE:
        return
    bank = view.device.data.bank(view.place.in_offset)
    for before in view.case.layers[:view.index]:
        if before.streaming and view.device.data.bank(before.place.in_offset) == bank:
            yield f"it reads ahead while it streams, from bank {bank} as {before.where} does"


TITLES = {
    "BT5328": "an offset that the data memories do not have",
    "BT5329": "a step or count that its register cannot hold",
    "BT5332": "kernels that find no place",
    "BT5333": "a bias that finds no place",
    "BT5334": "data that do not fit into a data memory instance",
    "BT5335": "data are overwritten that are still needed",
    "BT5336": "circular buffers that do not fit",
    "BT5337": "reading ahead and writing in the same bank",
}

_MOVE = "move one of them, or use other processors"

RULES: tuple[Rule, ...] = (
    layer_rule("BT5328", _offsets, "use a multiple of 4 inside of a data memory instance", Stage.MAPS, True),
    layer_rule("BT5328", _gaps, "leave no or some words free", Stage.MAPS, True),
    layer_rule("BT5328", _room_before, "use a higher out_offset", Stage.MEMORIES),
    limit("BT5329", "write_increment", _increment, "use a smaller write gap or fewer output channels", Stage.MEMORIES),
    limit("BT5329", "time_slots", _slots, "spread the channels over more groups, or use an output of 8 bits",
          Stage.MEMORIES),
    Rule("BT5332", _kernel_overflows, "use fewer channels or weights of fewer bits, or spread the layers over other "
         "processors", Stage.MEMORIES),
    Rule("BT5332", _kernel_clashes, "use calc_x4 in all layers or in none", Stage.MEMORIES),
    Rule("BT5333", _bias_overflows, "leave biases out, or let layers use more groups", Stage.MEMORIES),
    Rule("BT5334", _data_sizes, "use a lower offset, smaller images, or streaming", Stage.MEMORIES, True),
    limit("BT5334", "data_bytes", _output_sizes, "use a lower out_offset, smaller images, or streaming",
          Stage.MEMORIES),
    limit("BT5334", "data_bytes", _input_sizes, "use a lower in_offset, smaller images, or streaming", Stage.MEMORIES),
    Rule("BT5335", _overlaps, "move one of them, use other processors, or state that layers may overwrite what they "
         "have read (overlap_data)", Stage.CONTENTS),
    Rule("BT5336", _buffer_overlaps, _MOVE, Stage.MEMORIES),
    layer_rule("BT5336", _buffer_sizes, "move the output away, or pool less", Stage.MEMORIES),
    layer_rule("BT5337", _banks, "move the output to another bank", Stage.MEMORIES),
    layer_rule("BT5337", _streaming_banks, "move one of the inputs to another bank", Stage.MEMORIES),
)
"""Memories."""
