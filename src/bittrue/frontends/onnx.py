"""Graphs from files: an ONNX file that bittrue wrote is read back as the same graph."""

from __future__ import annotations

import os

from ..ir import Graph
from ..ir.onnx import load as load_onnx


def load(path: str | os.PathLike[str]) -> Graph:
    """The graph of an ONNX file that `bittrue.ir.onnx.save` (or `Frozen.save`) wrote.

    Raises `BadInput` or `Unsupported` (BT11xx) for a file that cannot be read or holds something else.
    """
    return load_onnx(path)
