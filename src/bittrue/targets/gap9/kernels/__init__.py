"""The C kernels of the cluster (`source/`), and what a planner and an emitter must know of them.

`KERNELS` is the table of kernels; `plan_requant` chooses an exact requantization and makes its table; the `pack_`
functions lay out weights as the kernels read them.
"""

from .packing import (
    pack_bias,
    pack_conv,
    pack_depthwise,
    pack_linear,
    pack_lookup,
    pack_matrix,
    padded,
    row_bytes,
)
from .requant import NO_REQUANT, ROUNDINGS, Kind, RequantTable, plan_division, plan_requant
from .table import ELEMENT_TYPES, HEADER, KERNELS, SOURCE, Columns, Field, Kernel, pairs_at_once, source_files, structs

__all__ = [
    "ELEMENT_TYPES", "HEADER", "KERNELS", "NO_REQUANT", "ROUNDINGS", "SOURCE", "Columns", "Field", "Kernel", "Kind",
    "RequantTable", "pack_bias", "pack_conv", "pack_depthwise", "pack_linear", "pack_lookup", "pack_matrix", "padded",
    "pairs_at_once", "plan_division", "plan_requant", "row_bytes", "source_files", "structs",
]
