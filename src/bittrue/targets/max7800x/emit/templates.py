"""The templates of the project."""

from __future__ import annotations

import jinja2

from ... import templates
from ...words import comment
from .text import format_literal

PACKAGE = "bittrue.targets.max7800x"


def environment() -> jinja2.Environment:
    """How templates are read: nothing undefined is allowed, blocks leave no lines behind."""
    made = templates.environment(PACKAGE)
    made.filters.update(comment=comment, literal=format_literal)
    return made
