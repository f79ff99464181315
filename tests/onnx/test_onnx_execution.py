"""ONNX Runtime and the oracle give the same integers for every op, and the file is read back as it was written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from onnx_support import FILLS, assert_same_integers, filled, int_types, single
from strategies import graphs

from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.errors import BadInput
from bittrue.ir import I32, OPS, Graph, GraphBuilder, IntType, Rounding, TensorType
from bittrue.ir.onnx import to_model
from bittrue.ir.onnx.lowering import RULES
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MatMul,
    MaxPool,
    Pad,
    Relu,
    Requant,
    Reshape,
    Slice,
    Sub,
    Transpose,
)

U8, I8 = IntType(8, False), IntType(8, True)
roundings = st.sampled_from(list(Rounding))
fills = st.sampled_from(FILLS)
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
few = settings(deadline=None, max_examples=25)


def narrowed(graph: Graph) -> Graph:
    """The same single sum of products, with the narrowest accumulator that holds it."""
    node, reach = graph.nodes[-1], graph.ranges["out"]
    acc = IntType.smallest(int(reach.lo.min()), int(reach.hi.max()))
    builder = GraphBuilder("narrowed", list(graph.nodes[:-1]), dict(graph.constants))
    return builder.build(builder.add("out", replace(node.op, acc=acc), *node.inputs))


@st.composite
def operand_types(draw):
    """Types of x and weight whose products leave room in 32 bits for some 70 terms."""
    x = draw(int_types(16))
    return x, draw(int_types(min(16, 25 - x.bits)))


@st.composite
def images(draw, channels: int, most: int = 6):
    rank = draw(st.integers(1, 2))
    return (channels, *draw(st.tuples(*[st.integers(2, most)] * rank)))


def per_axis(draw, rank: int, low: int, high: int) -> tuple[int, ...]:
    return draw(st.tuples(*[st.integers(low, high)] * rank))


@st.composite
def convolutions(draw):
    groups, (x, w) = draw(st.integers(1, 2)), draw(operand_types())
    inputs, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    image = draw(images(inputs))
    rank = len(image) - 1
    kernel, dilation = per_axis(draw, rank, 1, 3), per_axis(draw, rank, 1, 2)
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    pads = tuple(draw(st.integers(0, 2)) + max(0, r + 1 - s) * (i == 0)
                 for i in range(2) for r, s in zip(reach, image[1:], strict=True))
    op = Conv(per_axis(draw, rank, 1, 3), pads, dilation, groups)
    weight = filled((outputs, inputs // groups, *kernel), w, draw(fills), draw(st.integers(0, 99)))
    return single(op, TensorType(image, x), ("w", weight, w), *bias(draw, outputs))


def bias(draw, outputs: int):
    elem = draw(int_types(28))
    values = filled((outputs,), elem, draw(fills))
    return draw(st.sampled_from([(), (("b", values, elem),)]))


@few
@given(convolutions(), st.booleans())
def test_conv(graph, narrow):
    assert_same_integers(narrowed(graph) if narrow else graph)


@st.composite
def transposed_convolutions(draw):
    groups, (x, w) = draw(st.integers(1, 2)), draw(operand_types())
    inputs, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    image = draw(images(inputs, 4))
    rank = len(image) - 1
    kernel, stride, dilation = (per_axis(draw, rank, 1, 3) for _ in range(3))
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    full = [(n - 1) * s + (k - 1) * d + 1 + e for n, s, k, d, e in
            zip(image[1:], stride, kernel, dilation, extra, strict=True)]
    begins = tuple(draw(st.integers(0, min(5, f - 1))) for f in full)
    ends = tuple(draw(st.integers(0, min(5, f - 1 - b))) for f, b in zip(full, begins, strict=True))
    op = ConvTranspose(stride, begins + ends, extra, dilation, groups)
    weight = filled((inputs, outputs // groups, *kernel), w, draw(fills), draw(st.integers(0, 99)))
    return single(op, TensorType(image, x), ("w", weight, w), *bias(draw, outputs))


@few
@given(transposed_convolutions(), st.booleans())
def test_conv_transpose(graph, narrow):
    assert_same_integers(narrowed(graph) if narrow else graph)


@st.composite
def fully_connected(draw):
    (x, w), inputs, outputs = draw(operand_types()), draw(st.integers(1, 40)), draw(st.integers(1, 5))
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    weight = filled((outputs, inputs), w, draw(fills), draw(st.integers(0, 99)))
    return single(Linear(), TensorType((*leading, inputs), x), ("w", weight, w), *bias(draw, outputs))


@few
@given(fully_connected(), st.booleans())
def test_linear(graph, narrow):
    assert_same_integers(narrowed(graph) if narrow else graph)


@few
@given(operand_types(), st.tuples(*[st.integers(1, 4)] * 4), st.booleans(), st.booleans())
def test_matmul(types, sizes, repeated, narrow):
    lead, m, k, n = sizes
    graph = single(MatMul(), TensorType((lead, m, k), types[0]), TensorType((1 if repeated else lead, k, n), types[1]))
    assert_same_integers(narrowed(graph) if narrow else graph)


@pytest.mark.parametrize("x", [U8, I8])
@pytest.mark.parametrize("optimize", [True, False])
def test_sums_of_extremes_do_not_saturate(x, optimize):
    weight = np.array([[-128] * 64, [127] * 64, [-128, 127] * 32], np.int64)
    graph = single(Linear(), TensorType((64,), x), ("w", weight, I8))
    assert_same_integers(graph, optimize=optimize)


@pytest.mark.parametrize("weight", ["i1", "i4", "i8", "u1", "u8"])
@pytest.mark.parametrize("x", [U8, I8])
@pytest.mark.parametrize("op", [Conv(), Linear()])
def test_weights_are_stored_unsigned(op, x, weight):
    """The kernels for two unsigned operands are exact on every CPU; others may saturate."""
    elem = IntType.parse(weight)
    shape, weight_shape = ((1, 3, 4), (2, 1, 2, 3)) if isinstance(op, Conv) else ((5, 3), (2, 3))
    graph = single(op, TensorType(shape, x), ("w", filled(weight_shape, elem, "alternating"), elem))
    model = to_model(graph)
    node, stored = model.graph.node[0], numpy_helper.to_array(model.graph.initializer[0])
    assert_same_integers(graph)
    if x.signed:
        assert (node.domain, node.op_type) == ("bittrue", op.kind)
        return
    assert node.op_type in ("ConvInteger", "MatMulInteger")
    assert stored.dtype == np.uint8
    assert (stored.min(), stored.max()) == (0, (1 << elem.bits) - 1)
    assert [numpy_helper.to_array(t) for t in model.graph.initializer[1:]] == [-elem.min] * elem.signed


@st.composite
def requantizations(draw):
    elem, axis_length = draw(int_types()), draw(st.integers(1, 4))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] = axis_length
    count = draw(st.sampled_from([1, axis_length]))
    slope = draw(st.sampled_from([(1, 0), (0, 0), (13, 8), (1, 3), (3, 1)]))
    m, o, s = (draw(st.lists(st.integers(*limits), min_size=count, max_size=count)) for limits in
               ((-(1 << 24), 1 << 24), (-(1 << 58), 1 << 58), (0, 53)))
    out = draw(int_types())
    lo = draw(st.integers(out.min, out.max))
    op = Requant(out, lo, draw(st.integers(lo, out.max)), draw(roundings), *slope, axis)
    return single(op, TensorType(tuple(shape), elem), ("m", m, IntType(26, True)), ("o", o, IntType(60, True)),
                  ("s", s, IntType(6, False)))


@settings(deadline=None, max_examples=60)
@given(requantizations())
def test_requant(graph):
    assert_same_integers(graph)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("slope", [(1, 0), (0, 0), (13, 8), (1, 1)])
def test_requant_of_every_small_value(rounding, slope):
    """All ties of either sign: every accumulator of -512..511 for shifts of 0 to 5."""
    op = Requant(IntType(12, True), -2048, 2047, rounding, *slope)
    graph = single(op, TensorType((6, 1024), IntType(10, True)), ("m", [1, 3, 1, 1, -1, 5], IntType(4, True)),
                   ("o", [0, 1, -3, 0, 7, 2], IntType(5, True)), ("s", range(6), IntType(3, False)))
    inputs = {"in0": np.broadcast_to(np.arange(-512, 512), (1, 6, 1024))}
    np.testing.assert_array_equal(OnnxRuntimeExecutor(graph).run(inputs)["out"], Oracle(graph).run(inputs)["out"])


def test_requant_of_values_beyond_32_bits():
    """ONNX Runtime's own int64 Clip gets these wrong on x86."""
    graph = single(Requant(U8, 3, 250), TensorType((2, 3), IntType(22, False)), ("m", [513, -513], IntType(12, True)),
                   ("o", [0, 0], IntType(1, True)), ("s", [0, 0], IntType(1, False)))
    assert_same_integers(graph)


@few
@given(shapes, int_types(), st.sampled_from([Relu(), Abs()]))
def test_activations(shape, elem, op):
    assert_same_integers(single(op, TensorType(shape, elem)))


@few
@given(shapes, int_types(), roundings, st.sampled_from([(0, 0), (13, 7), (1, 2), (255, 8), (1, 1)]))
def test_leaky_relu(shape, elem, rounding, slope):
    assert_same_integers(single(LeakyRelu(*slope, rounding), TensorType(shape, elem)))


@few
@given(st.data(), shapes, int_types())
def test_clip(data, shape, elem):
    lo = data.draw(st.integers(elem.min, elem.max))
    assert_same_integers(single(Clip(lo, data.draw(st.integers(lo, elem.max))), TensorType(shape, elem)))


@few
@given(st.data(), shapes, int_types(30), int_types(30), st.booleans())
def test_add_and_sub(data, shape, a, b, plus):
    other = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    lo, hi = (a.min + b.min, a.max + b.max) if plus else (a.min - b.max, a.max - b.min)
    op = (Add if plus else Sub)(IntType.smallest(lo, hi))
    assert_same_integers(single(op, TensorType(shape, a), TensorType(other, b)))


@few
@given(st.data(), shapes, int_types(), st.sampled_from([BitOr(), BitXor()]))
def test_bitwise(data, shape, elem, op):
    other = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    graph = single(op, TensorType(shape, elem), TensorType(other, elem))
    assert to_model(graph).graph.node[0].domain == ""
    assert_same_integers(graph)


@few
@given(int_types(8))
def test_add_of_one_type_is_a_plain_op(elem):
    """Types that all store alike, but are not full: the standard op."""
    narrow = IntType(min(elem.bits, 7), elem.signed)
    graph = single(Add(IntType(8, elem.signed)), TensorType((2, 3), narrow), TensorType((2, 3), narrow))
    assert to_model(graph).graph.node[0].domain == ""
    assert_same_integers(graph)


@few
@given(int_types(10), int_types(), fills)
def test_lookup(elem, entry, fill):
    table = filled((1 << elem.bits,), entry, fill)
    assert_same_integers(single(Lookup(elem.min), TensorType((2, 3), elem), ("table", table, entry)))


@few
@given(st.data(), shapes, int_types(), st.integers(1, 3))
def test_concat(data, shape, elem, count):
    axis = data.draw(st.integers(0, len(shape) - 1))
    parts = [(*shape[:axis], data.draw(st.integers(1, 4)), *shape[axis + 1:]) for _ in range(count)]
    assert_same_integers(single(Concat(axis), *(TensorType(part, elem) for part in parts)))


@few
@given(st.data(), shapes, int_types())
def test_pad(data, shape, elem):
    pads = data.draw(st.tuples(*[st.integers(0, 3)] * 2 * len(shape)))
    value = data.draw(st.sampled_from([0, elem.min, elem.max]))
    assert_same_integers(single(Pad(pads, value), TensorType(shape, elem)))


@few
@given(st.data(), shapes, int_types())
def test_slice(data, shape, elem):
    starts = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    ends = tuple(data.draw(st.integers(b + 1, n)) for b, n in zip(starts, shape, strict=True))
    assert_same_integers(single(Slice(starts, ends), TensorType(shape, elem)))


@few
@given(st.data(), shapes, int_types())
def test_movement(data, shape, elem):
    ops = [Flatten(), Transpose(tuple(data.draw(st.permutations(range(len(shape)))))), Reshape((1, *shape[::-1], 1))]
    for op in ops:
        assert_same_integers(single(op, TensorType(shape, elem)))


@st.composite
def windows(draw):
    image = draw(images(draw(st.integers(1, 3)), 7))
    rank = len(image) - 1
    kernel, stride, dilation = (per_axis(draw, rank, 1, 3) for _ in range(3))
    return image, kernel, stride, per_axis(draw, 2 * rank, 0, 4), dilation


@settings(deadline=None, max_examples=60)
@given(windows(), int_types())
@example(((1, 3, 4), (2, 2), (1, 1), (3, 0, 3, 1), (4, 1)), I8)  # pads beyond the kernel's size
def test_max_pool(window, elem):
    image, *geometry = window
    op = MaxPool(*geometry)
    try:
        graph = single(op, TensorType(image, elem))
    except BadInput:  # a window that does not fit, or lies in the padding alone
        graph = single(replace(op, kernel=(1,) * len(op.kernel), pads=(0,) * len(op.pads)), TensorType(image, elem))
    assert_same_integers(graph)


@settings(deadline=None, max_examples=40)
@given(windows(), int_types(24), roundings, st.sampled_from([0, 1, 2, 7, 64]))
def test_avg_pool(window, elem, rounding, divisor):
    image, kernel, stride, pads, dilation = window
    fits = all((k - 1) * d < s for k, d, s in zip(kernel, dilation, image[1:], strict=True))
    op = AvgPool(I32, tuple(map(min, kernel, image[1:])), stride, pads, divisor, rounding, dilation if fits else ())
    assert_same_integers(single(op, TensorType(image, elem)))


@few
@given(images(3), int_types(16), roundings)
def test_global_average(image, elem, rounding):
    out = IntType(elem.bits, elem.signed)
    assert_same_integers(single(AvgPool(out, rounding=rounding), TensorType(image, elem)))


@settings(deadline=None, max_examples=60)
@given(graphs(dead=True), st.booleans())
def test_random_graphs(graph, optimize):
    assert_same_integers(graph, optimize=optimize)


def test_every_op_has_a_rule():
    assert {*RULES, "Input"} == {kind for kind, op in OPS.items() if op.__module__.startswith("bittrue.")}


def test_empty_batch():
    graph = single(Linear(), TensorType((3,), U8), ("w", [[1, 2, 3]], IntType(4, True)))
    assert OnnxRuntimeExecutor(graph).run({"in0": np.zeros((0, 3), np.int64)})["out"].shape == (0, 1)
