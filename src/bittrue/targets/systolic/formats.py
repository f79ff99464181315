"""The text files of the array: binary digits, most significant first, one word of several fields per line.

A `TextFormat` is one declaration of a file kind, used by the writer and by the strict reader. Fields stand in the line
from the highest row or column to the lowest, two's complement when signed, padded with zeros, without blanks. Three
comment lines that start with `#` name the fields of the first two lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput, declare, fail
from ...ir import IntArray, IntType

declare({
    "BT5110": "a text file of the array is malformed",
    "BT5111": "a value does not fit its field",
})

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Field:
    """One field of a line: its name in the header and its integer type."""

    name: str
    elem: IntType


@dataclass(frozen=True)
class TextFormat:
    """One kind of file. `fields` are in text order (leftmost first), `unit` is what a line stands for."""

    unit: str
    fields: tuple[Field, ...]
    header: bool = True

    @property
    def width(self) -> int:
        """Digits per line."""
        return sum(field.elem.bits for field in self.fields)

    def comments(self) -> bytes:
        """The three comment lines (none when the format has no header)."""
        lines = [",".join(f"{self.unit}{n}{field.name}[msb-lsb]" for field in self.fields) for n in (0, 1)]
        return "".join(f"#{line}#\n" for line in (*lines, "....")).encode() if self.header else b""

    def write(self, values: IntArray, file: str) -> bytes:
        """The file for values of shape (lines, fields), in text order.

        Raises `BadInput` (BT5111) for a value that its field cannot hold; nothing is ever cut off.
        """
        self._require_fit(values, file)
        digits = [_digits(values[:, i], field.elem.bits) for i, field in enumerate(self.fields)]
        newline = np.full((len(values), 1), ord("\n"), np.uint8)
        return self.comments() + np.concatenate([*digits, newline], axis=1).tobytes()

    def _require_fit(self, values: IntArray, file: str) -> None:
        for i, field in enumerate(self.fields):
            if not field.elem.holds(values[:, i]):
                fits = (values[:, i] >= field.elem.min) & (values[:, i] <= field.elem.max)
                line = int(np.argmin(fits))
                fail(BadInput, "BT5111", f"{file}, {self.unit} {line}, field {field.name}",
                     f"{values[line, i]} is not within {field.elem.min}..{field.elem.max} of {field.elem}",
                     "use wider fields")

    def read(self, data: bytes, file: str, lines: int | None = None) -> IntArray:
        """Values of shape (lines, fields), in text order.

        Raises `BadInput` (BT5110) naming file, line and field of the first character that does not belong there, for
        a wrong length of a line, and for another number of lines than `lines`.
        """
        comments = self.comments()
        if not data.startswith(comments):
            fail(BadInput, "BT5110", f"{file}, lines 1 to 3", "the comment lines are not those of this format",
                 "write the comment lines as bittrue does, or emit the project again")
        body = np.frombuffer(data, np.uint8)[len(comments):]
        if body.size % (self.width + 1) or not _is_clean(body.reshape(-1, self.width + 1)):
            self._refuse(data[len(comments):], file, comments.count(b"\n"))
        if lines is not None and body.size != lines * (self.width + 1):
            fail(BadInput, "BT5110", file, f"it has {body.size // (self.width + 1)} lines of data, not {lines}",
                 "emit the project again")
        return self._values(body.reshape(-1, self.width + 1)[:, :-1])

    def _values(self, digits: Bytes) -> IntArray:
        columns, start = [], 0
        for field in self.fields:
            columns.append(_number(digits[:, start:start + field.elem.bits], field.elem))
            start += field.elem.bits
        return np.stack(columns, axis=1)

    def _refuse(self, body: bytes, file: str, skipped: int) -> None:
        """Find and name the first thing that is wrong; only called when something is."""
        *lines, tail = body.split(b"\n")
        for number, line in enumerate(lines, skipped + 1):
            wrong = next((i for i, c in enumerate(line) if c not in b"01"), None)
            if wrong is not None:
                fail(BadInput, "BT5110", f"{file}, line {number}, field {self.field_at(wrong)}",
                     f"character {wrong + 1} is {chr(line[wrong])!r}, not 0 or 1", "emit the project again")
            if len(line) != self.width:
                fail(BadInput, "BT5110", f"{file}, line {number}", f"it has {len(line)} digits, not {self.width}",
                     "emit the project again")
        fail(BadInput, "BT5110", f"{file}, line {skipped + len(lines) + 1}",
             f"the last line ({tail[:20]!r}) has no end", "emit the project again")

    def field_at(self, position: int) -> str:
        """Name of the field that a digit of a line belongs to."""
        for field in self.fields:
            position -= field.elem.bits
            if position < 0:
                return field.name
        return "beyond the last"


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


def _is_clean(lines: Bytes) -> bool:
    digits = lines[:, :-1]
    return bool(((digits == ord("0")) | (digits == ord("1"))).all() and (lines[:, -1] == ord("\n")).all())


def read_file(text: TextFormat, project: Path, name: str, lines: int | None = None) -> IntArray:
    """Read a file of a project; see `TextFormat.read`."""
    path = project / name
    if not path.is_file():
        fail(BadInput, "BT5110", str(path), "there is no such file", "emit the project again")
    return text.read(path.read_bytes(), str(path), lines)


def lanes(unit: str, lane: str, count: int, elem: IntType, header: bool = True) -> TextFormat:
    """A format whose fields are `count` lanes of one type, the highest lane first.

    >>> text = lanes("time", "row", 2, IntType(4, True))
    >>> print(text.write(np.array([[-1, 2]]), "act.txt").decode(), end="")
    #time0row1[msb-lsb],time0row0[msb-lsb]#
    #time1row1[msb-lsb],time1row0[msb-lsb]#
    #....#
    11110010
    """
    return TextFormat(unit, tuple(Field(f"{lane}{i}", elem) for i in reversed(range(count))), header)


@dataclass(frozen=True)
class Formats:
    """The formats of a project's files: the widths of the hardware applied to every kind."""

    rows: int
    cols: int
    act_bits: int
    weight_bits: int
    psum_bits: int
    acc_bits: int
    mul_bits: int
    out_bits: int
    addr_bits: int
    header: bool = True

    def activation(self, signed: bool) -> TextFormat:
        """One line per padded position, one field per input channel of the tile."""
        return lanes("time", "row", self.rows, IntType(self.act_bits, signed), self.header)

    @property
    def weight(self) -> TextFormat:
        """One line per column (output channel), one field per row (input channel)."""
        return lanes("col", "row", self.rows, IntType(self.weight_bits, True), self.header)

    @property
    def psum(self) -> TextFormat:
        """One line per kernel position (major) and padded position, one field per output channel of the tile."""
        return lanes("time", "col", self.cols, IntType(self.psum_bits, True), self.header)

    @property
    def acc_out(self) -> TextFormat:
        """One line per output position, one field per output channel: accumulators after the last tile."""
        return lanes("out", "col", self.cols, IntType(self.acc_bits, True), self.header)

    def out(self, signed: bool) -> TextFormat:
        """One line per output position, one field per output channel: requantized outputs."""
        return lanes("out", "col", self.cols, IntType(self.out_bits, signed), self.header)

    @property
    def address(self) -> TextFormat:
        """One psum-memory address per line: output position major, kernel position minor."""
        return TextFormat("gather", (Field("address", IntType(self.addr_bits, False)),), self.header)

    @property
    def stage(self) -> TextFormat:
        """One line per column: what its accumulator starts with and the parameters of its output stage."""
        limit = IntType(self.out_bits + 1, True)  # holds a signed and an unsigned output
        types = {"bias": IntType(self.acc_bits, True), "multiplier": IntType(self.mul_bits, True),
                 "offset": IntType(63, True), "shift": IntType(6, False), "slope_multiplier": IntType(31, False),
                 "slope_shift": IntType(5, False), "rounding": IntType(2, False), "lo": limit, "hi": limit}
        return TextFormat("col", tuple(Field(name, elem) for name, elem in types.items()), self.header)
