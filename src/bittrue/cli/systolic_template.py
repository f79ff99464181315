"""The options that say how vector files look, for the commands that read or write them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInput, fail
from ..targets.systolic.vectors import BUILT_IN, Template, built_in, read_template

Like = Annotated[str | None, typer.Option(help=f"Names and layout of the files: {', '.join(BUILT_IN)}.",
                                          show_default="bittrue")]
TemplateFile = Annotated[Path | None, typer.Option("--template", help="Names and layout of your own, a TOML file; see "
                                                   "docs/vectors.md.")]


def chosen_template(like: str | None, path: Path | None) -> Template | None:
    """The template of the options, None when they name none."""
    if like is not None and path is not None:
        fail(BadInput, "BT6002", "--like and --template", "both say how the files look",
             "give one of them; a template may say `like` itself")
    if path is not None:
        return read_template(path)
    return None if like is None else built_in(like)
