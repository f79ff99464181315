"""The diagnostic codes of ONNX files."""

from __future__ import annotations

from ...errors import declare

UNREADABLE = "BT1101"
DAMAGED = "BT1102"
NO_INTEGER_GRAPH = "BT1103"
VERSION = "BT1104"
EXTERNAL = "BT1105"
TENSOR = "BT1106"
METADATA = "BT1107"
UNKNOWN_NODE = "BT1108"
MISMATCH = "BT1109"
NOT_CANONICAL = "BT1110"
TOO_LARGE = "BT1111"
NOT_WRITABLE = "BT1112"
UNWRITABLE = "BT1113"

declare({
    UNREADABLE: "a model file cannot be read",
    DAMAGED: "a file is no ONNX model, or is damaged",
    NO_INTEGER_GRAPH: "an ONNX file holds a float or QDQ model, not an integer graph",
    VERSION: "an ONNX file has a format, IR version or operator set that this version does not read",
    EXTERNAL: "an ONNX file refers to data outside of it",
    TENSOR: "a tensor of an ONNX file is broken",
    METADATA: "an ONNX file lacks, or has broken, bittrue metadata",
    UNKNOWN_NODE: "a node of an ONNX file is unknown",
    MISMATCH: "an ONNX file does not compute what its metadata says",
    NOT_CANONICAL: "an ONNX file is not in canonical form",
    TOO_LARGE: "a model is too large for an ONNX file",
    NOT_WRITABLE: "a graph cannot be written as an ONNX file",
    UNWRITABLE: "a model file cannot be written",
})
