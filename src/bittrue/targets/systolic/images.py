"""Memory images: text files of hexadecimal words, one per line, as `$readmemh` reads them.

A `WordFormat` is one declaration of a word: its fields from the most significant one down. Lines that start with `//`
name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput, declare, fail
from ...ir import IntArray

Digits = NDArray[np.uint8]
"""Zeros and ones."""

declare({"BT5119": "a value does not fit its field of a memory image"})

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_NIBBLE = np.array([8, 4, 2, 1], np.uint8)


@dataclass(frozen=True)
class WordFormat:
    """Fields of a word by name, most significant first, and their bits."""

    fields: tuple[tuple[str, int], ...]

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return sum(bits for _, bits in self.fields)

    @property
    def header(self) -> bytes:
        """The comment line that names the fields."""
        names = " ".join(f"{name}:{bits}" for name, bits in self.fields)
        return f"// {names}\n".encode()

    def digits(self, values: Mapping[str, IntArray], file: str) -> Digits:
        """Binary digits (words, bits) of fields of shape (words,) each.

        Raises `BadInput` (BT5119) for a value that is neither a signed nor an unsigned number of its field's bits.
        """
        return np.concatenate([packed_digits(values[name], bits, f"{file}, field {name}")
                               for name, bits in self.fields], axis=1)

    def lines(self, values: Mapping[str, IntArray], file: str) -> bytes:
        """One line per word; see `digits`."""
        return hex_lines(self.digits(values, file))


def packed(values: IntArray, bits: int, file: str) -> bytes:
    """Lines of words that are packed arrays: values (words, n), element n-1 first, `bits` bits each."""
    return hex_lines(packed_digits(values, bits, file))


def packed_digits(values: IntArray, bits: int, where: str) -> Digits:
    """Binary digits (words, n * bits) of values (words,) or (words, n), the last element first.

    Raises `BadInput` (BT5119) for a value that is neither a signed nor an unsigned number of `bits` bits.
    """
    table = values.reshape(len(values), -1)[:, ::-1]
    if table.size and not (-(1 << bits - 1) <= int(table.min()) and int(table.max()) < 1 << bits):
        worst = int(table.min()) if int(table.min()) < -(1 << bits - 1) else int(table.max())
        fail(BadInput, "BT5119", where, f"{worst} does not fit {bits} bits", "use wider fields")
    shifts = np.arange(bits - 1, -1, -1)
    digits: Digits = (table[:, :, np.newaxis] >> shifts & 1).astype(np.uint8)
    return digits.reshape(len(table), -1)


def hex_lines(digits: Digits) -> bytes:
    """Lines of hexadecimal digits from binary ones (words, bits), padded with zeros on the left."""
    padding = -digits.shape[1] % 4
    nibbles = np.pad(digits, ((0, 0), (padding, 0))).reshape(len(digits), -1, 4) @ _NIBBLE
    newline = np.full((len(digits), 1), ord("\n"), np.uint8)
    return np.concatenate([_HEX[nibbles], newline], axis=1).tobytes()
