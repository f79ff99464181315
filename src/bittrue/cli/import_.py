"""`bittrue import`: models of other tools become integer graphs."""

from __future__ import annotations

from .lazy import group

import_ = group("import", "Bring a model of another tool to an integer graph; each format is a command.",
                {"ai8x": "import_ai8x:ai8x"})
