"""Random programs of RV32IMC, for two simulators to agree on: registers and memory afterwards."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from gap9.cluster_programs import L2, branch, load, word

from bittrue.targets.gap9.simulate import columns as c
from bittrue.targets.gap9.simulate.isa import compressed
from bittrue.targets.gap9.simulate.isa.row import Row
from bittrue.targets.gap9.simulate.isa.table import ROWS

DATA, SIZE, LENGTH = L2 + 0x8000, 0x1000, 60
BASE = 31
"""The register that keeps pointing into the data."""
BASIC = [row for row in ROWS if not row.extension.startswith("X")]
COMPUTING = [row for row in BASIC if row.kind in (c.ALU, c.DIVIDE)]
MEMORY = [row for row in BASIC if row.kind in (c.LOAD, c.STORE)]
BRANCHES = [row for row in BASIC if row.kind == c.BRANCH]
SHORT = [half for half in range(1, 0x10000) if half & 3 != 3 and (found := compressed.expand(half))
         and (found & 0x7F in (0x23, 0x63) or found >> 7 & 31 != BASE)]
"""Short instructions that leave the pointer alone."""


@dataclass(frozen=True)
class RandomProgram:
    """Instructions that begin at L2 and run through to their end."""

    code: bytes
    registers: tuple[int, ...]
    data: bytes


def program(seed: int) -> RandomProgram:
    """Computing, loads, stores, branches and jumps forwards, long and short instructions mixed."""
    source = random.Random(seed)
    code = bytearray()
    while len(code) < 4 * LENGTH:
        code += source.choice((_computing, _computing, _memory, _forwards, _jump, _short, _short, _short))(source)
    registers = tuple(source.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, source.getrandbits(32)))
                      for _ in range(30))
    return RandomProgram(bytes(code), (0, *registers, DATA + SIZE // 2), source.randbytes(SIZE))


def _registers(source: random.Random) -> int:
    return source.randrange(31) << 7 | source.randrange(32) << 15 | source.randrange(32) << 20


def _computing(source: random.Random) -> bytes:
    row = source.choice(COMPUTING)
    drawn = source.getrandbits(32) & ~(0x1F << 7) | source.randrange(31) << 7
    return struct.pack("<I", row.match | drawn & ~row.mask)


def _memory(source: random.Random) -> bytes:
    row = source.choice(MEMORY)
    offset, rd = source.randrange(-SIZE // 2, SIZE // 2 - 4), source.randrange(31)
    low, high = (rd, offset & 31) if row.kind == c.STORE else (offset & 31, rd)
    return struct.pack("<I", row.match | high << 7 | BASE << 15 | low << 20 | (offset >> 5 & 127) << 25)


def _skipped(source: random.Random) -> bytes:
    return b"".join(_computing(source) if source.random() < 0.5 else _plain(source) for _ in range(source.randrange(4)))


def _forwards(source: random.Random) -> bytes:
    row: Row = source.choice(BRANCHES)
    between = _skipped(source)
    return struct.pack("<I", branch(row.name, source.randrange(32), source.randrange(32), 4 + len(between))) + between


def _jump(source: random.Random) -> bytes:
    between = _skipped(source)
    offset = 4 + len(between)
    return struct.pack("<I", word("jal", source.randrange(31)) | (offset >> 1) << 21) + between


def _short(source: random.Random) -> bytes:
    half = source.choice(SHORT)
    found = compressed.expand(half)
    opcode = found & 0x7F
    if opcode in (0x13, 0x33, 0x37):
        return _plain(source)
    if opcode in (0x03, 0x23):
        pointer = 2 if found >> 15 & 31 == 2 else 8 + (half >> 7 & 7)
        return b"".join(struct.pack("<I", value) for value in load(pointer, DATA + 64)) + struct.pack("<H", half)
    if opcode == 0x63:
        between = _plain(source)
        return struct.pack("<H", half & ~0x1C7C | 2 << 3) + between
    return _plain(source)


def _plain(source: random.Random) -> bytes:
    """A short instruction that computes."""
    while True:
        half = source.choice(SHORT)
        found = compressed.expand(half)
        if found & 0x7F in (0x13, 0x33, 0x37):
            return struct.pack("<H", half)
