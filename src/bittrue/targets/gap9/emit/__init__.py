"""The C project of a planned program."""

from .layout import Layout, Part, layout_of
from .project import emit
from .sizes import table_bytes

__all__ = ["Layout", "Part", "emit", "layout_of", "table_bytes"]
