"""Register values of a layer's input: rows, columns, pooling, strides, and where it is read."""

from __future__ import annotations

from ..device import stop, window_pad
from ..network import Dim
from .layer_view import Fields, LayerView

WORD = 4


def _size(view: LayerView) -> Dim:
    """Rows and columns that the counters pass."""
    rows, cols = view.hardware.in_dim
    if view.layer.flatten:
        return view.layer.pool.window
    if view.transposed:
        return view.layer.stride[0] * rows, view.layer.stride[1] * cols
    return rows * (view.in_passes if view.hardware.emulated else 1), cols


def _last(view: LayerView, axis: int) -> int:
    """Where the last pooling window starts."""
    pool = view.layer.pool
    return stop(_size(view)[axis], pool.window[axis], pool.stride[axis], pool.dilation[axis])


def _words(view: LayerView) -> int:
    """Words from one pixel to the next."""
    return (view.place.read_gap + 1) * view.layer.operands * view.in_passes


def rows_78000(view: LayerView) -> Fields:
    """`RCNT`."""
    pad = view.hardware.pad[0]
    return {"rcnt_max": _size(view)[0] - 1 + 2 * pad, "rcnt_pad": pad}


def columns_78000(view: LayerView) -> Fields:
    """`CCNT`."""
    pad = view.hardware.pad[1]
    return {"ccnt_max": _size(view)[1] - 1 + 2 * pad, "ccnt_pad": pad}


def rows_78002(view: LayerView) -> Fields:
    """`RCNT`."""
    columns = _size(view)[1]
    step = columns - _last(view, 1) + (view.layer.pool.stride[0] - 1) * columns
    return {"rcnt_stop": _last(view, 0), "rcnt_step": step * _words(view), **_padding("rcnt", view.hardware.pad[0])}


def columns_78002(view: LayerView) -> Fields:
    """`CCNT`."""
    last = _last(view, 1)
    return {"ccnt_stop": last, "ccnt_step": _size(view)[1] - last, **_padding("ccnt", view.hardware.pad[1])}


def _padding(prefix: str, pad: int) -> Fields:
    return {f"{prefix}_{name}": value for name, value in window_pad(pad).items()}


def pool_rows(view: LayerView) -> Fields:
    """`PRCNT`."""
    pool = view.layer.pool
    return {"prcnt_max": (pool.window[0] - 1) * pool.dilation[0]}


def pool_columns(view: LayerView) -> Fields:
    """`PCCNT`."""
    pool = view.layer.pool
    return {"pccnt_max": (pool.window[1] - 1) * pool.dilation[1]}


def pool_rows_78002(view: LayerView) -> Fields:
    """`PRCNT`."""
    return {**pool_rows(view), "prcnt_inc": view.layer.pool.dilation[0] - 1}


def pool_columns_78002(view: LayerView) -> Fields:
    """`PCCNT`."""
    return {**pool_columns(view), "pccnt_inc": view.layer.pool.dilation[1] - 1}


def stride(view: LayerView) -> Fields:
    """`STRIDE`: of pooling where that has one, else of the convolution."""
    pooling = view.layer.pool.stride[0]
    if view.transposed:
        return {}
    return {"stride": (pooling if pooling > 1 else view.layer.stride[0]) - 1}


def stride_78002(view: LayerView) -> Fields:
    """`STRIDE`."""
    return {**stride(view), "mp_stride": view.layer.pool.stride[0] * _words(view)}


def read_pointer(view: LayerView) -> Fields:
    """`RPTR_BASE`."""
    return {"rptr_base": view.place.in_offset // WORD}
