"""The message classes of the ONNX format, without the rest of the package `onnx`, which loads slowly.

They are the package's own: whoever imports `onnx` later, or did before, has the same classes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        FunctionProto,
        ModelProto,
        NodeProto,
        OperatorSetIdProto,
        StringStringEntryProto,
        TensorProto,
        ValueInfoProto,
    )

__all__ = ["AttributeProto", "FunctionProto", "ModelProto", "NodeProto", "OperatorSetIdProto",
           "StringStringEntryProto", "TensorProto", "ValueInfoProto"]

_MODULE = "onnx.onnx_ml_pb2"


def _messages() -> Any:
    """The package's module of messages; loaded from its file when the package is not."""
    if _MODULE in sys.modules:
        return sys.modules[_MODULE]
    package = find_spec("onnx")
    if "onnx" in sys.modules or package is None or package.origin is None:
        return import_module(_MODULE)
    spec = spec_from_file_location(_MODULE, Path(package.origin).with_name("onnx_ml_pb2.py"))
    if spec is None or spec.loader is None:
        return import_module(_MODULE)
    module = sys.modules[_MODULE] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if not TYPE_CHECKING:
    globals().update({name: getattr(_messages(), name) for name in __all__})
