"""The sample input and what the network makes of it: the data of the known-answer test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..program import InputBlock, OutputBlock, Words
from .tables import word_table
from .weights import Table


@dataclass(frozen=True)
class Input:
    """One block of the input: its number, where it goes, how many words."""

    number: int
    label: str
    address: int
    words: int
    step: int
    values: tuple[int, ...] = ()
    """The words themselves, where every one is a statement of its own."""

    @property
    def table(self) -> str:
        """The macro of `sampledata.h`."""
        return f"SAMPLE_INPUT_{self.number}"


def inputs(blocks: Sequence[InputBlock], inlined: bool) -> tuple[Input, ...]:
    """The blocks of the input. Raises ValueError when FIFOs get different numbers of words."""
    if len({len(block.words) for block in blocks if not block.step}) > 1:
        raise ValueError("the FIFOs get different numbers of words")
    return tuple(Input(number, block.label, block.address, len(block.words), block.step,
                       tuple(map(int, block.words)) if inlined else ())
                 for number, block in enumerate(blocks))


def input_tables(blocks: Sequence[InputBlock]) -> Iterator[Table]:
    """The macros of `sampledata.h`."""
    yield from (Table(f"SAMPLE_INPUT_{number}", block.label, word_table(block.words))
                for number, block in enumerate(blocks))


def answer(blocks: Sequence[OutputBlock], most: int | None) -> tuple[OutputBlock, ...]:
    """The first `most` words of the known answer."""
    kept: list[OutputBlock] = []
    left = sum(len(block.words) for block in blocks) if most is None else most
    for block in blocks:
        if left <= 0:
            break
        kept.append(OutputBlock(block.address, block.mask, block.words[:left], block.step))
        left -= len(block.words)
    return tuple(kept)


def answer_words(blocks: Sequence[OutputBlock]) -> Words:
    """The words of `sampleoutput.h`: address, mask, words, bytes from word to word, and the words of every block; 0."""
    parts: list[Words] = [part for block in blocks for part in
                          (np.array([block.address, block.mask, len(block.words), block.step], np.uint32),
                           block.words.astype(np.uint32))]
    return np.concatenate([*parts, np.zeros(1, np.uint32)])


def answer_table(blocks: Sequence[OutputBlock]) -> Table:
    """The macro of `sampleoutput.h`."""
    return Table("SAMPLE_OUTPUT", "address, mask, words, bytes from word to word, words; 0 ends the table",
                 word_table(answer_words(blocks)))
