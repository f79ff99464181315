"""The table of kernels: what an emitter has to know to write a call, and a planner to reserve memory.

The fields of the parameter structs are read from `source/bt_kernels.h` itself, so that there is one declaration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from .packing import row_bytes

SOURCE = Path(__file__).parent / "source"
"""The folder of the C files."""
HEADER = "bt_kernels.h"
"""The only header that a caller includes."""
HEADERS = (HEADER, "bt_border.h", "bt_common.h", "bt_depthwise.h", "bt_dot.h", "bt_eights.h", "bt_elements.h",
           "bt_line.h", "bt_matrix.h", "bt_put.h", "bt_requant.h", "bt_ways.h", "bt_window.h", "pulp_intrinsics.h")

Values = Mapping[str, int]
"""The integer fields of a kernel's parameters, by name."""
Formula = Callable[[Values], int]


class Columns(IntEnum):
    """Where a convolution's im2col matrix is: BT_COLUMNS_... of the header."""

    OWN = 0
    """Each core has two rows of its own."""
    MAKE = 1
    """All of it, made by this call."""
    KEPT = 2
    """All of it, made by a call before."""


COLUMNS_ROOM = 576
"""Bytes of a core's own part of it, or two rows where these are longer: BT_COLUMNS_ROOM of the header."""
BYTES, WIDER = ("i8", "u8"), ("i8", "u8", "i16", "u16", "i32")


@dataclass(frozen=True)
class Field:
    """A field of a parameter struct: `type` as in C (`const void *`, `int32_t`, `bt_requant`)."""

    name: str
    type: str

    @property
    def is_pointer(self) -> bool:
        """Whether it is an address."""
        return self.type.endswith("*")


@dataclass(frozen=True)
class Kernel:
    """One kernel.

    It is called as `function(const struct *p, int32_t core, int32_t cores)`. `alignment` is what the addresses of its
    weights and scratch need, in bytes; activations may lie anywhere, words that are not aligned cost a cycle more.
    """

    name: str
    function: str
    struct: str
    files: tuple[str, ...]
    """Its C files, best linked in this order: the first two lie together in the shared instruction cache."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: Formula
    """Multiply-accumulates of one call (elements read, for kernels that multiply nothing)."""
    scratch: Callable[[Values, int], int] = lambda values, cores: 0
    """Bytes of scratch in all, by number of cores; cores that have no share of the work need none."""
    weight_bits: tuple[int, ...] = ()
    alignment: int = 4

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of its parameters, in order."""
        return structs()[self.struct]


@cache
def structs() -> Mapping[str, tuple[Field, ...]]:
    """The structs of the two public headers, by name."""
    text = "".join((SOURCE / name).read_text() for name in ("bt_requant.h", HEADER))
    found = re.findall(r"typedef struct \{(.*?)\} (\w+);", text, re.DOTALL)
    return MappingProxyType({name: tuple(_fields(body)) for body, name in found})


def _fields(body: str) -> Iterable[Field]:
    plain = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    for kind, name in re.findall(r"([\w ]+?[ *]+)(\w+);", plain):
        yield Field(name, kind.strip())


def _taps(v: Values) -> int:
    return v["kernel_h"] * v["kernel_w"]


def _pixels(v: Values) -> int:
    return v["out_h"] * v["out_w"]


def pairs_at_once(row: int) -> int:
    """How many pairs of rows of so many bytes a core's own part of an im2col matrix holds."""
    pairs = COLUMNS_ROOM // (2 * row)
    return pairs + (pairs == 0)


def _conv_scratch(v: Values, cores: int) -> int:
    """Also enough for one core, as a host has it, which makes more pairs at once."""
    row = row_bytes(_taps(v) * v["in_c"], v["weight_bits"])
    if v["columns"] != Columns.OWN:
        return _pixels(v) * row
    needs = [_own_columns(v, row, count) for count in (1, cores)]
    return needs[0] + (needs[1] - needs[0]) * (needs[1] > needs[0])


def _own_columns(v: Values, row: int, cores: int) -> int:
    blocks = -(-v["out_c"] // 4)
    units = -(-_pixels(v) // 2) * blocks
    share = -(-units // cores)
    pairs, most = pairs_at_once(row), share // blocks + (share < blocks)
    return (pairs - (pairs - most) * (pairs > most)) * 2 * row * -(-units // share)


def _depthwise_scratch(v: Values, cores: int) -> int:
    columns = (v["out_w"] - 1) * v["stride_w"] + (v["kernel_w"] - 1) * v["dilation_w"] + 1
    return 16 * columns * -(-v["kernel_h"] // 4) * cores


def _padded_size(v: Values) -> int:
    return ((v["pad_top"] + v["in_h"] + v["pad_bottom"]) * (v["pad_left"] + v["in_w"] + v["pad_right"])
            * (v["pad_front"] + v["in_c"] + v["pad_back"]))


def _elements(v: Values) -> int:
    return v["pixels"] * v["channels"]


def _count(v: Values) -> int:
    return v["count"]


SLOW = "requant_slow.c"
MATRIX = ("matrix.c", "matrix_rest.c", SLOW)
OUTPUTS = ("i8", "u8", "i32")
KERNELS: Mapping[str, Kernel] = MappingProxyType({kernel.name: kernel for kernel in (
    Kernel("conv", "bt_conv", "bt_conv_params", ("conv.c", *MATRIX, "border.c"), BYTES, OUTPUTS,
           lambda v: _pixels(v) * _taps(v) * v["in_c"] * v["out_c"], _conv_scratch, (8, 4, 2)),
    Kernel("pointwise", "bt_pointwise", "bt_pointwise_params", ("pointwise.c", *MATRIX), BYTES, OUTPUTS,
           lambda v: _pixels(v) * v["in_c"] * v["out_c"], weight_bits=(8, 4, 2)),
    Kernel("linear", "bt_linear", "bt_linear_params", ("linear.c", *MATRIX), BYTES, OUTPUTS,
           lambda v: v["rows"] * v["in_c"] * v["out_c"], weight_bits=(8, 4, 2)),
    Kernel("depthwise", "bt_depthwise", "bt_depthwise_params", ("depthwise.c", "depthwise_rest.c", SLOW), BYTES,
           OUTPUTS, lambda v: _pixels(v) * _taps(v) * v["channels"], _depthwise_scratch, (8,)),
    Kernel("max_pool", "bt_max_pool", "bt_pool_params", ("max_pool.c",), BYTES, BYTES,
           lambda v: _pixels(v) * _taps(v) * v["channels"]),
    Kernel("avg_pool", "bt_avg_pool", "bt_pool_params", ("avg_pool.c", SLOW), BYTES, OUTPUTS,
           lambda v: _pixels(v) * _taps(v) * v["channels"]),
    Kernel("add", "bt_add_tensors", "bt_add_params", ("add.c", SLOW), WIDER, OUTPUTS, _elements),
    Kernel("requantize", "bt_requantize_tensor", "bt_requantize_params", ("requantize.c", SLOW), WIDER, OUTPUTS,
           _elements),
    Kernel("concat", "bt_concat", "bt_concat_params", ("concat.c",), BYTES, BYTES,
           lambda v: v["pixels"] * v["out_pitch"]),
    Kernel("pad", "bt_pad", "bt_pad_params", ("pad.c",), BYTES, BYTES, _padded_size),
    Kernel("lookup", "bt_lookup", "bt_lookup_params", ("lookup.c",), BYTES, BYTES, _count),
    Kernel("leaky_relu", "bt_leaky_relu", "bt_leaky_relu_params", ("leaky_relu.c", SLOW), ("i8",), ("i8",), _count),
)})
"""All kernels by name."""

ELEMENT_TYPES: Mapping[str, int] = MappingProxyType({"i8": 0, "u8": 1, "i16": 2, "u16": 3, "i32": 4})
"""The numbers of element types in `bt_kernels.h`."""


def source_files(names: Iterable[str]) -> tuple[Path, ...]:
    """The C files and headers that these kernels need, sorted."""
    files = {*HEADERS, *(file for name in names for file in KERNELS[name].files)}
    return tuple(SOURCE / file for file in sorted(files))
