"""Tables of numbers as the C preprocessor takes them: one macro each, written fast."""

from __future__ import annotations

import numpy as np

from ..program import Bytes, Words

WORDS_A_LINE, BYTES_A_LINE = 8, 16
BREAK = " \\\n  "
"""The end of a line of a macro, and the start of the next one."""


def word_table(values: Words) -> str:
    """32-bit words as an initializer.

    >>> print(word_table(np.array([1, 0xffffffff], np.uint32)))
    { \\
      0x00000001, 0xffffffff \\
    }
    """
    return _table(np.ascontiguousarray(values, np.uint32).astype(">u4").view(np.uint8), 4, WORDS_A_LINE)


def byte_table(values: Bytes) -> str:
    """Bytes as an initializer.

    >>> print(byte_table(np.array([1, 0xf0], np.uint8)))
    { \\
      0x01, 0xf0 \\
    }
    """
    return _table(np.ascontiguousarray(values, np.uint8), 1, BYTES_A_LINE)


def _table(data: Bytes, size: int, a_line: int) -> str:
    """Every number is written as `0x`, its digits, `, `; the last separator is cut off."""
    digits = np.frombuffer(data.tobytes().hex().encode(), np.uint8).reshape(-1, 2 * size)
    numbers = np.empty((len(digits), 2 * size + 4), np.uint8)
    numbers[:, :2] = np.frombuffer(b"0x", np.uint8)
    numbers[:, 2:-2] = digits
    numbers[:, -2:] = np.frombuffer(b", ", np.uint8)
    text = numbers.tobytes().decode()
    width = a_line * (2 * size + 4)
    lines = (text[start:start + width].rstrip() for start in range(0, len(text), width))
    return "{" + BREAK + BREAK.join(lines).removesuffix(",") + " \\\n}"
