"""The codec of attribute values: exact inverses, complete diagnostics."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from strategies import graphs

from bittrue.errors import BadInput
from bittrue.ir import OPS, Graph, IntType, Rounding, TensorType
from bittrue.ir.attributes import CODECS, attributes, codecs, make_op
from bittrue.ir.ops import AvgPool, Requant


@given(graphs())
@settings(deadline=None, max_examples=50)
def test_round_trip_is_exact_also_through_json(graph: Graph) -> None:
    for node in graph:
        plain = attributes(node.op)
        assert make_op(node.op.kind, plain) == node.op
        assert make_op(node.op.kind, json.loads(json.dumps(plain))) == node.op


def test_every_op_has_a_codec_for_each_of_its_fields() -> None:
    assert {kind: list(codecs(op)) for kind, op in OPS.items()}["Requant"] == \
        ["out", "lo", "hi", "rounding", "slope_multiplier", "slope_shift", "axis"]


def test_plain_values() -> None:
    assert attributes(AvgPool(IntType(8, True), kernel=(2, 3), rounding=Rounding.FLOOR)) == {
        "out": "i8", "kernel": (2, 3), "stride": (), "pads": (), "divisor": 0, "rounding": "FLOOR",
        "dilation": ()}


@pytest.mark.parametrize(("kind", "value", "plain"), [
    (int, -3, -3), (bool, True, 1), (str, "a b", "a b"), (tuple[int, ...], (1, 2), (1, 2)), (tuple[int, ...], (), ()),
    (IntType, IntType(4, False), "u4"), (TensorType, TensorType((2, 3), IntType(8, True)), "i8[2,3]"),
    (Rounding, Rounding.HALF_EVEN, "HALF_EVEN"),
])
def test_codec(kind: object, value: object, plain: object) -> None:
    encoded = CODECS[kind].encode(value)
    assert encoded == plain
    assert type(encoded) in (int, str, tuple)
    assert CODECS[kind].decode(encoded) == value


@pytest.mark.parametrize(("kind", "wrong", "why"), [
    (int, "3", "'3' is no integer"), (int, 3.0, "3.0 is no integer"), (bool, 2, "2 is neither 0 nor 1"),
    (str, 3, "3 is no text"), (tuple[int, ...], 3, "3 is no list of integers"),
    (tuple[int, ...], ["3"], "'3' is no integer"), (IntType, "i64", "an integer type has 1 to 63 bits, not 64"),
    (IntType, "float", "'float' is no integer type"), (IntType, 8, "8 is no text"),
    (TensorType, "i8", "'i8' is no tensor type"), (Rounding, "UP", "'UP' is not a valid Rounding"),
])
def test_codec_refuses(kind: object, wrong: object, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        CODECS[kind].decode(wrong)
    assert why in str(caught.value)


def test_all_problems_of_an_op_come_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        make_op("Requant", {"lo": "a", "hi": 1, "rounding": "UP", "high": 3}, "model.onnx, node c1")
    assert [(d.code, d.why) for d in caught.value.diagnostics] == [
        ("BT1202", "Requant has no attribute 'high'"),
        ("BT1203", "Requant needs the attribute 'out'"),
        ("BT1204", "attribute lo: 'a' is no integer"),
        ("BT1204", "attribute rounding: 'UP' is not a valid Rounding"),
    ]
    assert all("model.onnx, node c1" in d.where for d in caught.value.diagnostics)
    assert caught.value.diagnostics[3].fix == "give one of HALF_UP, HALF_EVEN, HALF_AWAY, FLOOR, TOWARD_ZERO"


def test_unknown_op() -> None:
    with pytest.raises(BadInput, match="BT1201 op Convolution: there is no op 'Convolution'"):
        make_op("Convolution", {})


def test_defaults_fill_what_is_left_out() -> None:
    assert make_op("Requant", {"out": "i8", "lo": -1, "hi": 1}) == Requant(IntType(8, True), -1, 1)


@dataclass(frozen=True)
class Flags:
    """All kinds of fields, of something that is no op."""

    on: bool = False


def test_a_field_of_truth_values_has_its_codec() -> None:
    assert codecs(Flags)["on"].decode(1) is True
