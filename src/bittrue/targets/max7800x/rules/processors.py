"""Rules about the processors of a placement, and about features that it uses."""

from __future__ import annotations

from collections.abc import Iterator

from ..hardware import GROUP_MASK
from ..placement import GROUP, PROCESSORS, SHARED, Passes, bits, first, groups_used
from .case import Case, View
from .rule import Rule, Stage, Violation, layer_rule


def _placed_layers(case: Case) -> Iterator[Violation]:
    if len(case.placement.layers) != len(case.network.layers):
        yield f"network {case.network.name}", f"it has {len(case.network.layers)} layers, and its placement " \
            f"{len(case.placement.layers)}"


def _maps(case: Case) -> Iterator[Violation]:
    buffer = case.placement.buffer
    maps = [(f"layer {layer.name}", place.processors, place.output_processors)
            for layer, place in zip(case.network.layers, case.placement.layers, strict=False)]
    for where, *masks in maps + ([("the persistent buffer", buffer.processors, 0)] if buffer is not None else []):
        for mask in (m for m in masks if m < 0 or m >> PROCESSORS):
            yield where, f"its map of processors {mask:#x} is not within 64"


def _count(what: str, channels: int, passes: Passes, processors: int) -> Iterator[str]:
    if processors.bit_count() != passes.width:
        yield f"its {channels} {what} channels take {passes.count} passes of {passes.width} processors, and its map " \
              f"{processors:#018x} has {processors.bit_count()}"


def _input_processors(view: View) -> Iterator[str]:
    return _count("input", view.layer.in_channels, view.hardware.in_passes, view.place.processors)


def _output_processors(view: View) -> Iterator[str]:
    return _count("output", view.layer.out_channels, view.hardware.out_passes, view.place.output_processors)


def _buffer(case: Case) -> Iterator[Violation]:
    buffer, place = case.network.buffer, case.placement.buffer
    if (buffer is None) != (place is None):
        yield f"network {case.network.name}", "it has " + ("no persistent buffer, and its placement has one"
                                                           if buffer is None else "a persistent buffer without a place")
    elif buffer is not None and place is not None:
        for reason in _count("buffer", buffer.channels, Passes.of(buffer.channels), place.processors):
            yield f"buffer {buffer.name}", reason


def _chw(case: Case) -> Iterator[Violation]:
    place = case.layers[0].place
    by_instance = [p // SHARED for p in bits(place.processors)]
    shared = sorted({i for i in by_instance if by_instance.count(i) > 1})
    if case.placement.chw and shared:
        yield case.layers[0].where, f"its input is in CHW, and several of its channels share data memory instance " \
            f"{', '.join(map(str, shared))}"
    if case.placement.chw and case.layers[0].layer.operands > 1:
        yield case.layers[0].where, f"its input is in CHW, and has {case.layers[0].layer.operands} operands"


def _packed(view: View) -> Iterator[str]:
    """Without convolution a group writes as many channels as it reads, packed."""
    if view.layer.convolves:
        return
    for group in range(view.device.groups):
        inputs, outputs = (mask >> group * GROUP & GROUP_MASK
                           for mask in (view.place.processors, view.place.output_processors))
        packed = (1 << inputs.bit_count()) - 1
        if (outputs and outputs >> first(outputs) != packed) or (packed and not outputs):
            yield f"it does not convolve, and in group {group} it reads processors {inputs:#06x} and writes " \
                  f"{outputs:#06x}"


def _depthwise(view: View) -> Iterator[str]:
    if view.layer.groups == 1:
        return
    begin, outputs = first(view.place.processors), first(view.place.output_processors)
    if outputs % SHARED:
        yield f"it is depthwise, and its first output processor {outputs} is no multiple of 4"
    if begin % SHARED and view.place.processors >> begin >> GROUP:
        yield f"it is depthwise over several groups, and its first processor {begin} is no multiple of 4"


def _group_zero(case: Case) -> Iterator[Violation]:
    used = groups_used(case.network, case.placement)
    if 0 not in used:
        yield f"network {case.network.name}", f"it uses the groups {', '.join(map(str, used))}, and not 0"


def _bias_groups(view: View) -> Iterator[str]:
    allowed, used = view.place.bias_groups, groups_used(view.case.network, view.case.placement)
    if allowed is None:
        return
    if not allowed:
        yield "its bias may lie in no group"
    for group in (g for g in allowed if g not in used):
        yield f"its bias may lie in group {group}, and the network uses {', '.join(map(str, used))}"
    if view.layer.groups > 1:
        yield "its bias is bound to a group, and depthwise layers have their biases in all of theirs"


def _bias_gaps(view: View) -> Iterator[str]:
    """The channel counter passes processors that are left out, and nothing public says whether the bias pointer does:
    the existing loader lays biases out as if it did not, although it does count those before the first one."""
    weights, outputs = view.layer.weights, view.place.output_processors
    if weights is None or weights.bias is None or view.layer.groups > 1 or not outputs:
        return
    inner = outputs >> first(outputs)
    if inner & (inner + 1):
        yield f"it has a bias, and leaves out processors between those that it writes to, {outputs:#018x}"


def _pass_start(view: View) -> Iterator[str]:
    begin = first(view.place.output_processors) if view.place.output_processors else 0
    if view.hardware.out_passes.count > 1 and begin % SHARED:
        yield f"it writes {view.hardware.out_passes.count} passes from processor {begin} on, which is no multiple of 4"


def _read_gap(view: View) -> Iterator[str]:
    gap = view.place.read_gap
    if gap and not view.device.read_gaps:
        yield f"it leaves out {gap} words between two that it reads, and {view.device.part} cannot"
    elif gap and view.hardware.in_passes.count > 1:
        yield f"it leaves out {gap} words between two that it reads, in {view.hardware.in_passes.count} passes"


def _features(view: View) -> Iterator[str]:
    wanted = {"read-ahead": (view.place.read_ahead, view.device.read_ahead),
              "four kernel memories at once (calc_x4)": (view.place.calc_x4, view.device.calc_x4),
              "several passes at once (tram_calc)": (bool(view.place.tram_calc), view.device.read_ahead)}
    for what in (name for name, (used, there) in wanted.items() if used and not there):
        yield f"it uses {what}, and {view.device.part} cannot"
    if view.place.calc_x4 and view.layer.out_channels % SHARED:
        yield f"it uses four kernel memories at once, and its {view.layer.out_channels} output channels are no " \
              "multiple of 4"


def _order(case: Case) -> Iterator[Violation]:
    for before, after in zip(case.layers, case.layers[1:], strict=False):
        one, two = before.layer.sequence, after.layer.sequence
        if one is not None and two is not None and two <= one and not case.device.link_layer:
            yield after.where, f"it has number {two} and runs after number {one}, and {case.device.part} runs layers " \
                "in order"


TITLES = {
    "BT5321": "a placement of other layers",
    "BT5322": "a number of processors that does not fit the channels",
    "BT5323": "an input in CHW that the data memories cannot hold",
    "BT5324": "a layer without convolution that spreads its channels",
    "BT5325": "a depthwise layer on processors that cannot",
    "BT5326": "a network without the first group",
    "BT5327": "a bias in a group that cannot hold it",
    "BT5349": "several passes of output from the middle of a data memory instance",
    "BT5348": "a bias beside output processors that are left out",
    "BT5330": "words that are left out where that is impossible",
    "BT5331": "a feature that the chip does not have",
    "BT5339": "layers out of order on a chip that cannot",
}

_WIDTH = "enable as many processors as a pass has channels"
_INSTANCES = "use one processor in every four, or HWC"

RULES: tuple[Rule, ...] = (
    Rule("BT5321", _placed_layers, "place the layers that the network has", Stage.WHOLE, True, placed=True),
    Rule("BT5322", _maps, "use processors 0 to 63", Stage.WHOLE, True, placed=True),
    layer_rule("BT5322", _input_processors, _WIDTH, Stage.MAPS, True),
    layer_rule("BT5322", _output_processors, _WIDTH, Stage.MAPS, True),
    Rule("BT5322", _buffer, _WIDTH, Stage.MAPS, True),
    Rule("BT5323", _chw, _INSTANCES, Stage.MAPS),
    layer_rule("BT5324", _packed, "let every group of 16 write the channels that it reads, without gaps",
               Stage.MEMORIES),
    layer_rule("BT5325", _depthwise, "begin at a multiple of 4", Stage.MEMORIES),
    Rule("BT5326", _group_zero, "let some layer use one of the processors 0 to 15", Stage.MAPS),
    layer_rule("BT5327", _bias_groups, "name groups that the network uses, or none", Stage.MAPS, True),
    layer_rule("BT5348", _bias_gaps, "write to neighbouring processors, or leave the bias out", Stage.MEMORIES),
    layer_rule("BT5349", _pass_start, "begin at a multiple of 4", Stage.MEMORIES),
    layer_rule("BT5330", _read_gap, "let the sources write without gaps", Stage.MAPS),
    layer_rule("BT5331", _features, "do without it, or use the other chip", Stage.MAPS),
    Rule("BT5339", _order, "number the layers in the order in which they run", Stage.NUMBERS),
)
"""Processors and features."""
