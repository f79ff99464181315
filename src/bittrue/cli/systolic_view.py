"""`bittrue systolic view`: a vector file as integers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInput, fail
from ..targets.systolic.vectors import Hints, View, view_file
from .console import Json, print_json, say
from .systolic_template import Like, TemplateFile, chosen_template

MOST_LINES = 1000
"""Lines of a file that are printed when --lines says nothing."""


def view(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file of vectors.")],
    bits: Annotated[int | None, typer.Option(min=1, max=63, help="Bits of a field.", show_default="as known")] = None,
    signed: Annotated[bool | None, typer.Option("--signed/--unsigned", help="Two's complement or plain binary.",
                                                show_default="as known")] = None,
    like: Like = None,
    template: TemplateFile = None,
    lines: Annotated[str | None, typer.Option(metavar="A:B", help="Only lines A to B of the file, counted from 1 as "
                                              "diagnostics and editors do.")] = None,
    as_json: Json = False,
) -> None:
    """Print a file of vectors as integers, with the meaning of every line and field.

    What the fields are is taken from the `vectors.json` of the file's folder, else from the file's name and comment
    lines, else from the options.

    Example: bittrue systolic view out/vectors/layers/00_conv/image0/psum_itile0_otile0.txt --lines 4:20
    """
    first, last = _line_range(lines)
    seen = view_file(path, Hints(chosen_template(like, template), bits, signed))
    if as_json:
        print_json(seen.to_json(first, last))
        return
    _print(seen, first, last)


def _line_range(text: str | None) -> tuple[int | None, int | None]:
    """`A:B`, `A:`, `:B` or `A` as first and last line."""
    match = re.fullmatch(r"(\d{1,9})?(:)?(\d{1,9})?", text or ":")
    if match is None or (not text and text is not None):
        fail(BadInput, "BT6002", f"--lines {text}", "it is no range of lines", "write for example --lines 4:20")
    first, colon, last = match.groups()
    return (int(first) if first else None), (int(last) if last else None if colon else int(first))


def _print(seen: View, first: int | None, last: int | None) -> None:
    """The table as plain text: no line is ever cut, whatever the terminal's width."""
    say(f"{seen.file}: {seen.kind}, {len(seen.values)} lines of {len(seen.fields)} fields {', '.join(seen.types)} "
        f"({seen.known_from})")
    rows = seen.rows(first, last)
    names = ("line", *seen.columns, *seen.fields)
    shown = rows if first or last else rows[:MOST_LINES]
    widths = [max(len(name), *(len(str(row[i])) for row in shown), 0) for i, name in enumerate(names)]
    say("  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for row in shown:
        say("  ".join(f"{value:>{width}}" for value, width in zip(row, widths, strict=True)))
    if len(shown) < len(rows):
        say(f"... {len(rows) - len(shown):,} more; --lines A:B shows them")
