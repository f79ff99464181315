"""Broken, foreign, edited and hostile files: each ends in diagnostics that say where, why and what to do."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx_support import codes, single, small
from strategies import graphs

from bittrue.errors import BadInput, BittrueError, Unsupported
from bittrue.ir import IntType, TensorType
from bittrue.ir.onnx import from_bytes, from_model, load, read, save, to_bytes, to_model
from bittrue.ir.ops import Relu


def metadata(message: Any, key: str) -> Any:
    return next(entry for entry in message.metadata_props if entry.key == f"bittrue.{key}")


def drop_metadata(message: Any, key: str) -> None:
    message.metadata_props.remove(metadata(message, key))


def set_attributes(node: NodeProto, **changes: object) -> None:
    entry = metadata(node, "attributes")
    entry.value = json.dumps(json.loads(entry.value) | changes)


def set_scale(model: ModelProto, values: str) -> None:
    metadata(model.graph.input[0], "scale").value = f'{{"values": {values}, "axis": 0}}'


def make_external(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def conv(model: ModelProto) -> NodeProto:
    return model.graph.node[0]


def weight(model: ModelProto) -> TensorProto:
    return model.graph.initializer[0]


EDITS: dict[str, tuple[Callable[[ModelProto], object], list[str], str]] = {
    "format": (lambda m: setattr(metadata(m, "format"), "value", "2"), ["BT1104"], "its format is '2'"),
    "ir version": (lambda m: setattr(m, "ir_version", 14), ["BT1104"], "IR version is 14"),
    "operator set": (lambda m: setattr(m.opset_import[0], "version", 99), ["BT1104"], r"ai\.onnx 99"),
    "other operator set": (lambda m: m.opset_import.add(domain="com.microsoft", version=1), ["BT1104"],
                           r"com\.microsoft 1"),
    "external data": (lambda m: make_external(weight(m)), ["BT1105"], "initializer 'w'.*etc/passwd"),
    "external constant in a function": (lambda m: make_external(m.functions[0].node[1].attribute[0].t), ["BT1105"],
                                        "function 'Conv', node 'Constant'"),
    "huge dims": (lambda m: weight(m).dims.__setitem__(0, 1 << 62), ["BT1106"], "initializer 'w'.*72 bytes"),
    "negative dims": (lambda m: weight(m).dims.__setitem__(0, -4), ["BT1106"], r"dims \[-4, 3, 3, 2\]"),
    "short data": (lambda m: setattr(weight(m), "raw_data", b"123"), ["BT1106"], "need 72 bytes of raw data.* has 3"),
    "float weights": (lambda m: setattr(weight(m), "data_type", TensorProto.FLOAT), ["BT1106"], "element type 1 "),
    "wider weights": (lambda m: weight(m).CopyFrom(widened(weight(m))), ["BT1109"], "initializer w.*type 6.*not.* 3 "),
    "sparse tensor": (lambda m: m.graph.sparse_initializer.add().values.CopyFrom(weight(m)), ["BT1109"],
                      "sparse_initializer.*does not belong there"),
    "value out of its type": (lambda m: setattr(m.graph.initializer[2], "raw_data", b"\xff\x01\x01\x01"), ["BT1004"],
                              "constant m.*255"),
    "no type of a constant": (lambda m: drop_metadata(weight(m), "type"), ["BT1107"], "'' is no integer type"),
    "no attributes": (lambda m: drop_metadata(conv(m), "attributes"), ["BT1107"], "node 'conv'.*attributes"),
    "no type of a node": (lambda m: drop_metadata(conv(m), "type"), ["BT1107"], "node 'conv'.*no tensor type"),
    "no type of an input": (lambda m: drop_metadata(m.graph.input[0], "type"), ["BT1107"], "input 'x'"),
    "no metadata of a node": (lambda m: conv(m).ClearField("metadata_props"), ["BT1108", "BT1107"], "no part of"),
    "unknown op": (lambda m: setattr(metadata(conv(m), "op"), "value", "Gelu"), ["BT1108"], "'Gelu', which is unkn"),
    "an input among the nodes": (lambda m: setattr(metadata(conv(m), "op"), "value", "Input"), ["BT1108"], "unknown"),
    "newer op": (lambda m: setattr(metadata(conv(m), "version"), "value", "7"), ["BT1104"], "version '7' of Conv"),
    "unknown attribute": (lambda m: set_attributes(conv(m), flavour=1), ["BT1202"], "flavour"),
    "huge integer": (lambda m: set_attributes(conv(m), groups=1 << 70), ["BT1107"], "does not fit 64 bits"),
    "huge pads": (lambda m: set_attributes(conv(m), pads=[1 << 40] * 4), ["BT1005"], "padded input"),
    "deep nesting": (lambda m: setattr(metadata(conv(m), "attributes"), "value", "[" * 200000), ["BT1107"], "deeply"),
    "long text": (lambda m: setattr(metadata(conv(m), "attributes"), "value", "[" * 2000000), ["BT1107"], "2000000 c"),
    "no JSON object": (lambda m: setattr(metadata(conv(m), "attributes"), "value", "[]"), ["BT1107"], "no JSON object"),
    "NaN scale": (lambda m: set_scale(m, "[NaN]"), ["BT1107"], "NaN is not finite"),
    "infinite scale": (lambda m: set_scale(m, "[1e999]"), ["BT1107"], "inf is not finite"),
    "negative scale": (lambda m: set_scale(m, "[-0.5]"), ["BT1107"], "-0.5 is not finite and positive"),
    "scales for no axis": (lambda m: set_scale(m, "[0.5, 0.5]"), ["BT1107"], "2 scales along axis 0"),
    "scale of integers": (lambda m: set_scale(m, "[1]"), ["BT1107"], "not all floats"),
    "scale without values": (lambda m: set_scale(m, "1.0"), ["BT1107"], "not of the form"),
    "cycle": (lambda m: conv(m).input.__setitem__(0, "logits"), ["BT1002"], "node conv: it reads 'logits'"),
    "no input of a node": (lambda m: conv(m).ClearField("input"), ["BT1003"], "Conv has 0 operands"),
    "no output of a node": (lambda m: conv(m).ClearField("output"), ["BT1001", "BT1002"], "empty"),
    "no graph output": (lambda m: m.graph.ClearField("output"), ["BT1006"], "outputs: there is none"),
    "node edited": (lambda m: setattr(m.graph.node[2].attribute[0], "i", 2), ["BT1109"],
                    "node flat, attribute axis, i: it is 2, not 1"),
    "other op": (lambda m: setattr(m.graph.node[3], "op_type", "MatMul"), ["BT1109"],
                 "node logits, op_type: it is 'MatMul', not 'MatMulInteger'"),
    "function edited": (lambda m: setattr(m.functions[0].node[2], "op_type", "Sub"), ["BT1109"],
                        r"function bittrue.Conv, node of Add_1, op_type: it is 'Sub', not 'Add'"),
    "constant in a function": (lambda m: setattr(m.functions[0].node[1].attribute[0].t, "raw_data", bytes(8)),
                               ["BT1109"], r"bittrue.Conv, node of Constant_1, .*first \[\]: it is \[0\], not \[128\]"),
    "function missing": (lambda m: m.functions.pop(), ["BT1109"], "function bittrue.Requant: it is missing"),
    "function added": (lambda m: m.functions.add(name="Evil", domain="x"), ["BT1109"], "x.Evil: it does not belong"),
    "functions swapped": (lambda m: swap(m.functions), ["BT1109"], "functions: they stand in the order"),
    "function called otherwise": (lambda m: setattr(conv(m), "op_type", "Requant"), ["BT1109"], "node conv, op_type"),
    "attributes against it": (lambda m: set_attributes(conv(m), stride=[1, 1], pads=[0, 0, 0, 0]), ["BT1005"], "."),
    "scale against metadata": (lambda m: setattr(metadata(m.graph.node[3], "type"), "value", "i31[3]"), ["BT1109"],
                               r"metadata bittrue.type, value: it is 'i31\[3\]', not 'i32\[3\]'"),
    "shape of a tensor": (lambda m: setattr(m.graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 4),
                          ["BT1109"], "output logits"),
    "documentation": (lambda m: setattr(m.graph, "doc_string", "hello"), ["BT1109"], "doc_string: it is 'hello', not"),
    "float outputs claimed": (lambda m: m.metadata_props.add(key="bittrue.float_outputs", value="1"), None, "missing"),
}
"""What is done to the file, the codes that follow, what the message says."""


def widened(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.int32), tensor.name)
    values.metadata_props.extend(tensor.metadata_props)
    return values


def swap(items: Any) -> None:
    copies = [type(item)() for item in items]
    for copy, item in zip(copies, items, strict=True):
        copy.CopyFrom(item)
    del items[:]
    items.extend(copies[::-1])


@pytest.mark.parametrize("case", EDITS)
def test_edited_files(case):
    edit, expected, why = EDITS[case]
    model = to_model(small())
    edit(model)
    with pytest.raises(BittrueError, match=f"(?s){why}") as error:
        from_model(model, "file a.onnx")
    assert expected is None or codes(error) == expected or set(codes(error)) == {"BT1109"} == set(expected)
    assert all(d.where and d.why and d.fix for d in error.value.diagnostics)


def test_all_problems_are_named_at_once():
    model = to_model(small())
    drop_metadata(conv(model), "type")
    set_attributes(model.graph.node[1], out="i99", flavour=3)
    drop_metadata(weight(model), "type")
    with pytest.raises(BadInput) as error:
        from_model(model)
    assert sorted(codes(error)) == ["BT1107", "BT1107", "BT1202", "BT1204"]


def test_many_deviations_are_counted():
    model = to_model(small())
    for value in (*model.graph.node, *model.functions[1].node, *model.graph.value_info):
        value.doc_string = "hello"
    with pytest.raises(BadInput, match="more deviations") as error:
        from_model(model)
    assert len(error.value.diagnostics) == read.MOST_DEVIATIONS + 1


def plain_model(*ops: str) -> bytes:
    nodes = [helper.make_node(op, ["x"], ["x" + op]) for op in ops]
    graph = helper.make_graph(nodes, "foreign", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])], [])
    return helper.make_model(graph).SerializeToString()


FOREIGN = {
    "float": (plain_model("Conv", "Relu"), "a float model or another program's.*1 Conv, 1 Relu"),
    "qdq": (plain_model("QuantizeLinear", "DequantizeLinear", "Conv"), r"a QDQ model \(DequantizeLinear, QuantizeLin"),
    "qonnx": (plain_model("Quant", "Conv"), r"a QDQ model \(Quant\)"),
    "no nodes": (plain_model(), "no nodes"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_models(case):
    data, why = FOREIGN[case]
    with pytest.raises(Unsupported, match=f"(?s){why}") as error:
        from_bytes(data)
    assert codes(error) == ["BT1103"]
    assert "freeze" in error.value.diagnostics[0].fix


JUNK = {"empty": b"", "text": b"hello, this is no model\n" * 9, "zeros": bytes(1000), "zip": b"PK\x03\x04" + bytes(99),
        "half": to_bytes(to_model(small()))[:-700], "a first byte": to_bytes(to_model(small()))[:1],
        "no text": to_bytes(to_model(small())).replace(b"act", b"\xff\xfe\xfd")}


@pytest.mark.parametrize("case", JUNK)
def test_junk(case, tmp_path):
    path = tmp_path / "junk.onnx"
    path.write_bytes(JUNK[case])
    with pytest.raises(BadInput, match=r"junk\.onnx") as error:
        load(path)
    assert set(codes(error)) == {"BT1102"}


def test_paths_that_are_no_files(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing.onnx", tmp_path, tmp_path / "loop", tmp_path / "pipe", "/dev/zero", "nul\0", ""):
        with pytest.raises(BadInput) as error:
            load(path)
        assert codes(error) == ["BT1101"]


def test_a_file_beyond_two_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "big.onnx").open("wb") as file:
        file.truncate(1 << 32)  # sparse
    with pytest.raises(BadInput, match="2 GiB"):
        load(tmp_path / "big.onnx")


@pytest.mark.parametrize("junk", [b"\xf8\x07\x01", b"\x08\x0a"])
def test_content_beside_the_model_is_refused(junk):
    """An unknown field, and a field given twice: equal as messages, not as files."""
    data = to_bytes(to_model(small()))
    with pytest.raises(BadInput, match="from byte") as error:
        from_bytes(data + junk)
    assert codes(error) == ["BT1110"]


@pytest.mark.parametrize(("text", "code"), [
    ("u8[1048576,1048576]", "BT1005"), ("u8[268435456]", "BT1011"), ("u8[9223372036854775807,2]", "BT1005"),
    ("u8[134217728,1]", "BT1011"), ("u8[0]", "BT1005")])
def test_claimed_shapes_allocate_nothing(text, code, tmp_path):
    """Run apart, in half a gigabyte of address space beyond what the imports take."""
    model = to_model(single(Relu(), TensorType((2, 3), IntType(8, False))))
    metadata(model.graph.input[0], "type").value = text
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    script = ("import resource, sys\nfrom bittrue.ir.onnx import load\nfrom bittrue.errors import BittrueError\n"
              "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
              "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29),) * 2)\n"
              "try:\n    load(sys.argv[1])\nexcept BittrueError as e:\n    print(*{d.code for d in e.diagnostics})\n")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [code], done.stderr


def outcome(data: bytes) -> str:
    """Loads the bytes: they are refused with diagnostics, or are exactly the file of the graph they give."""
    try:
        graph = from_bytes(data)
    except BittrueError as refusal:
        return refusal.diagnostics[0].code
    float_outputs = b"bittrue.float_outputs" in data
    assert to_bytes(to_model(graph, float_outputs=float_outputs)) == data
    return "accepted"


def damaged(data: bytes, chance: random.Random) -> bytes:
    """At a few places a bit is flipped, or some bytes are replaced, deleted or inserted."""
    buffer = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(buffer))
        flipped, length = bytes([buffer[at] ^ 1 << chance.randrange(8)]), chance.randrange(20)
        if chance.random() < 0.5:
            buffer[at:at + 1] = flipped
        else:
            buffer[at:at + length] = chance.randbytes(chance.choice((0, length, chance.randrange(5))))
    return bytes(buffer)


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes(seed):
    chance, data = random.Random(seed), to_bytes(to_model(small(), float_outputs=seed % 2 == 1))
    outcomes = {outcome(damaged(data, chance)) for _ in range(250)}
    assert {"BT1102", "BT1109"} <= outcomes


def test_every_truncation():
    data = to_bytes(to_model(small()))
    assert "accepted" not in {outcome(data[:end]) for end in range(0, len(data), 7)}


INTEGERS = (0, 1, -1, 2, 3, 7, 8, 255, 1 << 20, 1 << 28, (1 << 31) - 1, -(1 << 31), 1 << 40, (1 << 63) - 1)
SCRAPS = ("9", "99999999999999999999", "[", "-", "NaN", "1e999", '"', "", ",", "0")


def places(message: Any) -> Iterator[tuple[Any, str]]:
    """Every set field of a message and of those inside it."""
    for field, value in message.ListFields():
        yield message, field.name
        for one in [value] if isinstance(value, Message) else value if not isinstance(value, str | bytes | int) else ():
            if isinstance(one, Message):
                yield from places(one)


def changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, int):
        return chance.choice((*INTEGERS, value + 1, value - 1))
    if isinstance(value, bytes):
        return value[:chance.randrange(len(value) + 1)] + chance.randbytes(chance.randrange(3))
    at = chance.randrange(len(value) + 1)
    return value[:at] + chance.choice(SCRAPS) + value[at + chance.randrange(2):]


def mutate(model: ModelProto, chance: random.Random) -> None:
    """One field cleared, changed, an element of it removed, doubled or moved: well-formed, wrong in content."""
    message, name = chance.choice(list(places(model)))
    value = getattr(message, name)
    if isinstance(value, Message) or chance.random() < 0.2:
        message.ClearField(name)
    elif isinstance(value, str | bytes | int):
        with suppress(ValueError):  # what the field cannot hold
            setattr(message, name, changed(value, chance))
    elif chance.random() < 0.5:
        del value[chance.randrange(len(value))]
    else:
        value.append(value[chance.randrange(len(value))])


@settings(deadline=None, max_examples=30)
@given(graphs(dead=True), st.integers(0, 1 << 30))
def test_random_content(graph, seed):
    chance, model = random.Random(seed), to_model(graph)
    for _ in range(20):
        victim = ModelProto()
        victim.CopyFrom(model)
        for _ in range(chance.choice((1, 1, 2, 3))):
            mutate(victim, chance)
        outcome(victim.SerializeToString())


def test_loading_writes_nothing(tmp_path):
    save(small(), tmp_path / "a.onnx")
    before = (tmp_path / "a.onnx").read_bytes()
    load(tmp_path / "a.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["a.onnx"]
    assert (tmp_path / "a.onnx").read_bytes() == before
