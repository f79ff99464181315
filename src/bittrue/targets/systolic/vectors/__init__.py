"""Test vectors as text files for an existing Verilog test bench: written, read back, compared, viewed."""

from __future__ import annotations

from .check import VectorReport, check_vectors
from .kinds import KINDS, Place
from .layout import VectorFile, VectorPlan
from .plan import Choice, plan_vectors
from .read import Vectors, read_vectors
from .record import recorded_choice
from .template import BUILT_IN, Template, built_in, read_template
from .view import Hints, View, view_file
from .write import write_vectors

__all__ = [
    "BUILT_IN", "KINDS", "Choice", "Hints", "Place", "Template", "VectorFile", "VectorPlan", "VectorReport", "Vectors",
    "View", "built_in", "check_vectors", "plan_vectors", "read_template", "read_vectors", "recorded_choice",
    "view_file", "write_vectors",
]
