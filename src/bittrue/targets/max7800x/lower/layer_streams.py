"""Register values of streaming layers, and of a first layer that waits for a FIFO."""

from __future__ import annotations

from .layer_view import Fields, LayerView


def start(view: LayerView) -> Fields:
    """`STREAM1`."""
    return {"strm_isval": 0 if view.stream is None else view.stream.start}


def start_78002(view: LayerView) -> Fields:
    """`STREAM1`."""
    return {**start(view), "fifo_go": int(view.setting.options.fifo_go and view.index == 0)}


def steps(view: LayerView) -> Fields:
    """`STREAM2`."""
    if view.stream is None:
        return {}
    return {"strm_invol": view.stream.passes, "strm_dsval1": view.stream.column_step,
            "strm_dsval2": view.stream.row_step}


def buffer(view: LayerView) -> Fields:
    """`FMAX`."""
    return {"fbuf_max": view.stream.buffer or 0 if view.stream is not None else 0}
