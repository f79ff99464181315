"""The text files of an array's test bench: binary digits, most significant first, one word of several fields per line.

A `TextFormat` is one declaration of a file kind, used by the writer and by the strict reader: the fields of a line from
left to right, two's complement when signed, padded with zeros; what stands between them; the comment lines in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....errors import BadInput, declare, fail
from ....ir import IntArray, IntType

declare({
    "BT5110": "a text file of the array is malformed",
    "BT5111": "a value does not fit its field",
})

Bytes = NDArray[np.uint8]

WRITE_AGAIN = "correct the file, or write it again"


@dataclass(frozen=True)
class Field:
    """One field of a line: its name in the header and its integer type."""

    name: str
    elem: IntType


@dataclass(frozen=True)
class TextFormat:
    """One kind of file. `fields` are in text order (leftmost first), `unit` is what a line stands for.

    `header` are the comment lines in front. The reader skips as many lines; their text is for people, so it only has to
    begin like the format's own.
    """

    unit: str
    fields: tuple[Field, ...]
    header: tuple[str, ...] = ()
    separator: str = ""

    @property
    def width(self) -> int:
        """Characters per line, without its end."""
        return sum(field.elem.bits for field in self.fields) + len(self.separator) * (len(self.fields) - 1)

    def size(self, lines: int) -> int:
        """Bytes of a file with so many lines of data."""
        return len(self.comments()) + lines * (self.width + 1)

    def comments(self) -> bytes:
        """The comment lines."""
        return "".join(f"{line}\n" for line in self.header).encode()

    def write(self, values: IntArray, file: str) -> bytes:
        """The file for values of shape (lines, fields), in text order.

        Raises `BadInput` (BT5111) for a value that its field cannot hold; nothing is ever cut off.
        """
        self._require_fit(values, file)
        text = np.empty((len(values), self.width + 1), np.uint8)
        text[:] = np.frombuffer(self._blank_line(), np.uint8)
        for i, (field, start) in enumerate(self._starts()):
            text[:, start:start + field.elem.bits] = _digits(values[:, i], field.elem.bits)
        return self.comments() + text.tobytes()

    def _blank_line(self) -> bytes:
        """A line of zeros."""
        return (self.separator.join("0" * field.elem.bits for field in self.fields) + "\n").encode()

    def _starts(self) -> Iterator[tuple[Field, int]]:
        """Every field with the character it starts at."""
        start = 0
        for field in self.fields:
            yield field, start
            start += field.elem.bits + len(self.separator)

    def _require_fit(self, values: IntArray, file: str) -> None:
        for i, field in enumerate(self.fields):
            if not field.elem.holds(values[:, i]):
                fits = (values[:, i] >= field.elem.min) & (values[:, i] <= field.elem.max)
                line = int(np.argmin(fits))
                fail(BadInput, "BT5111", f"{file}, {self.unit} {line}, field {field.name}",
                     f"{values[line, i]} is not within {field.elem.min}..{field.elem.max} of {field.elem}",
                     "use wider fields; a template of vectors sets them with `bits`")

    def read(self, data: bytes, file: str, lines: int | None = None) -> IntArray:
        """Values of shape (lines, fields), in text order.

        Raises `BadInput` (BT5110) naming file, line and field of the first character that does not belong there, for
        a wrong length of a line, and for another number of lines than `lines`.
        """
        text = self._body(data, file)
        body = np.frombuffer(text, np.uint8)
        if body.size % (self.width + 1) or not self._is_clean(body.reshape(-1, self.width + 1)):
            self._refuse(text, file)
        if lines is not None and body.size != lines * (self.width + 1):
            fail(BadInput, "BT5110", file, f"it has {body.size // (self.width + 1)} lines of data, not {lines}",
                 WRITE_AGAIN)
        digits = body.reshape(-1, self.width + 1)
        return np.stack([_number(digits[:, start:start + field.elem.bits], field.elem)
                         for field, start in self._starts()], axis=1)

    def _body(self, data: bytes, file: str) -> bytes:
        """What follows the comment lines."""
        for number, comment in enumerate(self.header, 1):
            line, end, data = data.partition(b"\n")
            if not end or line[:1] != comment[:1].encode():
                fail(BadInput, "BT5110", f"{file}, line {number}",
                     f"it is no comment line: it starts with {_shown(line[:12])}, not {comment[:1]!r}",
                     f"put {len(self.header)} comment lines in front of the data")
        return data

    def _is_clean(self, lines: Bytes) -> bool:
        """Whether every character is a digit where a digit must be, and what the format says elsewhere."""
        blank = np.frombuffer(self._blank_line(), np.uint8)
        return bool(((lines == blank) | ((lines == ord("1")) & (blank == ord("0")))).all())

    def _refuse(self, body: bytes, file: str) -> None:
        """Find and name the first thing that is wrong; only called when something is."""
        *lines, tail = body.split(b"\n")
        for number, line in enumerate(lines, len(self.header) + 1):
            self._require_good(line, f"{file}, line {number}")
        fail(BadInput, "BT5110", f"{file}, line {len(self.header) + len(lines) + 1}",
             f"the last line ({_shown(tail[:20])}) has no end", WRITE_AGAIN)

    def _require_good(self, line: bytes, where: str) -> None:
        for i, (character, zero) in enumerate(zip(line, self._blank_line().rstrip(b"\n"), strict=False)):
            if character != zero and not (zero == ord("0") and character == ord("1")):
                wanted = "0 or 1" if zero == ord("0") else repr(self.separator)
                fix = "pad with zeros, not blanks" if character == ord(" ") and zero == ord("0") else WRITE_AGAIN
                fail(BadInput, "BT5110", f"{where}, field {self.field_at(i)}",
                     f"character {i + 1} is {_shown(line[i:i + 1])}, not {wanted}", fix)
        if len(line) != self.width:
            end = " (it ends in a carriage return)" if line.endswith(b"\r") else ""
            fail(BadInput, "BT5110", where, f"it has {len(line)} characters, not {self.width}{end}", WRITE_AGAIN)

    def field_at(self, position: int) -> str:
        """Name of the field that a character of a line belongs to (a separator: to the field in front of it)."""
        return [field.name for field, start in self._starts() if start <= position][-1]


def _shown(text: bytes) -> str:
    """Bytes as a person may read them, whatever they are."""
    return repr(text.decode("latin-1"))


def _digits(values: IntArray, bits: int) -> Bytes:
    """ASCII digits (lines, bits) of the low `bits` bits, most significant first."""
    shifts = np.arange(bits - 1, -1, -1)
    return ((values[:, np.newaxis] >> shifts & 1) + ord("0")).astype(np.uint8)


def _number(digits: Bytes, elem: IntType) -> IntArray:
    """The inverse of `_digits`: numbers of type `elem` from ASCII digits (lines, bits)."""
    weights = np.int64(1) << np.arange(elem.bits - 1, -1, -1, dtype=np.int64)
    if elem.signed:
        weights[0] = -weights[0]
    number: IntArray = (digits - np.uint8(ord("0"))).astype(np.int64) @ weights
    return number


def lanes(unit: str, lane: str, count: int, elem: IntType, header: bool = True) -> TextFormat:
    """A format whose fields are `count` lanes of one type, the highest lane first.

    >>> text = lanes("time", "row", 2, IntType(4, True))
    >>> print(text.write(np.array([[-1, 2]]), "act.txt").decode(), end="")
    #time0row1[msb-lsb],time0row0[msb-lsb]#
    #time1row1[msb-lsb],time1row0[msb-lsb]#
    #....#
    11110010
    """
    fields = tuple(Field(f"{lane}{i}", elem) for i in reversed(range(count)))
    return TextFormat(unit, fields, comment_lines(unit, fields) if header else ())


def comment_lines(unit: str, fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The three comment lines that name the fields of the first two lines."""
    return f"#{line_of_names(unit, 0, fields)}#", f"#{line_of_names(unit, 1, fields)}#", "#....#"


def line_of_names(unit: str, number: int, fields: tuple[Field, ...]) -> str:
    """The names of all fields of one line, as comment lines list them."""
    return ",".join(f"{unit}{number}{field.name}[msb-lsb]" for field in fields)
