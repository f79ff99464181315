"""Rules of the ops that move elements: standard ONNX ops with the batch axis in front."""

from __future__ import annotations

import numpy as np

from ..ops import Concat, Flatten, Pad, Reshape, Slice, Transpose
from .lowering import Body, Lowered, Site, Standard, rule

UNPADDED_DTYPES = ("int16", "uint16")
"""What ONNX Runtime has no Pad for."""


@rule(Concat)
def concat(op: Concat, site: Site) -> Lowered:
    """`Concat`."""
    return Standard("Concat", {"axis": op.axis + 1})


@rule(Pad)
def pad(op: Pad, site: Site) -> Lowered:
    """`Pad`; a function where the value is not zero or the type has no kernel."""
    rank = len(op.pads) // 2
    pads = (0, *op.pads[:rank], 0, *op.pads[rank:])
    if op.value == 0 and site.out.elem.dtype.name not in UNPADDED_DTYPES:
        return Standard("Pad", added=(("pads", np.array(pads, np.int64)),))
    body = Body()
    return body.finish(body.op("Pad", body.cast("x"), body.constant(pads), body.attribute("value")),
                       site.out.elem.dtype)


@rule(Slice)
def cut(op: Slice, site: Site) -> Lowered:
    """`Slice` behind the batch axis."""
    axes = range(1, 1 + len(op.starts))
    operands = {"starts": op.starts, "ends": op.ends, "axes": tuple(axes)}
    return Standard("Slice", added=tuple((role, np.array(values, np.int64)) for role, values in operands.items()))


@rule(Reshape)
def reshape(op: Reshape, site: Site) -> Lowered:
    """`Reshape`; its 0 keeps the batch."""
    return Standard("Reshape", added=(("shape", np.array((0, *op.shape), np.int64)),))


@rule(Flatten)
def flatten(op: Flatten, site: Site) -> Lowered:
    """`Flatten` behind the batch axis."""
    return Standard("Flatten", {"axis": 1})


@rule(Transpose)
def transpose(op: Transpose, site: Site) -> Lowered:
    """`Transpose` with the batch axis in place."""
    return Standard("Transpose", {"perm": (0, *(axis + 1 for axis in op.perm))})
