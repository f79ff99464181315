"""Small constructors for ONNX messages: attributes, tensors, typed values, metadata. Deterministic, nothing implied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ..types import Shape
from .annotations import PREFIX
from .messages import AttributeProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto

__all__ = ["BATCH", "DTYPES", "ELEMENT_TYPES", "DecodeError", "Message", "Ref", "Value", "add_metadata", "metadata",
           "node", "tensor", "value_info"]

BATCH = "N"
"""Name of the symbolic batch dimension."""

ELEMENT_TYPES: dict[str, int] = {
    "int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int16": TensorProto.INT16, "uint16": TensorProto.UINT16,
    "int32": TensorProto.INT32, "uint32": TensorProto.UINT32, "int64": TensorProto.INT64, "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL, "float64": TensorProto.DOUBLE,
}
"""ONNX element type of a NumPy dtype, by its name."""

DTYPES: dict[int, np.dtype[Any]] = {code: np.dtype(name) for name, code in ELEMENT_TYPES.items()}
"""NumPy dtype of an ONNX element type."""


@dataclass(frozen=True)
class Ref:
    """Inside a function: the value of the calling node's attribute `name` (a list of integers, or one)."""

    name: str
    many: bool = True


Value = int | str | Sequence[int] | NDArray[Any] | Ref


def attribute(name: str, value: Value) -> AttributeProto:
    """An attribute: an integer, a text, a list of integers, a tensor, or a reference to the caller's attribute."""
    proto = AttributeProto(name=name)
    if isinstance(value, Ref):
        proto.ref_attr_name = value.name
        proto.type = AttributeProto.INTS if value.many else AttributeProto.INT
    elif isinstance(value, int):
        proto.type, proto.i = AttributeProto.INT, value
    elif isinstance(value, str):
        proto.type, proto.s = AttributeProto.STRING, value.encode()
    elif isinstance(value, np.ndarray):
        proto.type = AttributeProto.TENSOR
        proto.t.CopyFrom(tensor("", value))
    else:
        proto.type = AttributeProto.INTS
        proto.ints.extend(value)
    return proto


def node(op_type: str, inputs: Iterable[str], outputs: Iterable[str], attributes: Mapping[str, Value],
         domain: str = "", name: str = "") -> NodeProto:
    """A node; attributes are written in the order given."""
    proto = NodeProto(op_type=op_type, input=inputs, output=outputs)
    for key, text in (("domain", domain), ("name", name)):
        if text:
            setattr(proto, key, text)
    proto.attribute.extend(attribute(key, value) for key, value in attributes.items())
    return proto


def tensor(name: str, array: NDArray[Any]) -> TensorProto:
    """A tensor with raw little-endian data."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return TensorProto(name=name, dims=array.shape, data_type=ELEMENT_TYPES[array.dtype.name],
                       raw_data=little.tobytes())


def value_info(name: str, shape: Shape, dtype: np.dtype[Any]) -> ValueInfoProto:
    """A typed activation: the batch and `shape` of one sample."""
    proto = ValueInfoProto(name=name)
    tensor_type = proto.type.tensor_type
    tensor_type.elem_type = ELEMENT_TYPES[dtype.name]
    tensor_type.shape.dim.add().dim_param = BATCH
    for size in shape:
        tensor_type.shape.dim.add().dim_value = size
    return proto


def add_metadata(message: Any, values: Mapping[str, str]) -> None:
    """Append `values` to a message's `metadata_props`, each key with the format's prefix."""
    message.metadata_props.extend(StringStringEntryProto(key=PREFIX + key, value=value)
                                  for key, value in values.items())


def metadata(message: Any) -> dict[str, str]:
    """The format's `metadata_props` of a message, keys without prefix; of a key given twice the last counts."""
    return {entry.key.removeprefix(PREFIX): entry.value for entry in message.metadata_props
            if entry.key.startswith(PREFIX)}
