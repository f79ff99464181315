"""The sweep over array sizes and widths: hardware built for just these widths, random layers of random shapes.

`make test` runs one width of weights per array and width of activations; all of them, several times each, with the
marker `nightly`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from systolic_support import LayerSpec, layer_specs, layers_graph
from test_systolic_hardware import assert_exact

from bittrue.ir import IntType
from bittrue.targets.systolic import toolchain

ARRAYS = [(4, 4), (8, 8), (16, 16), (8, 16), (32, 32)]
ACTIVATIONS = [2, 4, 8]
WEIGHTS = list(range(1, 9))
CASES = [(array, w, a) for array in ARRAYS for w in WEIGHTS for a in ACTIVATIONS]

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None, "phases": [Phase.generate]}


def narrowed(spec: LayerSpec, weights: int, activations: int) -> LayerSpec:
    """The same layer with operands of these widths."""
    return replace(spec, weight=IntType(weights, True), act=IntType(activations, spec.act.signed))


def run_case(specs: list[LayerSpec], array: tuple[int, int], weights: int, activations: int) -> None:
    """Layers side by side on an array of these widths; every third case in the plain schedule, some in subword mode."""
    rows, cols = array
    case = CASES.index((array, weights, activations))
    graph, inputs = layers_graph([narrowed(spec, weights, activations) for spec in specs])
    assert_exact(graph, inputs, rows=rows, cols=cols, weight_bits=weights, act_bits=activations, psum_bits=24,
                 schedule=("overlapped", "overlapped", "plain")[case % 3], subword=case % 2)


@pytest.fixture
def quick_builds(array: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Large arrays run a few thousand cycles here: not compiling them well is faster."""
    if np.prod(array) >= 256:
        monkeypatch.setattr(toolchain, "CXX_FLAGS", tuple("-O0" if f == "-O1" else f for f in toolchain.CXX_FLAGS))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_builds")
@pytest.mark.parametrize("activations", ACTIVATIONS)
@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_sweep(array: tuple[int, int], activations: int) -> None:
    """The widths of the weights change from case to case."""
    number = ARRAYS.index(array) * len(ACTIVATIONS) + ACTIVATIONS.index(activations)
    weights = WEIGHTS[(3 * number + 1) % len(WEIGHTS)]

    @seed(number)
    @settings(max_examples=2, **QUIET)
    @given(layer_specs(), layer_specs())
    def cases(first: LayerSpec, second: LayerSpec) -> None:
        run_case([first, second], array, weights, activations)

    cases()


@pytest.mark.nightly
@pytest.mark.usefixtures("quick_builds")
@pytest.mark.parametrize(("array", "weights", "activations"), CASES, ids=str)
def test_whole_sweep(array: tuple[int, int], weights: int, activations: int) -> None:
    @settings(max_examples=4, **QUIET)
    @given(layer_specs(), layer_specs())
    def cases(first: LayerSpec, second: LayerSpec) -> None:
        run_case([first, second], array, weights, activations)

    cases()


def test_the_sweep_covers_what_it_claims() -> None:
    assert len(CASES) == 5 * 8 * 3
    tested = {WEIGHTS[(3 * n + 1) % 8] for n in range(len(ARRAYS) * len(ACTIVATIONS))}
    assert tested == set(WEIGHTS)
    assert np.prod(ARRAYS[-1]) == 1024
