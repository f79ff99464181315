"""What can be wrong with an ONNX file before its content is interpreted: origin, versions, tensors. Finds everything at
once, reads nothing outside of the file, and trusts no size that the file claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

from ...errors import BadInput, Diagnostics, Unsupported
from . import codes, protos
from .messages import ModelProto, TensorProto
from .write import DOMAIN, FORMAT, IR_VERSION, OPSET

QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Quant", "BipolarQuant"})
REWRITE = "write the file again with bittrue"


def inspect(model: ModelProto, where: str) -> None:
    """Raise `Unsupported` (BT1103, BT1104) for a file that is none of ours, `BadInput` (BT1102, BT1105, BT1106) for
    broken texts and tensors."""
    found = Diagnostics()
    for path in _broken_texts(model, ""):
        found.add(codes.DAMAGED, f"{where}, {path}", "it is no UTF-8 text: the file is damaged", "copy the file again")
    found.raise_as(BadInput)
    _origin(model, where, found)
    if not len(found):
        _versions(model, where, found)
    found.raise_as(Unsupported)
    for tensor_where, tensor in _tensors(model):
        _tensor(tensor, f"{where}, {tensor_where}", found)
    found.raise_as(BadInput)


def _broken_texts(message: protos.Message, path: str) -> Iterator[str]:
    """Paths of all text fields that are no UTF-8: the protocol buffer library hands out bytes for them."""
    for field, value in message.ListFields():
        values = [value] if isinstance(value, str | bytes | int | float | protos.Message) else value
        for position, one in enumerate(values):
            if isinstance(one, protos.Message):
                yield from _broken_texts(one, f"{path}{field.name}[{position}].")
            elif isinstance(one, bytes) and field.type == field.TYPE_STRING:
                yield f"{path}{field.name}"


def _origin(model: ModelProto, where: str, found: Diagnostics) -> None:
    """A file without our format's mark is another program's model: say which kind."""
    if "format" in protos.metadata(model):
        return
    ops = Counter(node.op_type for node in model.graph.node)
    quantizers = sorted(QUANTIZERS & ops.keys())
    kind = f"a QDQ model ({', '.join(quantizers)})" if quantizers else "a float model or another program's"
    shown = ", ".join(f"{count} {op}" for op, count in ops.most_common(6)) or "no nodes"
    found.add(codes.NO_INTEGER_GRAPH, where, f"it is {kind}, not an integer graph written by bittrue: {shown}",
              "train or calibrate the PyTorch model with bittrue and freeze it: that writes the integer graph")


def _versions(model: ModelProto, where: str, found: Diagnostics) -> None:
    file_format = protos.metadata(model)["format"]
    if file_format != FORMAT:
        found.add(codes.VERSION, where, f"its format is {file_format[:20]!r}; this version reads {FORMAT!r}",
                  "use the version of bittrue that wrote it, or freeze the model again")
    if model.ir_version != IR_VERSION:
        found.add(codes.VERSION, where, f"its ONNX IR version is {model.ir_version}, not {IR_VERSION}", REWRITE)
    wanted = {"": OPSET, DOMAIN: 1}
    for opset in model.opset_import:
        if wanted.get(opset.domain) != opset.version:
            found.add(codes.VERSION, where, f"it uses operator set {opset.domain or 'ai.onnx'} {opset.version}; this "
                      f"version reads ai.onnx {OPSET} and {DOMAIN} 1", REWRITE)


def _tensors(model: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    for initializer in model.graph.initializer:
        yield f"initializer {initializer.name!r}", initializer
    for sparse in model.graph.sparse_initializer:
        yield f"sparse initializer {sparse.values.name!r}", sparse.values
    nodes = [("graph", node) for node in model.graph.node]
    nodes += [(f"function {f.name!r}", node) for f in model.functions for node in f.node]
    for owner, node in nodes:
        for attribute in node.attribute:
            for tensor in (*[attribute.t] * attribute.HasField("t"), *attribute.tensors):
                yield f"{owner}, node {node.name or node.op_type!r}, attribute {attribute.name!r}", tensor


def _tensor(tensor: TensorProto, where: str, found: Diagnostics) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        target = next((entry.value for entry in tensor.external_data if entry.key == "location"), "?")
        found.add(codes.EXTERNAL, where, f"its data lies in {target!r}, outside of the file", "a model is one file: "
                  "load it with its data and save it without external data")
    elif tensor.data_type not in protos.DTYPES:
        found.add(codes.TENSOR, where, f"its element type {tensor.data_type} is none of an integer graph", REWRITE)
    elif any(d < 0 for d in tensor.dims) or _size(tensor) != len(tensor.raw_data):
        found.add(codes.TENSOR, where, f"its dims {list(tensor.dims)[:8]} need {_size(tensor)} bytes of raw data, it "
                  f"has {len(tensor.raw_data)}", REWRITE)


def _size(tensor: TensorProto) -> int:
    return int(prod(tensor.dims) * protos.DTYPES[tensor.data_type].itemsize)
