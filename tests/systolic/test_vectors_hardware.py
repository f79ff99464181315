"""Text vectors and hardware: the files hold the very partial sums and outputs that leave the array."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from systolic_support import WIDE, LayerSpec, emitted, layer_specs, layers_graph

from bittrue.targets.sources import read_project
from bittrue.targets.systolic.emit import KIND
from bittrue.targets.systolic.simulate import by_channel, simulated
from bittrue.targets.systolic.vectors import Choice, plan_vectors, read_vectors, write_vectors

ROWS, COLS = 4, 3


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(layer_specs(), min_size=1, max_size=3))
def test_the_files_hold_what_the_hardware_computes(specs: list[LayerSpec]) -> None:
    """In the plain schedule, which streams every padded position as the files do."""
    dense = [replace(spec, groups=1) for spec in specs]
    graph, inputs = layers_graph(dense, samples=2)
    with tempfile.TemporaryDirectory() as name:
        write_vectors(graph, inputs, plan_vectors(graph, 2, Choice(rows=ROWS, cols=COLS)), Path(name) / "v")
        vectors = read_vectors(Path(name) / "v")
        folder = emitted(graph, inputs, Path(name) / "p", **WIDE, rows=ROWS, cols=COLS, schedule="plain")
        project = read_project(KIND, folder, graph)
        with simulated(folder, project.plan, 2) as runs:
            for run in runs:
                blocks = vectors.layers[run.layer.name]
                psums = np.concatenate([block for place, block in sorted(blocks["psum"].items())
                                        if place.image == run.image])
                np.testing.assert_array_equal(psums, run.psums)
                for kind, words in (("acc_out", run.accumulators), ("out", run.outputs)):
                    if words is not None:
                        files = [block for place, block in sorted(blocks[kind].items()) if place.image == run.image]
                        channels = np.concatenate(files, axis=1).T
                        computed = by_channel(words, run.layer, COLS)
                        np.testing.assert_array_equal(channels[:len(computed)], computed)
