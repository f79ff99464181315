"""The compiled part of the simulator: C files here, and two that are made from `columns.py` and the instruction table.

They are compiled at first use by the compiler that the reference engine uses too, and kept in the user's cache.
"""

from __future__ import annotations

import ctypes
import subprocess
from functools import cache
from pathlib import Path

from .....engine.compile import CompileError, find_compiler
from .....errors import ToolMissing, declare, fail
from ....cache import cached, digest
from ..isa.dispatch import columns_header, dispatch_header
from ..state import State

declare({"BT5513": "the cluster simulator cannot be compiled"})
SOURCES = Path(__file__).parent
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC", "-fwrapv", "-fvisibility=hidden")
LIBRARY = "cluster.so"


def run(state: State, limit: int) -> None:
    """Run until the program ends, traps, or the time is after cycle `limit`. Raises `ToolMissing` (BT5513)."""
    pointers = (ctypes.c_void_p * len(state))(*(array.ctypes.data for array in state))
    _library().bt_run(ctypes.byref(pointers), ctypes.c_int64(limit))


def compute(operation: int, a: int, b: int, d: int, n: int) -> int:
    """What the compiled part computes for an operation of the table, as a signed word."""
    return int(_library().bt_compute(*map(ctypes.c_int64, (operation, a, b, d, n))))


@cache
def _library() -> ctypes.CDLL:
    try:
        compiler = find_compiler()
    except CompileError as error:
        fail(ToolMissing, "BT5513", "cluster simulator", str(error), "install a C compiler, or the wheel ziglang")
    made = {"columns.h": columns_header(), "dispatch.h": dispatch_header()}
    texts = [path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))]
    key = digest(*compiler, *FLAGS, *made.values(), *texts)
    folder = cached("gap9", key, lambda work: _compile(compiler, made, work))
    library = ctypes.CDLL(str(folder / LIBRARY))
    library.bt_compute.restype = ctypes.c_int64
    return library


def _compile(compiler: list[str], made: dict[str, str], folder: Path) -> None:
    for name, text in made.items():
        (folder / name).write_text(text)
    command = [*compiler, *FLAGS, f"-I{folder}", f"-I{SOURCES}", str(SOURCES / "cluster.c"),
               "-o", str(folder / LIBRARY)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        said = result.stderr.strip()[:2000] or f"{compiler[0]} fails with exit code {result.returncode}"
        fail(ToolMissing, "BT5513", "cluster simulator", said, "use another C compiler ($CC)")
