"""The exception tree and the diagnostics.

Whatever a user can cause ends in one or more `Diagnostic`s carried by a `BittrueError`: a stable code, where, why and
what to do. Checks collect *all* problems in a `Diagnostics` list before they raise. The command line prints them and
exits with the `exit_code` of the exception's class; library users catch `BittrueError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import ClassVar, NoReturn

_CATALOGUE: dict[str, str] = {}


def declare(codes: dict[str, str]) -> None:
    """Enter a module's diagnostic codes (code -> one-line title) into the catalogue that the documentation prints.

    Every module declares its own codes at import time, next to the code that raises them.
    Raises ValueError when a code is declared twice: a code means one thing for ever.
    """
    for code, title in codes.items():
        if _CATALOGUE.setdefault(code, title) != title:
            raise ValueError(f"diagnostic code {code} is declared twice")


def catalogue() -> dict[str, str]:
    """All declared codes with their titles, sorted by code (of the modules imported so far)."""
    return dict(sorted(_CATALOGUE.items()))


@dataclass(frozen=True)
class Diagnostic:
    """One problem: `code` (stable), `where` (layer, tensor, file:line), `why`, and `fix` (what to do)."""

    code: str
    where: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.why}\n    fix: {self.fix}"

    def to_json(self) -> dict[str, str]:
        """The diagnostic as a plain dictionary for `--json` output."""
        return asdict(self)


class BittrueError(Exception):
    """Base of everything bittrue raises for what a user can cause; carries at least one diagnostic."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(map(str, diagnostics)))


class Difference(BittrueError):
    """Two things that must be equal are not (exit code 1)."""

    exit_code = 1


class BadInput(BittrueError):
    """A file, an argument or a data set is wrong (exit code 2)."""

    exit_code = 2


class Unsupported(BittrueError):
    """The model does not fit or uses something that is not supported (exit code 3)."""

    exit_code = 3


class ToolMissing(BittrueError):
    """A compiler, simulator or optional package is missing (exit code 4)."""

    exit_code = 4


@dataclass
class Diagnostics:
    """Collects problems, so that a check reports all of them at once.

    >>> found = Diagnostics()
    >>> found.add("BT1005", "conv1", "kernel is 0 wide", "use a kernel of at least 1")
    >>> len(found)
    1
    """

    items: list[Diagnostic] = field(default_factory=list)

    def add(self, code: str, where: str, why: str, fix: str) -> None:
        """Append one problem."""
        self.items.append(Diagnostic(code, where, why, fix))

    def extend(self, error: BittrueError) -> None:
        """Append all problems of a caught error."""
        self.items.extend(error.diagnostics)

    def raise_as(self, kind: type[BittrueError]) -> None:
        """Raise `kind` with everything collected, if anything was."""
        if self.items:
            raise kind(*self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)


def fail(kind: type[BittrueError], code: str, where: str, why: str, fix: str) -> NoReturn:
    """Raise `kind` with one diagnostic."""
    raise kind(Diagnostic(code, where, why, fix))
