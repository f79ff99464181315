"""Register values of how a layer computes: modes, post processing, processors."""

from __future__ import annotations

from ..device import ELEMENTWISE, WEIGHT_BITS, shift_fields
from ..hardware import GROUP_MASK
from ..memory.streaming import calculates_in_parallel
from ..network import Activation, Operator
from ..placement import GROUP, SHARED
from .layer_view import Fields, LayerView


def control(view: LayerView) -> Fields:
    """`LCTL`."""
    return {
        "master": 1,
        "parallel": int(view.index == 0 and view.setting.plan.placement.chw),
        "pool_en": int(view.layer.pool.active),
        "maxpl_en": int(not view.layer.pool.average),
        "act_en": int(view.layer.activation is Activation.RELU),
        "sramlsrc": 1,
        "cnnsi_en": _added_groups(view),
        "bigdwrt": int(view.width > 1),
    }


def _added_groups(view: LayerView) -> int:
    """The groups whose sums the first one adds: all with processors, and the one that has the bias."""
    if view.quad or view.depthwise or not view.convolves or not view.leads:
        return 0
    groups = {g for g in range(view.group + 1, view.device.groups) if view.place.processors >> g * GROUP & GROUP_MASK}
    if view.bias is not None and not view.bias.spread:
        groups |= set(view.bias.groups) - {view.group}
    return sum(1 << group - view.group for group in groups)


def control_78002(view: LayerView) -> Fields:
    """`LCTL`."""
    rows, columns = view.hardware.kernel if view.convolves else (1, 1)
    return {
        **control(view),
        "rd_ahead": int(view.place.read_ahead),
        "rprime_max": rows - 1,
        "cprime_max": columns - 1,
        "shift_cnt": _shifts(view),
        "broadcast": int(view.hardware.broadcast),
        "bypass": int(view.layer.bypass),
    }


def _shifts(view: LayerView) -> int:
    if not view.place.read_ahead:
        return 0
    return (view.in_passes - 1) // (SHARED if _parallel(view) else 1)


def _parallel(view: LayerView) -> bool:
    return calculates_in_parallel(view.hardware, view.place)


def one_dimensional(view: LayerView) -> Fields:
    """`ONED`: time slots, one-dimensional kernels, element-wise operations."""
    return {"tscnt_max": view.slots - 1, **_kernel_width(view), **_elementwise(view)}


def _kernel_width(view: LayerView) -> Fields:
    if view.hardware.operator is Operator.CONV1D:
        return {"oned_width": view.hardware.kernel[0], "oned_en": 1}
    return {"oned_width": int(view.pointwise or (not view.convolves and view.layer.operands == 1))}


def _elementwise(view: LayerView) -> Fields:
    layer = view.layer
    if layer.operands == 1 or layer.eltwise is None:
        return {}
    return {"ewise_en": 1, "ewise_func": ELEMENTWISE[layer.eltwise.value], "ewise_cnt": layer.operands - 1,
            "prepool": int(layer.pool.active and layer.pool_first), "conv2d": int(view.convolves)}


def post(view: LayerView) -> Fields:
    """`POST`."""
    passes_through = not view.convolves
    return {
        **_bias(view),
        **shift_fields(view.layer.shift if view.convolves else 0),
        "mask_size": WEIGHT_BITS[view.layer.weight_bits or 8],
        "ts_en": int(passes_through or view.depthwise),
        "onexone_en": int(passes_through and view.layer.operands == 1),
        "out_abs": int(view.layer.activation is Activation.ABS),
        "flatten_en": int(view.counts_flat),
        "xpmp_cnt": view.flat // view.device.passes,
        "deconv_en": int(view.transposed),
    }


def _bias(view: LayerView) -> Fields:
    """The bias, in the group that adds it; spread biases in all groups that have some."""
    if view.bias is None or view.group not in view.bias.groups:
        return {}
    offset = view.bias.offsets[view.bias.groups.index(view.group)]
    fourfold = view.place.calc_x4 or (view.bias.spread and view.hardware.broadcast)
    return {"bptr_en": 1, "bptr_sad": offset // SHARED if fourfold else offset}


def post_78002(view: LayerView) -> Fields:
    """`POST`."""
    return {**post(view), "calcx4": int(view.place.calc_x4), "depthwise": int(view.depthwise),
            "tcalc": int(_parallel(view))}


def enable(view: LayerView) -> Fields:
    """`ENA`: the group's processors, and those of them that use their kernels."""
    kernels = view.convolves and not view.layer.bypass
    return {"pro_en": view.processors, "mask_en": view.processors if kernels else 0}


def next_layer(view: LayerView) -> Fields:
    """`NXTLYR`: written where the next layer does not follow by number, or always."""
    numbering = view.setting.numbering
    if numbering.follows(view.index) and not view.setting.options.link_layer:
        return {}
    following = numbering.next(view.index)
    return {"stop": 1} if following is None else {"next": following, "next_en": 1}
