"""The templates of the project."""

from __future__ import annotations

import jinja2

from ... import templates
from .text import comment, literal

PACKAGE = "bittrue.targets.max7800x"


def environment() -> jinja2.Environment:
    """How templates are read: nothing undefined is allowed, blocks leave no lines behind."""
    made = templates.environment(PACKAGE)
    made.filters.update(comment=comment, literal=literal)
    return made
