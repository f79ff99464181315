"""The fast executor at its limits: extreme values, every backend, odd batches, threads, and wrong arguments."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading

import numpy as np
import pytest
from nets import random_batch, random_net
from test_fast_random import assert_equal, executor

from bittrue.engine import fast, selftest
from bittrue.engine.fast import BACKEND_NAMES, BATCH, FastExecutor
from bittrue.engine.native import BACKENDS, Kernels, Kind, Step
from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, ToolMissing
from bittrue.ir import I32, Graph, GraphBuilder, IntArray, IntType
from bittrue.ir.ops import Conv, Linear, MaxPool, Requant


def conv_graph(weight: IntArray, elem: str, bias: IntArray | None = None, size: tuple[int, int] = (5, 3)) -> Graph:
    """A padded 3x3 convolution (O, I, 3, 3) of one image type."""
    b = GraphBuilder("extreme")
    b.constant("w", weight, "i8")
    operands = [] if bias is None else [b.constant("b", bias, "i32")]
    return b.build(b.add("y", Conv((1, 1), (1, 1, 1, 1)), b.input("x", (weight.shape[1], *size), elem), "w", *operands))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@pytest.mark.parametrize("elem", ["u8", "i8"])
@pytest.mark.parametrize("outputs", [16, 33])
def test_all_extremes(backend: str, elem: str, outputs: int) -> None:
    """All weights -128 or 127 and all inputs at the ends of their type: 16-bit intermediates would saturate."""
    signs = np.where(np.arange(outputs) % 2, -128, 127).reshape(-1, 1, 1, 1)
    graph = conv_graph(np.broadcast_to(signs, (outputs, 37, 3, 3)).copy(), elem)
    tensor = IntType.parse(elem)
    x = np.stack([np.full((37, 5, 3), value) for value in (tensor.max, tensor.min)])
    assert_equal(executor(graph, backend).run({"x": x}), Oracle(graph).run({"x": x}), ("x", "y"))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
def test_accumulators_at_the_ends_of_int32(backend: str) -> None:
    """Biases bring every sum to within one product of 2**31 - 1 and -2**31; partial sums leave int32 on the way."""
    most = 255 * 127 * 9 * 40
    weight = np.stack([np.full((40, 3, 3), 127), np.full((40, 3, 3), -127)])
    graph = conv_graph(weight, "u8", np.array([I32.max - most, I32.min + most]))
    x = np.full((1, 40, 5, 3), 255)
    expected = Oracle(graph).run({"x": x})
    assert int(expected["y"].max()) == I32.max
    assert int(expected["y"].min()) == I32.min
    assert_equal(executor(graph, backend).run({"x": x}), expected, ("x", "y"))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
def test_signed_input_whose_correction_wraps(backend: str) -> None:
    """The stored input is 128 too large: over many channels the uncorrected sum leaves int32, the true one does not."""
    inputs = 100_000
    b = GraphBuilder("wide")
    b.constant("w", np.full((1, inputs), 127), "i8")
    graph = b.build(b.add("y", Linear(), b.input("x", (inputs,), "i8"), "w"))
    x = np.stack([np.full(inputs, 120), np.full(inputs, -120)])
    assert_equal(executor(graph, backend).run({"x": x}), Oracle(graph).run({"x": x}), ("x", "y"))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@pytest.mark.parametrize("bits", [12, 16])
def test_wide_operands(backend: str, bits: int) -> None:
    """Operands beyond a byte are beyond the kernels, not beyond the executor."""
    random = np.random.default_rng(bits)
    elem = IntType(bits, True)
    b = GraphBuilder("wide")
    b.constant("w", random.integers(elem.min, elem.max + 1, (4, 3, 2, 2)), elem)
    graph = b.build(b.add("y", Conv(), b.input("x", (3, 4, 5), IntType(13, True)), "w"))
    x = random.integers(-2**12, 2**12, (2, 3, 4, 5))
    assert_equal(executor(graph, backend).run({"x": x}), Oracle(graph).run({"x": x}), ("x", "y"))


@pytest.mark.parametrize("backend", BACKEND_NAMES)
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 1, 1), (1, 0, 0, 1)])
@pytest.mark.parametrize("size", [(3, 5), (4, 3), (6, 4)])
def test_max_pool_at_the_edge(backend: str, pads: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    """Windows that look out behind the image see no element there; all elements are below zero."""
    b = GraphBuilder("edge")
    graph = b.build(b.add("y", MaxPool((2, 2), (2, 2), pads), b.input("x", (3, *size), "i8")))
    x = np.random.default_rng(0).integers(-128, -9, (2, 3, *size))
    assert_equal(executor(graph, backend).run({"x": x}), Oracle(graph).run({"x": x}), ("x", "y"))


@pytest.mark.parametrize("size", [0, 1, BATCH, BATCH + 3, 2 * BATCH])
def test_batches_of_any_size(size: int) -> None:
    graph = random_net(11)
    inputs = random_batch(graph, 1, size)
    expected = Oracle(graph).run(inputs)
    fast_one = FastExecutor(graph, threads=2)
    assert_equal(fast_one.run(inputs), expected, tuple(node.name for node in graph.nodes))
    assert_equal(fast_one.predict(inputs), expected, graph.outputs)


def test_one_executor_keeps_nothing_between_calls() -> None:
    graph = random_net(12)
    fast_one = FastExecutor(graph, threads=2)
    for seed, size in enumerate((5, 2, 9, 1, 5)):
        inputs = random_batch(graph, seed, size)
        assert_equal(fast_one.predict(inputs), Oracle(graph).run(inputs), graph.outputs)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint32", "int16", "uint16", "uint8", "int8"])
def test_inputs_of_every_integer_type(dtype: str) -> None:
    graph = conv_graph(np.ones((2, 3, 3, 3), np.int64), "u8")
    x = np.random.default_rng(1).integers(0, 127, (4, 3, 5, 6)).astype(dtype)[..., ::2]  # not contiguous
    expected = Oracle(graph).run({"x": x})
    assert_equal(FastExecutor(graph).predict({"x": x}), expected, ("y",))
    assert_equal(FastExecutor(graph).run({"x": x}), expected, ("x", "y"))


def test_keep_outputs() -> None:
    graph = random_net(3)
    inputs = random_batch(graph, 3, 2)
    assert_equal(FastExecutor(graph, keep="outputs").run(inputs), Oracle(graph).run(inputs), graph.outputs)


def test_two_python_threads_share_one_executor() -> None:
    graph = random_net(5)
    shared = FastExecutor(graph, threads=2)
    batches = [random_batch(graph, seed, 6) for seed in range(8)]
    expected = [Oracle(graph).run(batch) for batch in batches]
    wrong: list[int] = []

    def work(offset: int) -> None:
        for turn in range(40):
            i = (turn + offset) % len(batches)
            got = shared.predict(batches[i])
            wrong.extend(i for name in graph.outputs if not np.array_equal(got[name], expected[i][name]))

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _predict_in_child(seed: int, queue: multiprocessing.Queue[IntArray]) -> None:
    graph = random_net(seed)
    queue.put(FastExecutor(graph, threads=2).predict(random_batch(graph, seed, 3))[graph.outputs[0]])


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_its_own_threads() -> None:
    graph = random_net(6)
    inputs = random_batch(graph, 6, 3)
    expected = FastExecutor(graph, threads=2).predict(inputs)
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[IntArray] = context.Queue()
    child = context.Process(target=_predict_in_child, args=(6, queue))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=60), expected[graph.outputs[0]])
    child.join()


def test_wrong_arguments_are_diagnostics() -> None:
    graph = random_net(1)
    with pytest.raises(BadInput, match="BT4202"):
        FastExecutor(graph, backend="abacus")
    with pytest.raises(BadInput, match="BT4203"):
        FastExecutor(graph, threads=0)


def test_wrong_inputs_are_diagnostics() -> None:
    b = GraphBuilder("two")
    graph = b.build(b.add("y", Linear(), b.input("x", (3,), "u4"), b.constant("w", [[1, 2, 3]], "i4")))
    fast_one = FastExecutor(graph)
    for call in (fast_one.run, fast_one.predict):
        with pytest.raises(BadInput, match="BT4001"):
            call({"z": np.zeros((1, 3), np.int64)})
        with pytest.raises(BadInput, match="BT4002"):
            call({"x": np.zeros((1, 4), np.int64)})
        with pytest.raises(BadInput, match="BT4003"):
            call({"x": np.full((1, 3), 16)})
        with pytest.raises(BadInput, match="BT4003"):
            call({"x": np.full((1, 3), 200, np.uint8)})


class Saturating(Kernels):
    """Kernels whose results saturate early."""

    def run(self, steps: ctypes.Array[Step], threads: int) -> None:
        super().run(steps, threads)
        for step in steps:
            if step.kind == Kind.STORE:
                size = step.batch * step.channels * step.height * step.width
                data = np.frombuffer((ctypes.c_int64 * size).from_address(step.external), np.int64)
                np.minimum(data, 100, out=data)


def test_the_self_test_rejects_wrong_kernels() -> None:
    working = fast._working(BACKENDS[-1])
    assert isinstance(working, Kernels), working
    assert selftest.self_test(working) is None
    complaint = selftest.self_test(Saturating(working.backend, working.dll))
    assert complaint is not None
    assert "wrong values in" in complaint


def test_a_failing_self_test_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    caches = (fast._best, fast._working)
    for one in caches:
        one.cache_clear()
    monkeypatch.setattr(fast, "self_test", lambda loaded: f"{loaded.backend.name} is wrong")
    try:
        graph = random_net(2)
        plain = FastExecutor(graph)
        assert plain.backend == "numpy"
        assert len(plain.reasons) == len(BACKENDS)
        assert plain.reasons[-1] == "portable-c: portable-c is wrong"
        inputs = random_batch(graph, 2, 3)
        assert_equal(plain.predict(inputs), Oracle(graph).run(inputs), graph.outputs)
        with pytest.raises(ToolMissing, match="BT4201"):
            FastExecutor(graph, backend="portable-c")
    finally:
        for one in caches:
            one.cache_clear()


def test_requantization_outside_the_channel_axis() -> None:
    b = GraphBuilder("axis")
    for name, values in (("m", [1, 3, 5]), ("o", [0, 1, 2]), ("s", [1, 2, 3])):
        b.constant(name, values, "i8")
    graph = b.build(b.add("y", Requant(IntType(8, True), -128, 127, axis=1), b.input("x", (2, 3, 4), "i8"),
                          "m", "o", "s"))
    x = {"x": np.random.default_rng(0).integers(-128, 128, (5, 2, 3, 4))}
    assert_equal(FastExecutor(graph).predict(x), Oracle(graph).run(x), ("y",))
