"""The file as such: a standard ONNX file, deterministic, read back exactly, written completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from onnx import ModelProto
from onnx_support import PER_CHANNEL, codes, single, small
from strategies import batch, graphs

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir import I32, OPS, GraphBuilder, IntArray, IntType, Op, Range, Rounding, Scale, TensorType
from bittrue.ir.onnx import from_bytes, from_model, load, save, to_bytes, to_model, writable
from bittrue.ir.onnx.lowering import RULES, Body, Site, rule
from bittrue.ir.op import Kind, Operand
from bittrue.ir.ops import Add, Flatten, Linear, Requant, Reshape, Transpose

U8, I8, I4 = IntType(8, False), IntType(8, True), IntType(4, True)


@settings(deadline=None, max_examples=60)
@given(graphs(dead=True))
def test_random_graphs_come_back(graph):
    for float_outputs in (False, True):
        data = to_bytes(to_model(graph, float_outputs=float_outputs))
        again = from_bytes(data)
        assert again == graph
        assert again.types == graph.types
        assert to_bytes(to_model(again, float_outputs=float_outputs)) == data


@settings(deadline=None, max_examples=20)
@given(graphs())
def test_the_onnx_library_accepts_the_file(graph):
    onnx.checker.check_model(to_model(graph, float_outputs=True), full_check=True)


def test_save_and_load(tmp_path):
    save(small(), tmp_path / "a.onnx")
    assert load(tmp_path / "a.onnx") == small()
    assert load(str(tmp_path / "a.onnx")) == small()
    assert [p.name for p in tmp_path.iterdir()] == ["a.onnx"]


def test_a_model_resaved_by_the_onnx_library_is_the_same_file(tmp_path):
    save(small(), tmp_path / "a.onnx")
    onnx.save(onnx.load(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    assert load(tmp_path / "b.onnx") == small()


def test_equal_graphs_give_equal_bytes():
    assert small() == small(reverse=True)
    assert list(small().constants) != list(small(reverse=True).constants)
    assert to_bytes(to_model(small())) == to_bytes(to_model(small(reverse=True)))


def test_every_node_is_one_node_that_shows_its_op():
    model = to_model(small())
    shown = [(node.name, node.domain, node.op_type) for node in model.graph.node]
    assert shown == [("conv", "bittrue", "Conv"), ("act", "bittrue", "Requant"), ("flat", "", "Flatten"),
                     ("logits", "", "MatMulInteger")]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in model.graph.node[1].attribute}
    assert attributes["rounding"] == b"HALF_EVEN"
    assert (attributes["slope_multiplier"], attributes["lo"]) == (13, 0)


def test_tensors_are_stored_narrow():
    model = to_model(small())
    types = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.value_info)}
    assert types == {"x": onnx.TensorProto.UINT8, "conv": onnx.TensorProto.INT32, "flat": onnx.TensorProto.UINT8}
    assert {t.name: list(t.dims) for t in model.graph.initializer}["lw"] == [48, 3]


def test_bodies_hold_no_float():
    model = to_model(small())
    floats = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}
    for function in model.functions:
        for node in function.node:
            for attribute in node.attribute:
                assert not attribute.floats
                assert attribute.type != onnx.AttributeProto.FLOAT
                assert not (node.op_type == "Cast" and attribute.i in floats)
                assert attribute.t.data_type not in floats


def test_equal_bodies_are_one_function_and_others_are_numbered():
    builder = GraphBuilder("variants")
    x = builder.input("x", (2, 3), "i8")
    for i, parameter in enumerate(["m", "o", "s"]):
        builder.constant(parameter, [i], "u4")
    for i, rounding in enumerate([Rounding.FLOOR, Rounding.HALF_UP, Rounding.FLOOR]):
        x = builder.add(f"r{i}", Requant(I8, -i, i, rounding), x, "m", "o", "s")
    model = to_model(builder.build(x))
    assert [f.name for f in model.functions] == ["Requant", "Requant_2"]
    assert [node.op_type for node in model.graph.node] == ["Requant", "Requant_2", "Requant"]


@pytest.fixture
def plus_constant() -> Iterator[Op]:
    """An op of somebody else: x plus a constant of the same shape, with its rule."""
    @dataclass(frozen=True)
    class PlusConstant(Op):
        operands = (Operand("x"), Operand("c", Kind.CONSTANT))

        def infer(self, *types: TensorType) -> TensorType:
            return TensorType(types[0].shape, I32)

        def run(self, *arrays: IntArray) -> IntArray:
            return arrays[0] + arrays[1]

        def bounds(self, *ranges: Range) -> Range:
            return Range(ranges[0].lo + ranges[1].lo, ranges[0].hi + ranges[1].hi)

    @rule(PlusConstant)
    def lowered(op: PlusConstant, site: Site) -> Body:
        body = Body()
        return body.finish(body.op("Add", body.cast("x"), body.cast("c")), I32.dtype)

    yield PlusConstant()
    del OPS[PlusConstant.kind], RULES[PlusConstant.kind]


def test_a_constant_used_transposed_and_not_is_stored_twice(plus_constant):
    builder = GraphBuilder("shared")
    builder.constant("w", [[1, 2, 3], [3, 4, -5]], "i4")
    logits = builder.add("logits", Linear(), builder.input("x", (3,), "u4"), "w")
    added = builder.add("added", plus_constant, builder.input("y", (2, 3), "u4"), "w")
    builder.nodes.insert(1, builder.nodes.pop(2))
    graph = builder.build(logits, added)
    assert [t.name for t in to_model(graph).graph.initializer] == ["w", "w.natural", "logits.weight_zero_point"]
    assert from_bytes(to_bytes(to_model(graph))) == graph


@pytest.mark.parametrize("scale", [Scale((0.25,)), PER_CHANNEL])
def test_float_outputs(scale):
    graph = small(scale=scale)
    model = to_model(graph, float_outputs=True)
    assert from_model(model) == graph
    session = onnxruntime.InferenceSession(to_bytes(model))
    inputs = batch(graph, 5)
    names = [o.name for o in session.get_outputs()]
    assert names == ["logits", "act", "logits_float", "act_float"]
    got = dict(zip(names, session.run(None, {"x": inputs["x"].astype(np.uint8)}), strict=True))
    expected = Oracle(graph).run(inputs)
    np.testing.assert_array_equal(got["logits"], expected["logits"])
    np.testing.assert_array_equal(got["logits_float"], expected["logits"] * np.array(scale.values))
    np.testing.assert_array_equal(got["act_float"], expected["act"] * 0.5)


def test_float_outputs_along_a_leading_axis():
    builder = GraphBuilder("image")
    x = builder.input("x", (2, 3, 1), "i8")
    y = builder.add("y", Transpose((0, 1, 2)), x, scale=Scale((0.5, 0.25, 2.0), 1))
    session = onnxruntime.InferenceSession(to_bytes(to_model(builder.build(y), float_outputs=True)))
    values = np.arange(6).reshape(1, 2, 3, 1)
    np.testing.assert_array_equal(session.run(["y_float"], {"x": values.astype(np.int8)})[0],
                                  values * np.array([0.5, 0.25, 2.0]).reshape(3, 1))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3, 1, 2)])
def test_unused_constants_come_back(shape):
    builder = GraphBuilder("unused")
    y = builder.add("y", Flatten(), builder.input("x", (2,), "u4"))
    builder.constant("c", np.full(shape, -7), "i63")
    graph = builder.build(y)
    again = from_bytes(to_bytes(to_model(graph)))
    assert again == graph
    assert again.constants["c"].values.shape == shape


@pytest.mark.parametrize("name", ["", "a b/c:0", "größe", "x" * 300, "y", "Cast_1", "in.shape"])
def test_names_are_free(name):
    builder = GraphBuilder(name)
    x = builder.input("in", (2, 3), "u8")
    node = builder.add(name or "n", Reshape((3, 2)), x)
    graph = builder.build(builder.add("last", Add(IntType(9, False)), node, node))
    assert from_bytes(to_bytes(to_model(graph))) == graph


def test_names_of_added_initializers_avoid_the_graphs():
    builder = GraphBuilder("collision")
    x = builder.input("x", (2, 3), "u8")
    y = builder.add("r.shape", Reshape((3, 2)), x)
    graph = builder.build(builder.add("r", Reshape((6,)), y))
    assert from_bytes(to_bytes(to_model(graph))) == graph


def test_inputs_may_be_outputs():
    builder = GraphBuilder("through")
    x = builder.input("x", (2, 3), "u8")
    graph = builder.build(builder.add("y", Flatten(), x), x)
    assert from_bytes(to_bytes(to_model(graph))) == graph


BROKEN = {
    "NaN": (Scale((float("nan"),)), "not finite"),
    "infinite": (Scale((float("inf"),)), "not finite"),
    "negative": (Scale((-1.0,)), "not finite and positive"),
    "too many": (Scale((1.0, 2.0)), "2 scales along axis 0"),
    "none": (Scale(()), "0 scales"),
    "no such axis": (Scale((1.0, 2.0, 3.0), 4), "axis 4"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_scales_are_not_written(case, tmp_path):
    scale, why = BROKEN[case]
    with pytest.raises(Unsupported, match=why) as error:
        save(small(scale=scale), tmp_path / "a.onnx")
    assert codes(error) == ["BT1112"]
    assert not list(tmp_path.iterdir())


def test_everything_that_cannot_be_written_is_named_at_once():
    graph = small(scale=Scale((float("nan"),)), name="half \ud800")
    graph = replace(graph, outputs=("logits", "act", "act"))
    with pytest.raises(Unsupported) as error:
        to_model(graph)
    assert codes(error) == ["BT1112"] * 3


def test_a_float_output_needs_a_free_name():
    builder = GraphBuilder("taken")
    x = builder.input("x", (3,), "u8", Scale((0.5,)))
    y = builder.add("x_float", Flatten(), x)
    graph = builder.build(y, x)
    assert from_model(to_model(graph)) == graph
    with pytest.raises(Unsupported, match="something else's name"):
        to_model(graph, float_outputs=True)


def test_an_op_without_a_rule_is_named(monkeypatch):
    monkeypatch.delitem(RULES, "Flatten")
    with pytest.raises(Unsupported, match="no rule says what Flatten is"):
        to_model(small())


def test_a_file_over_two_gigabytes_is_refused(monkeypatch):
    monkeypatch.setattr(writable, "LARGEST_FILE", 100)
    with pytest.raises(Unsupported) as error:
        to_bytes(to_model(small()))
    assert codes(error) == ["BT1111"]


@pytest.mark.parametrize("path", ["missing/a.onnx", ".", "nul\0.onnx", ""])
def test_what_cannot_be_written_leaves_nothing_behind(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as error:
        save(small(), path)
    assert codes(error) == ["BT1113"]
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "a.onnx"
    target.write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda source, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(BadInput, match="disk full"):
        save(small(), target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_attribute_order_in_metadata_is_canonical():
    model = ModelProto()
    model.CopyFrom(to_model(small()))
    entry = next(e for e in model.graph.node[0].metadata_props if e.key == "bittrue.attributes")
    entry.value = entry.value.replace('"groups": 1', '"groups":1')
    with pytest.raises(BadInput, match=r"metadata bittrue\.attributes") as error:
        from_model(model)
    assert codes(error) == ["BT1109"]


def test_one_operand_of_each_kind():
    graph = single(Linear(), TensorType((3,), U8), ("w", [[1, 2, 3]], I4), ("b", [7], I8))
    function = to_model(graph).functions[0]
    assert list(function.input) == ["x", "weight", "bias"]
