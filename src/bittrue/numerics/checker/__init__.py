"""An independent checker of certificates: from the two files alone, it computes again everything that is claimed.

It shares no code with the rest of bittrue (`bittrue.errors` aside): its own reader of the ONNX file, its own interval
analysis, its own integer functions, and instead of step positions exact evaluations of the trained model at both ends
of every constant piece of the graph's function. A monotone function that has the same value at both ends of a piece is
constant on it, so these points decide equality for all accumulators.

    python -m bittrue.numerics.checker model.onnx model.cert.json

ends with 0 (proved), 1 (not proved, or something is not as claimed) or 2 (a file cannot be read).
"""

from .check import CheckReport, LayerReport, check

__all__ = ["CheckReport", "LayerReport", "check"]
