"""The C project of a planned program."""

from .layout import Layout, Part, layout_of
from .project import emit

__all__ = ["Layout", "Part", "emit", "layout_of"]
