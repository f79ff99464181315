"""Samples for a compiled program: the tables of its flash that hold the sample input and the known answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....ir import IntArray
from ...elf_image import Image
from ..chip.machine import Chip
from ..emit.samples import answer, answer_words
from ..emit.unload import offsets
from ..lower import known_answer
from ..plan import Max7800xPlan
from ..program import OutputTensor, Words
from ..project import sample_blocks

INPUT, ANSWER, RESULT, SOFTMAX = "input_{}", "sample_output", "ml_data", "ml_softmax"
"""Names of the tables and arrays in the emitted program."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of one sample by name."""

    words: Mapping[str, Words]

    @classmethod
    def of(cls, plan: Max7800xPlan, sample: Sequence[IntArray], tensors: Sequence[IntArray]) -> Tables:
        """The tables of a sample, for which the layers give `tensors`; both as `project.lowered` takes them."""
        words = {INPUT.format(number): block.words for number, block in enumerate(sample_blocks(plan, sample))}
        if plan.options.emission.kat:
            blocks = answer(known_answer(plan, tensors), plan.options.emission.max_checklines)
            words[ANSWER] = answer_words(blocks)
        return cls(words)

    def fit(self, image: Image) -> bool:
        """Whether a program has all these tables, none of which the compiler has folded into its instructions."""
        sizes = {symbol.name: symbol.size for symbol in image.objects}
        return all(sizes.get(name) == words.nbytes for name, words in self.words.items())

    def put(self, chip: Chip) -> None:
        """Replace the tables of a chip that has not been started."""
        for name, words in self.words.items():
            chip.write_memory(chip.symbol(name), words.astype("<u4"))


def unloaded(chip: Chip, image: Image, outputs: Sequence[OutputTensor]) -> list[IntArray]:
    """What `cnn_unload` gave the program, (C, pixels) for every output."""
    (size,) = (symbol.size for symbol in image.objects if symbol.name == RESULT)
    return list(_outputs(np.frombuffer(chip.read_memory(chip.symbol(RESULT), size), np.uint8), outputs))


def _outputs(data: np.ndarray[tuple[int], np.dtype[np.uint8]], outputs: Sequence[OutputTensor]) -> Iterator[IntArray]:
    for output, offset in zip(outputs, offsets(outputs), strict=False):
        kind = np.dtype("<i4" if output.wide else "i1")
        part = data[offset:offset + output.elements * kind.itemsize].view(kind)
        yield part.astype(np.int64).reshape(len(output.channels), -1)


def softmaxed(chip: Chip, image: Image) -> IntArray:
    """The Q15 integers of the program's softmax."""
    (size,) = (symbol.size for symbol in image.objects if symbol.name == SOFTMAX)
    return np.frombuffer(chip.read_memory(chip.symbol(SOFTMAX), size), "<i2").astype(np.int64)
