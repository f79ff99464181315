"""Writes vectors: all files at once or none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ....engine.oracle import Oracle
from ....errors import BadInput, BittrueError, Diagnostics, declare, fail
from ....ir import Graph, IntArray
from ....ir.onnx import to_bytes, to_model
from ...project import Manifest, write_project
from .kinds import Place
from .layout import RECORD_FILE, VectorFile, VectorPlan
from .record import record_bytes
from .shape import vector_layers
from .values import LayerValues

declare({"BT5135": "the vectors would be very large"})

NAME = "systolic-vectors"
"""What a manifest calls these folders."""

MOST_BYTES = 2 * 10**9
"""More is written only when the user insists."""


def write_vectors(graph: Graph, inputs: Mapping[str, IntArray], plan: VectorPlan, out_dir: Path, *,
                  any_size: bool = False) -> Manifest:
    """Write the vectors of a plan into a new folder (an older one is replaced), with `vectors.json` and a manifest.

    `inputs` are all samples; the plan says which of them are used. Raises `BadInput`: BT5135 for more than 2 GB unless
    `any_size`, BT5111 for every kind of file of a layer with a value that the template's fields cannot hold, BT5004
    when the folder holds something else.
    """
    if plan.size > MOST_BYTES and not any_size:
        fail(BadInput, "BT5135", str(out_dir), f"{len(plan.files):,} files with {plan.size / 1e9:.1f} GB",
             "choose layers with --layer, samples with --image, or tiles with --itile and --otile; --yes writes all")
    return write_project(NAME, _files(graph, inputs, plan), out_dir)


def _files(graph: Graph, inputs: Mapping[str, IntArray], plan: VectorPlan) -> Iterator[tuple[str, bytes]]:
    digest = hashlib.sha256(to_bytes(to_model(graph))).hexdigest()
    yield RECORD_FILE, record_bytes(plan, digest)
    found = Diagnostics()
    wrong: set[tuple[str, str]] = set()
    for file, values in valued_files(graph, inputs, plan):
        kind = (file.layer.name, file.kind.name)
        try:
            if kind not in wrong:
                yield file.path, file.text.write(expected_lines(file, values), file.path)
        except BittrueError as error:
            wrong.add(kind)
            found.extend(error)
    found.raise_as(BadInput)


def valued_files(graph: Graph, inputs: Mapping[str, IntArray],
                 plan: VectorPlan) -> Iterator[tuple[VectorFile, LayerValues]]:
    """Every file of a plan with the values of its layer. `inputs` are all samples."""
    trace = Oracle(graph).run({name: array[list(plan.images)] for name, array in inputs.items()})
    layers = {layer.name: layer for layer in vector_layers(graph)}
    values: LayerValues | None = None
    current = ""
    for file in plan.files:
        if values is None or file.layer.name != current:
            current = file.layer.name
            values = LayerValues.of(plan, layers[current], graph, trace)
        yield file, values


def expected_lines(file: VectorFile, values: LayerValues) -> IntArray:
    """What the lines of a file must hold."""
    return file.to_lines(expected_blocks(file.kind.name, file.places, values))


def expected_blocks(kind: str, places: tuple[Place, ...], values: LayerValues) -> list[IntArray]:
    """The blocks of some places."""
    return [values.block(kind, place) for place in places]
