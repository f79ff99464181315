"""Weights and biases as tables: packed bytes, nine for every column of kernel memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..device import ADDRESSES, Device
from ..program import BiasBlock, Bytes, KernelBlock, Program, Words
from ..units import whole
from .tables import byte_table, word_table

WORD = 4


@dataclass(frozen=True)
class Table:
    """A macro of `weights.h`: its name, what it holds, its initializer."""

    name: str
    meaning: str
    text: str


@dataclass(frozen=True)
class Kernels:
    """One block of kernels with a table of its own."""

    table: str
    address: int
    columns: int


def packed_words(data: Bytes) -> Words:
    """Columns (n, 9) as words: the bytes in order, the first one on top, the last word filled up with zeros."""
    padded = np.zeros(whole(data.size, WORD), np.uint8)
    padded[:data.size] = data.reshape(-1)
    return padded.view(">u4").astype(np.uint32)


def kernel_blocks(program: Program, device: Device) -> tuple[Kernels, ...]:
    """The blocks of kernels, in order."""
    return tuple(Kernels(f"KERNELS_{index}", _address(block, device), len(block.data))
                 for index, block in enumerate(program.kernels))


def weight_tables(program: Program, device: Device, compact: bool) -> Iterator[Table]:
    """The macros of `weights.h`. Compact: one table of kernels, address, columns and words of every block, 0 last."""
    if compact:
        yield Table("KERNELS", "address of the first column, number of columns, packed columns; 0 ends the table",
                    word_table(_all_kernels(program.kernels, device)))
    else:
        for place, block in zip(kernel_blocks(program, device), program.kernels, strict=True):
            yield Table(place.table, f"packed columns of processor {block.processor}",
                        word_table(packed_words(block.data)))
    yield from (_bias(block) for block in program.biases)


def _all_kernels(blocks: Sequence[KernelBlock], device: Device) -> Words:
    parts = [part for block in blocks for part in
             (np.array([_address(block, device), len(block.data)], np.uint32), packed_words(block.data))]
    return np.concatenate([*parts, np.zeros(1, np.uint32)])


def _address(block: KernelBlock, device: Device) -> int:
    return ADDRESSES[device.name].kernel(block.processor, block.column)


def _bias(block: BiasBlock) -> Table:
    return Table(f"BIAS_{block.group}", f"biases of group {block.group}", byte_table(block.data))
