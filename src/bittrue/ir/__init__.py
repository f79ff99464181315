"""The integer graph: types, ops, graph, verifier, text form, ONNX in and out."""

from .graph import Constant, Graph, GraphBuilder, Input, Node, Scale
from .op import OPS, Op
from .rounding import Rounding, round_div
from .types import I32, IntArray, IntType, Range, TensorType
from .verify import verified

__all__ = ["I32", "OPS", "Constant", "Graph", "GraphBuilder", "Input", "IntArray", "IntType", "Node", "Op", "Range",
           "Rounding", "Scale", "TensorType", "round_div", "verified"]
