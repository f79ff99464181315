"""The kernels compiled for the machine that runs the tests, called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bittrue.targets.gap9.kernels import KERNELS, SOURCE, Kind, RequantTable, structs

STRICT = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
ZIG = (sys.executable, "-m", "ziglang", "cc")
BUILTINS = Path(__file__).parent / "kernel_builtins.inc"
GUARD, FILLER = 64, 0xA5
"""Bytes around every output that must stay as they are."""

Ints = NDArray[np.int64]


def sources() -> list[str]:
    """All C files of the kernels."""
    return sorted(map(str, SOURCE.glob("*.c")))


@cache
def kernel_folder() -> Path:
    """The kernels as projects have them: in a folder of this name, the objects of a compiler for the cluster are kept.
    """
    return shutil.copytree(SOURCE, Path(mkdtemp(prefix="bittrue-kernels-")) / "kernels")


@cache
def library(builtins: bool = False) -> ctypes.CDLL:
    """The kernels in plain C; with `builtins` as the GAP compiler sees them, its builtins being written out in C."""
    target = Path(mkdtemp(prefix="bittrue-kernels-")) / "kernels.so"
    extra = ("-D__gap9__", "-include", str(BUILTINS)) if builtins else ()
    subprocess.run([*ZIG, *STRICT, "-fPIC", "-shared", *extra, *sources(), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


@cache
def structure(name: str) -> type[ctypes.Structure]:
    """A parameter struct as ctypes has it, from the table's fields."""
    fields = [(f.name, _ctype(f.type, f.is_pointer)) for f in structs()[name]]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def _ctype(kind: str, is_pointer: bool) -> type:
    plain = {"int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32}
    return ctypes.c_void_p if is_pointer else plain.get(kind) or structure(kind)


@dataclass
class Call:
    """One call of a kernel: its parameters, with all memory that they point to kept alive."""

    name: str
    kept: list[NDArray[np.generic]] = field(default_factory=list)

    def address(self, data: bytes | Ints | None, kind: DTypeLike = np.uint8) -> int | None:
        """The address of a copy, aligned to 4."""
        if data is None:
            return None
        raw = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else np.ascontiguousarray(data).astype(kind)
        copy = np.zeros(raw.nbytes + 4, np.uint8)
        copy[:raw.nbytes] = raw.reshape(-1).view(np.uint8)
        self.kept.append(copy)
        return int(copy.ctypes.data)

    def requant(self, table: RequantTable) -> ctypes.Structure:
        """The struct of a requantization."""
        scales = self.address(table.scale_words(), np.int32)
        splits = self.address(np.array(table.splits, np.int64), np.int32)
        return structure("bt_requant")(scales=scales, splits=splits, **table.fields())

    def run(self, output_bytes: int, cores: int, builtins: bool = False, **values: object) -> NDArray[np.uint8]:
        """The output's bytes after all cores did their shares. Nothing around the output may have changed.

        Scratch is new if it is not among the values.
        """
        kernel = KERNELS[self.name]
        memory = np.full(output_bytes + 2 * GUARD, FILLER, np.uint8)
        integers: Mapping[str, int] = {k: v for k, v in values.items() if isinstance(v, int)}
        scratch = np.full(kernel.scratch(integers, cores) + GUARD, FILLER, np.uint8)
        if any(f.name == "scratch" for f in kernel.fields):
            values.setdefault("scratch", scratch.ctypes.data)
        params = structure(kernel.struct)(output=memory.ctypes.data + GUARD, **values)
        for core in range(cores):
            getattr(library(builtins), kernel.function)(ctypes.byref(params), core, cores)
        assert (scratch[-GUARD:] == FILLER).all(), "written beyond the scratch"
        around = np.append(memory[:GUARD], memory[-GUARD:])
        assert (around == FILLER).all(), "written beyond the output"
        return memory[GUARD:-GUARD]


def typed(raw: NDArray[np.uint8], kind: DTypeLike, shape: Sequence[int]) -> Ints:
    """Bytes as integers of a type."""
    return raw.view(kind).reshape(shape).astype(np.int64)


def output(raw: NDArray[np.uint8], table: RequantTable, shape: tuple[int, ...]) -> Ints:
    """What a kernel with this requantization stores."""
    return typed(raw, np.int32 if table.kind is Kind.NONE else np.int8, shape)
