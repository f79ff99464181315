"""The model zoo: well-known networks by name, each with its data set, its preset and a way to train it.

Importing this package needs no PyTorch; building a network does.
"""

from __future__ import annotations

from .recipe import Recipe
from .table import ZOO, Entry

__all__ = ["ZOO", "Entry", "Recipe"]
