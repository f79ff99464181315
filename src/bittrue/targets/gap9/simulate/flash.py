"""The flash memory of the simulated board: files, for programs that read them by `pi_fs_open`.

It lies in the external memory beyond the RAM: entries of 64 bytes (name, place, size; an empty name ends them), files.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .cluster import Cluster
from .memories import GAP9, KIB, Memories
from .program import Program

BASE = 64 * KIB * KIB
"""Where in L3 it begins, as `bt_registers.h` has it."""
ENTRY = struct.Struct("<56sII")
WORD = 4


def flash_image(files: Mapping[str, bytes]) -> bytes:
    """The flash memory with files in it. Raises ValueError for a name that is too long."""
    table, body = bytearray(), bytearray()
    begin = ENTRY.size * (len(files) + 1)
    for name, data in files.items():
        if not 0 < len(name.encode()) < ENTRY.size - 8:
            raise ValueError(f"{name!r} is no name of a file in flash memory")
        table += ENTRY.pack(name.encode(), begin + len(body), len(data))
        body += data + bytes(-len(data) % WORD + WORD)
    return bytes(table + bytes(ENTRY.size) + body)


def cluster_with_flash(program: Path | Program, files: Mapping[str, bytes], memories: Memories = GAP9,
                       capture: int = 0) -> Cluster:
    """A cluster with a program in it, and files in its flash memory. `capture`: see `Cluster`."""
    image = flash_image(files) if files else b""
    cluster = Cluster(program, replace(memories, l3=BASE + len(image)) if files else memories, capture=capture)
    if files:
        cluster.write_l3(BASE, image)
    return cluster
