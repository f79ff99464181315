"""Reads vectors back into arrays, strictly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import BadInput, Diagnostic, Diagnostics, declare, fail
from ....ir import IntArray
from .kinds import Place
from .layout import VectorFile, VectorPlan
from .record import read_record

declare({"BT5138": "a vector file is missing"})

Blocks = dict[Place, IntArray]
"""The blocks (steps, lanes) of one kind of file, lane 0 first."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """The content of a folder: by layer and kind of file its blocks, for example

    `vectors.layers["conv1"]["psum"][Place(image=0, oc=1, ic=0, kij=3)]`, an array (padded positions, columns).
    """

    plan: VectorPlan
    layers: dict[str, dict[str, Blocks]]


def read_vectors(folder: Path, plan: VectorPlan | None = None) -> Vectors:
    """Read all vectors of a folder: one that bittrue wrote, or, with `plan`, any folder that is laid out like it.

    Raises `BadInput` with every missing file (BT5138) and, file by file, the first malformed line (BT5110).
    """
    plan = plan or read_record(folder)
    found = Diagnostics()
    layers: dict[str, dict[str, Blocks]] = {layer.name: {} for layer in plan.layers}
    for file in plan.files:
        lines, problem = try_lines(file, folder)
        if problem is not None:
            found.items.append(problem)
            continue
        blocks = zip(file.places, file.to_blocks(lines), strict=True)
        layers[file.layer.name].setdefault(file.kind.name, {}).update(blocks)
    found.raise_as(BadInput)
    return Vectors(plan, layers)


def try_lines(file: VectorFile, folder: Path) -> tuple[IntArray, Diagnostic | None]:
    """The lines of one file, or none and what is wrong with it."""
    try:
        return read_lines(file, folder), None
    except BadInput as error:
        return np.empty((0, len(file.text.fields)), np.int64), error.diagnostics[0]


def read_lines(file: VectorFile, folder: Path) -> IntArray:
    """The lines (lines, fields) of one file. Raises `BadInput` (BT5110, BT5138)."""
    path = folder / file.path
    if not path.is_file():
        fail(BadInput, "BT5138", str(path), "there is no such file",
             f"write it: {file.lines} lines of {file.kind.name}")
    return file.text.read(path.read_bytes(), str(path), file.lines)
