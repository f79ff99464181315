"""Reading one line of the text form: its tokens, literals and the values of constants.

Every function reads from a `Line` and moves it on; what cannot be read raises `SyntaxProblem` with its column.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from .attributes import Plain
from .graph import Scale
from .rounding import Rounding
from .types import IntArray, TensorType

BARE = r"[A-Za-z0-9_./-]+"
"""Names that need no quotes."""
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKENS = {
    "a name with % or @": rf"[%@](?:{BARE}|{_QUOTED})",
    "a name in quotes": _QUOTED,
    "a tensor type": r"[iu][0-9]+\[[0-9,]*\]",
    "a word": r"[A-Za-z_][A-Za-z0-9_]*",
    "an integer": r"[-+]?[0-9]+(?![0-9.eE])",
    "a number": r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|inf|nan)",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _TOKENS.items()}
_SKIPPED = re.compile(r"[ \t\r]*(?:#.*)?")


class SyntaxProblem(Exception):
    """A line cannot be read any further; the reader turns it into a diagnostic."""

    def __init__(self, code: str, column: int, why: str, fix: str) -> None:
        self.code, self.column, self.why, self.fix = code, column, why, fix
        super().__init__(why)


@dataclass
class Line:
    """A line and how far it is read."""

    text: str
    number: int
    position: int = 0

    @property
    def rest(self) -> str:
        """What is not read yet."""
        return self.text[self.position:]

    def where(self, column: int | None = None) -> str:
        """The place for diagnostics; columns count from 1."""
        return f"line {self.number}, column {(self.position if column is None else column) + 1}"

    def skip(self) -> int:
        """Skip spaces and a comment; the position behind them."""
        if match := _SKIPPED.match(self.text, self.position):
            self.position = match.end()
        return self.position

    def accept(self, mark: str) -> bool:
        """Read a punctuation mark or keyword if it comes next."""
        if not self.text.startswith(mark, self.skip()):
            return False
        self.position += len(mark)
        return True

    def expect(self, mark: str) -> None:
        """Read a punctuation mark, or refuse the line."""
        if not self.accept(mark):
            self.refuse(repr(mark))

    def find(self, kind: str) -> str | None:
        """Read a token of this kind if it comes next."""
        match = _PATTERNS[kind].match(self.text, self.skip())
        if match is None:
            return None
        self.position = match.end()
        return match[0]

    def take(self, kind: str) -> str:
        """Read a token of this kind, or refuse the line."""
        token = self.find(kind)
        if token is None:
            self.refuse(kind)
        return token

    def end(self) -> None:
        """Refuse the line if there is more."""
        if self.skip() < len(self.text):
            self.refuse("the end of the line")

    def refuse(self, wanted: str) -> NoReturn:
        """Stop: something else than `wanted` comes next."""
        found = repr(self.rest[:20]) if self.rest else "the end of the line"
        raise SyntaxProblem("BT1211", self.position, f"{wanted} is expected, not {found}",
                            f"write {wanted} here, as `bittrue info --text` prints it")


def unquote(line: Line, token: str) -> str:
    """The text of the quoted token that was read last."""
    try:
        return str(json.loads(token))
    except ValueError as problem:
        raise SyntaxProblem("BT1211", line.position - len(token), f"{token} is no quoted text: {problem}",
                            "quote it as in JSON") from None


def read_name(line: Line) -> tuple[str, str]:
    """A reference: its sigil and its name."""
    token = line.take("a name with % or @")
    return token[0], unquote(line, token[1:]) if token[1] == '"' else token[1:]


def read_type(line: Line) -> TensorType:
    """A tensor type."""
    token = line.take("a tensor type")
    try:
        return TensorType.parse(token)
    except ValueError as problem:
        raise SyntaxProblem("BT1211", line.position - len(token), str(problem), "write i1..i63 or u1..u63, then "
                            "the lengths of the axes in brackets") from None


def _read_integer(line: Line) -> int:
    column = line.skip()
    try:
        return int(line.take("an integer"))
    except ValueError as problem:
        raise SyntaxProblem("BT1211", column, str(problem), "use an integer of fewer digits") from None


def read_plain(line: Line) -> Plain:
    """An attribute's value."""
    if line.accept("("):
        values: list[int] = []
        while not line.accept(")"):
            values.append(_read_integer(line))
            if not line.accept(","):
                line.expect(")")
                break
        return tuple(values)
    for kind in ("a tensor type", "a word"):
        if token := line.find(kind):
            return token
    if token := line.find("a name in quotes"):
        return unquote(line, token)
    return _read_integer(line)


def read_scale(line: Line) -> Scale | None:
    """A scale annotation, if one comes next."""
    if not line.accept("scale"):
        return None
    values: list[float] = []
    fields: dict[str, Any] = {}
    line.expect("(")
    while not line.accept(")"):
        for name, read in _SCALE_FIELDS.items():
            if line.accept(name):
                line.expect("=")
                fields[name] = read(line)
                break
        else:
            values.append(float(line.take("a number")))
        if not line.accept(","):
            line.expect(")")
            break
    return Scale(tuple(values), **fields)


def _read_rounding(line: Line) -> Rounding:
    rounding = next((rounding for rounding in Rounding if line.accept(rounding.value)), None)
    if rounding is None:
        line.refuse("a rounding mode")
    return rounding


def _read_clamp(line: Line) -> tuple[int, int]:
    line.expect("(")
    lo = _read_integer(line)
    line.expect(",")
    hi = _read_integer(line)
    line.expect(")")
    return lo, hi


_SCALE_FIELDS: dict[str, Callable[[Line], Any]] = {
    "axis": _read_integer, "rounding": _read_rounding, "clamp": _read_clamp,
}


def read_values(line: Line, tensor: TensorType) -> IntArray:
    """The values of a constant, the rest of its line."""
    column = line.skip()
    values = _read_bytes(line, tensor) if line.accept("bytes") else _read_list(line)
    if values.shape != tensor.shape and not (values.size == tensor.size == 0):
        raise SyntaxProblem("BT1214", column, f"the values have the shape {values.shape}, not {tensor.shape}",
                            "mend the type or the values")
    return values.reshape(tensor.shape)


def _read_list(line: Line) -> IntArray:
    column, text = line.position, line.rest.partition("#")[0]
    line.position = len(line.text)
    try:
        if not re.fullmatch(r"[\[\]0-9,\s-]*", text):
            raise ValueError("only integers, commas and brackets can stand here")
        return np.array(json.loads(text), dtype=np.int64)
    except (ValueError, OverflowError, RecursionError) as problem:
        raise SyntaxProblem("BT1211", column, f"the values cannot be read: {problem}",
                            "write nested lists of 64-bit integers, all rows equally long") from None


def _read_bytes(line: Line, tensor: TensorType) -> IntArray:
    column = line.skip()
    stored = tensor.elem.dtype.newbyteorder("<")
    try:
        raw = base64.b64decode(line.take("a name in quotes")[1:-1], validate=True)
    except ValueError as problem:
        raise SyntaxProblem("BT1211", column, f"this is not base64: {problem}", "print the graph again") from None
    if len(raw) != tensor.size * stored.itemsize:
        raise SyntaxProblem("BT1214", column, f"there are {len(raw)} bytes of values, not "
                            f"{tensor.size * stored.itemsize}", "mend the type or the values")
    return np.frombuffer(raw, stored).astype(np.int64).reshape(tensor.shape)
