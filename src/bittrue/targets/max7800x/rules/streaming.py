"""Rules about streaming layers and FIFOs. Layers without a placement are not streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..device import LIMITS
from ..feeding import fed
from ..memory import Stream
from ..network import DATA_BITS, INPUT, Operator
from ..placement import Fifo, dotted
from .case import Case, View
from .rule import Rule, Stage, Values, Violation, layer_rule, limit


def _first(case: Case) -> View:
    return case.layers[0]


def _has_fifo(case: Case) -> bool:
    return case.placement.fifo is not Fifo.NONE


def _without_fifo(case: Case) -> Iterator[Violation]:
    if _first(case).streaming and not _has_fifo(case):
        yield _first(case).where, "it is streaming, and its input does not come through a FIFO"


def _late(view: View) -> Iterator[str]:
    if view.index > 0 and view.streaming and not view.case.layers[view.index - 1].streaming:
        yield f"it is streaming, and {view.case.layers[view.index - 1].where} before it is not"


def _count(case: Case) -> Iterator[Violation]:
    row, streaming = LIMITS["streaming_layers"], [view for view in case.layers if view.streaming]
    if not row.keeps(case.device, len(streaming)) and streaming:
        yield streaming[-1].where, f"{row.what}: {len(streaming)}, and {case.device.part} allows " \
            f"{row.text(case.device)}"


def _passthrough(view: View) -> Iterator[str]:
    if view.streaming and not view.layer.convolves and not view.device.streaming_passthrough:
        yield f"it is streaming without convolution, and {view.device.part} cannot"


def _last(view: View) -> bool:
    """Whether a layer is the last streaming one."""
    return view.streaming and not any(v.streaming for v in view.case.layers[view.index + 1:view.index + 2])


def _unpadded(view: View) -> Iterator[str]:
    pad = view.layer.pad if view.layer.operator is Operator.CONVTRANSPOSE2D else view.hardware.pad
    if _last(view) and 0 in pad and not view.device.unpadded_final_streaming:
        yield f"it is the last streaming layer, and its padding is {pad[0]}x{pad[1]}"


def _stream(number: Callable[[Stream], int]) -> Values:
    """A number of those layers that stream, or wait for a FIFO."""
    def values(view: View) -> Iterator[int]:
        stream = view.case.maps.streams[view.index]
        if stream is not None:
            yield number(stream)
    return values


def _fifo_channels(case: Case) -> Iterator[Violation]:
    if not _has_fifo(case):
        return
    kind = "fifo" if case.placement.fifo is Fifo.STANDARD else "fast_fifo"
    row = LIMITS[f"{kind}_channels_{'chw' if case.placement.chw else 'hwc'}"]
    channels = _first(case).layer.in_channels
    if not row.keeps(case.device, channels):
        yield _first(case).where, f"{row.what}: {channels}, and {case.device.part} allows {row.text(case.device)}"


def _fifo_processors(case: Case) -> Iterator[Violation]:
    allowed = fed(case.placement, case.device)
    stray = _first(case).place.processors & ~allowed
    if _has_fifo(case) and stray and not any(_fifo_channels(case)):
        yield _first(case).where, f"its processors are {dotted(_first(case).place.processors)}, and the " \
            f"{case.placement.fifo.value} feeds {dotted(allowed)}"


def _fifo_operands(case: Case) -> Iterator[Violation]:
    first = _first(case)
    if _has_fifo(case) and first.layer.operands > 1:
        yield first.where, f"its input comes through a FIFO, and has {first.layer.operands} operands"


def _fast(case: Case) -> Iterator[Violation]:
    first = _first(case)
    if case.placement.fifo not in (Fifo.FAST, Fifo.QUAD):
        return
    if first.layer.output_width != DATA_BITS:
        yield first.where, f"its input comes through the fast FIFO, and its output has {first.layer.output_width} bits"
    if not first.layer.convolves:
        yield first.where, "its input comes through the fast FIFO, and it does not convolve"


def _quad(case: Case) -> Iterator[Violation]:
    first = _first(case)
    if case.placement.fifo is not Fifo.QUAD or first.layer.weights is None:
        return
    unit = 4 * (DATA_BITS // first.layer.weight_bits)
    if first.layer.weight_bits != DATA_BITS and first.layer.out_channels % unit:
        yield first.where, f"four groups share its {first.layer.weight_bits}-bit kernels, and it has " \
            f"{first.layer.out_channels} output channels, no multiple of {unit}"


def _frame(case: Case) -> Iterator[Violation]:
    row, (rows, cols) = LIMITS["fifo_frame"], _first(case).hardware.in_dim
    words = -(-rows * cols // 4) if case.placement.chw else rows * cols
    if _has_fifo(case) and not row.keeps(case.device, words):
        yield _first(case).where, f"{row.what}: {words}, and {case.device.part} allows {row.text(case.device)}"


def _impossible(view: View) -> Iterator[str]:
    if view.streaming and view.layer.flatten:
        yield "it is streaming and flattens its input"


def _readers(view: View) -> Iterator[str]:
    """What streams is read by the next layer alone, while it is there."""
    after = view.case.layers[view.index + 1:]
    if view.streaming and after and after[0].streaming:
        for reader in (v for v in after[1:] if view.index in v.layer.sources):
            yield f"its output streams into {after[0].where}, and {reader.where} reads it as well"
    if view.index > 0 and INPUT in view.layer.sources and _first(view.case).streaming:
        yield f"it reads the input, which streams into {_first(view.case).where}"


TITLES = {
    "BT5303": "streaming without a FIFO",
    "BT5304": "streaming that starts late",
    "BT5305": "too many streaming layers",
    "BT5306": "streaming without convolution",
    "BT5307": "a last streaming layer without padding",
    "BT5308": "too many passes in front of a streaming layer",
    "BT5309": "a streaming layer waits for more words than can be counted",
    "BT5310": "a streaming layer steps over more columns than can be counted",
    "BT5311": "a streaming layer steps over more rows than can be counted",
    "BT5313": "too much TRAM in front of a streaming layer",
    "BT5314": "more channels than a FIFO has",
    "BT5315": "processors that no FIFO feeds",
    "BT5316": "a first layer that the FIFO cannot feed",
    "BT5317": "an input that is longer than a FIFO can count",
    "BT5318": "a streaming layer does something else as well",
    "BT5319": "data that stream are read by another layer",
    "BT5320": "kernels that four groups cannot share",
}

_POOL = "pool less, or make the rows shorter"
_PLACE = "let fewer layers stream"

RULES: tuple[Rule, ...] = (
    Rule("BT5303", _without_fifo, "let the input come through a FIFO", Stage.MAPS),
    layer_rule("BT5304", _late, "let all layers from the first to this one stream, or none", Stage.MAPS),
    Rule("BT5305", _count, _PLACE, Stage.MAPS),
    layer_rule("BT5306", _passthrough, "use an identity with 3x3 kernels", Stage.MAPS),
    layer_rule("BT5307", _unpadded, "pad, or let another layer be the last", Stage.MAPS),
    limit("BT5308", "stream_passes", _stream(lambda s: s.passes), "let layers with fewer channels stream",
          Stage.MEMORIES),
    limit("BT5309", "stream_start", _stream(lambda s: s.start), _POOL, Stage.MEMORIES),
    limit("BT5310", "stream_column_step", _stream(lambda s: s.column_step), _POOL, Stage.MEMORIES),
    limit("BT5311", "stream_row_step", _stream(lambda s: s.row_step), _POOL, Stage.MEMORIES),
    limit("BT5313", "stream_tram", _stream(lambda s: s.tram), _PLACE, Stage.MEMORIES),
    Rule("BT5314", _fifo_channels, "use fewer input channels, or write the input to data memory", Stage.MAPS),
    Rule("BT5315", _fifo_processors, "use processors that a FIFO feeds", Stage.MAPS),
    Rule("BT5316", _fifo_operands, "do the element-wise operation in the next layer", Stage.MAPS),
    Rule("BT5316", _fast, "use the standard FIFO, or a convolution with an output of 8 bits", Stage.MAPS),
    Rule("BT5317", _frame, "make the input smaller", Stage.MAPS),
    layer_rule("BT5318", _impossible, "do it in a layer that is not streaming", Stage.MAPS),
    layer_rule("BT5319", _readers, "let this layer not stream", Stage.MAPS),
    Rule("BT5320", _quad, "use 8-bit weights, or more output channels", Stage.MAPS),
)
"""Streaming and FIFOs."""
