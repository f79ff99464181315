"""The C project of a program: the API of the manual, its data, a known-answer test, makefiles for the vendor's SDK."""

from __future__ import annotations

from .about import About, describe
from .effects import check_effects
from .options import EMIT_OPTIONS, EmitOptions
from .project import emit
from .softmax import softmax_q17p14_q15, softmax_shift_q17p14_q15
from .unload import offsets, words

__all__ = ["EMIT_OPTIONS", "About", "EmitOptions", "check_effects", "describe", "emit", "offsets",
           "softmax_q17p14_q15", "softmax_shift_q17p14_q15", "words"]
