"""Register values of a layer's output: where its words go, and in which order."""

from __future__ import annotations

from ..hardware import GROUP_MASK
from ..placement import GROUP, SHARED, first, last
from .layer_view import Fields, LayerView

WORD = 4


def write_pointer(view: LayerView) -> Fields:
    """`WPTR_BASE`: the instance of the first output processor, and the first word in it."""
    instance = _instance(view)
    if instance is None:
        return {}
    step = view.out_passes * view.width * (view.place.write_gap + 1)
    word = view.place.out_offset // WORD - view.hardware.skipped * step
    return {"wptr_base": instance << view.device.pointer_word_bits | word}


def _instance(view: LayerView) -> int | None:
    """The data memory instance that the group's first word goes to; None for a group that writes nothing."""
    outputs = view.place.output_processors
    if not view.convolves:
        outputs &= GROUP_MASK << view.group * GROUP
        return first(outputs) // SHARED if outputs else 0
    if view.depthwise and not view.hardware.broadcast:
        return _depthwise_instance(view)
    return first(outputs) // SHARED


def _depthwise_instance(view: LayerView) -> int | None:
    """Every group goes on where the one before it ended."""
    begin = first(view.place.processors)
    ahead = view.group - begin // GROUP
    if ahead < 0:
        return None
    processor = ahead * GROUP + first(view.place.output_processors) - (begin % GROUP if ahead else 0)
    return processor // SHARED


def slot_offset(view: LayerView) -> Fields:
    """`WPTR_TOFFS`: the way from one time slot to the next."""
    instance = 1 << view.device.pointer_word_bits
    if not view.convolves:
        several = view.place.processors.bit_count() > SHARED or (view.layer.operands > 1 and view.in_passes > 1)
        return {"wptr_toff": instance if several else instance // SHARED}
    if view.pointwise and not view.depthwise:
        return {"wptr_toff": 1}
    return {"wptr_toff": instance if view.depthwise and not view.hardware.broadcast else 0}


def kernel_offset(view: LayerView) -> Fields:
    """`WPTR_MOFFS`: the way from four output channels to the next four, one instance."""
    return {"wptr_moff": 1 << view.device.pointer_word_bits if view.convolves else 0}


def pass_offset(view: LayerView) -> Fields:
    """`WPTR_CHOFFS`: the way from one pass to the next."""
    return {"wptr_choff": view.width * (view.place.write_gap + 1) if view.out_passes > 1 else 0}


def control2(view: LayerView) -> Fields:
    """`LCTL2`: passes, the step of the write pointer, output processors."""
    passes = (view.out_passes if view.convolves else 1) * (view.place.write_gap + 1)
    outputs = view.place.output_processors
    span = last(outputs) - first(outputs) // SHARED * SHARED
    return {"inpchexp": _input_passes(view), "wptr_inc": passes - 1, "xpch_max": span * view.weight_bits}


def _input_passes(view: LayerView) -> int:
    """Passes - 1; of a flattening layer the low bits of its pixels in all passes."""
    if view.layer.flatten:
        return view.flat % view.device.passes
    return 0 if view.hardware.emulated else view.in_passes - 1
