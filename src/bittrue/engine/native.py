"""The C kernels as seen from Python: mirrors of the structures of `kernels/engine.h`, and the backends."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_int64, c_void_p
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compile import CompileError, library

PANEL = 32
"""Output channels per packed block of weights."""
MAX_ROWS = 256
"""Output pixels per unit of work, at most."""


class Kind(IntEnum):
    """What a step does."""

    CONV = 0
    MAP = 1
    LOAD = 2
    STORE = 3
    MAXPOOL = 4
    AVGPOOL = 5
    TABLE = 6
    FLATTEN = 7
    COPY = 8
    BITWISE = 9


class Form(IntEnum):
    """How a panel of a convolution leaves the accumulators."""

    ACC = 0
    EXACT = 1
    SHIFT = 2
    SHIFT_EVEN = 3
    INT64 = 4
    FLOAT = 5
    WIDE = 6


class View(ctypes.Structure):
    """`bt_view`."""

    _fields_ = [("base", c_void_p), *((name, c_int64) for name in ("image", "row", "pixel", "zero", "wide"))]


class NativeRequant(ctypes.Structure):
    """`bt_requant`."""

    _fields_ = [*((name, c_int64) for name in ("mode", "slope_multiplier", "slope_shift", "lo", "hi", "zero")),
                *((name, c_void_p) for name in ("mul", "off", "shift", "wide_lanes", "factor", "addend",
                                                "short_shift"))]


class Step(ctypes.Structure):
    """`bt_step`."""

    _fields_ = [("kind", c_int64), ("batch", c_int64), ("a", View), ("b", View), ("out", View),
                *((name, c_int64) for name in ("height", "width", "channels", "in_height", "in_width")),
                *((name, c_int64 * 2) for name in ("kernel", "stride", "pad", "dilation")),
                ("runs", c_int64), ("quads", c_int64), ("run_offset", c_void_p), ("panels", c_int64),
                ("panel", c_void_p), ("weights", c_void_p), ("regions", c_int64), ("region", c_void_p),
                ("units", c_int64), ("unit", c_void_p), ("init", c_void_p), ("rows_per_unit", c_int64),
                ("requant", POINTER(NativeRequant)), ("sign", c_int64), ("divisor", c_int64), ("mode", c_int64),
                ("table", c_void_p), ("external", c_void_p), ("external_type", c_int64)]


PANEL_FIELDS = 4
"""int64 fields of `bt_panel`: in_offset, out_channel, count, form."""
REGION_FIELDS = 11
"""int64 fields of `bt_region`."""

EXTERNAL_TYPES = {np.dtype(name): code for code, name in
                  enumerate(("int64", "uint8", "int8", "uint16", "int16", "uint32", "int32"))}
"""Element types that a step can load, by NumPy type."""


@dataclass(frozen=True)
class Backend:
    """One way to build the kernels: compiler flags, the CPU features (Linux names) that it needs, and the forms and
    weight packing that it has."""

    name: str
    flags: tuple[str, ...]
    features: frozenset[str]
    forms: frozenset[Form]
    quads: bool = True


BASIC_FORMS = frozenset({Form.ACC, Form.EXACT, Form.SHIFT, Form.SHIFT_EVEN, Form.WIDE})

BACKENDS = (
    Backend("avx512-vnni", ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-DBT_AVX512VNNI"),
            frozenset({"avx512f", "avx512bw", "avx512vl", "avx512_vnni"}), frozenset(Form)),
    Backend("avx-vnni", ("-mavx2", "-mavxvnni", "-DBT_AVXVNNI"), frozenset({"avx2", "avx_vnni"}), BASIC_FORMS),
    Backend("avx2", ("-mavx2", "-DBT_AVX2"), frozenset({"avx2"}), BASIC_FORMS),
    Backend("portable-c", (), frozenset(), BASIC_FORMS, quads=False),
)
"""Fastest first. Behind them comes NumPy, which needs no compiler."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """Loaded kernels of one backend."""

    backend: Backend
    dll: ctypes.CDLL

    def run(self, steps: ctypes.Array[Step], threads: int) -> None:
        """Run the steps in order."""
        if self.dll.bt_run(steps, len(steps), threads):
            raise MemoryError

    def steps(self, requant: NativeRequant, slot: int, low: int, high: int, room: int) -> NDArray[np.int64]:
        """Accumulators around every step of a requantization between `low` and `high`, at most `room`."""
        found = np.empty(room, np.int64)
        used = self.dll.bt_steps(ctypes.byref(requant), c_int64(slot), c_int64(low), c_int64(high),
                                 found.ctypes.data_as(c_void_p), c_int64(room))
        return found[:min(used, room)]

    def apply(self, form: Form, requant: NativeRequant, slot: int, acc: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Send accumulators (rows, PANEL) of the panel that begins at `slot` through a form."""
        out = np.empty(acc.shape, np.uint8)
        self.dll.bt_apply(c_int64(form), ctypes.byref(requant), c_int64(slot), acc.ctypes.data_as(c_void_p),
                          c_int64(len(acc)), out.ctypes.data_as(c_void_p))
        return out


def address(array: NDArray[Any]) -> int:
    """Where an array's data begins."""
    return array.ctypes.data


@cache
def kernels(backend: Backend) -> Kernels:
    """The kernels of a backend, compiled if need be. Raises `CompileError` when this machine cannot have them."""
    if missing := backend.features - cpu_features():
        raise CompileError(f"this CPU has no {', '.join(sorted(missing))}")
    dll = library(*backend.flags)
    dll.bt_run.restype = dll.bt_steps.restype = c_int64
    dll.bt_run.argtypes = [POINTER(Step), c_int64, c_int64]
    _check_layout(dll)
    return Kernels(backend, dll)


def _check_layout(dll: ctypes.CDLL) -> None:
    """Both sides must agree on the structures' sizes."""
    sizes = (c_int64 * 5)()
    dll.bt_layout(sizes)
    mine = [ctypes.sizeof(View), ctypes.sizeof(NativeRequant), 8 * PANEL_FIELDS, 8 * REGION_FIELDS, ctypes.sizeof(Step)]
    if list(sizes) != mine:
        raise CompileError(f"the kernels' structures are {list(sizes)} bytes large, not {mine}")


@cache
def cpu_features() -> frozenset[str]:
    """Feature names of the CPU as Linux lists them; none where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(flags, []))
