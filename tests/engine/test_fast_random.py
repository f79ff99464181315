"""The fast executor against the oracle on random graphs, on every backend that this machine has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import random_batch, random_net
from strategies import batch, graphs

from bittrue.engine.base import Trace
from bittrue.engine.fast import BACKEND_NAMES, FastExecutor
from bittrue.engine.oracle import Oracle
from bittrue.errors import ToolMissing
from bittrue.ir import Graph


def executor(graph: Graph, backend: str, threads: int = 2) -> FastExecutor:
    """An executor on a given backend; the test is skipped where the CPU lacks it."""
    try:
        return FastExecutor(graph, threads=threads, backend=backend)
    except ToolMissing as missing:
        pytest.skip(str(missing))


def assert_equal(got: Trace, expected: Trace, names: tuple[str, ...]) -> None:
    assert tuple(got) == names
    for name in names:
        assert got[name].dtype == np.int64
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@given(graph=graphs(dead=True), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=25)
def test_every_op_on_small_graphs(backend: str, graph: Graph, seed: int) -> None:
    inputs = batch(graph, seed)
    expected = Oracle(graph).run(inputs)
    fast = executor(graph, backend)
    assert_equal(fast.run(inputs), expected, tuple(node.name for node in graph.nodes))
    assert_equal(fast.predict(inputs), expected, tuple(dict.fromkeys(graph.outputs)))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 9), threads=st.integers(1, 3))
@settings(deadline=None, max_examples=12)
def test_networks(backend: str, seed: int, size: int, threads: int) -> None:
    graph = random_net(seed)
    inputs = random_batch(graph, seed, size)
    expected = Oracle(graph).run(inputs)
    fast = executor(graph, backend, threads)
    assert_equal(fast.run(inputs), expected, tuple(node.name for node in graph.nodes))
    assert_equal(fast.predict(inputs), expected, tuple(dict.fromkeys(graph.outputs)))
