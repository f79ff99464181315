"""Passes: graph to graph, each verified."""

from .activation import FuseActivation
from .base import Pass, PassResult, Property, run_passes
from .bias import FoldBias
from .constants import MergeConstants
from .dead import RemoveDead

STANDARD: tuple[Pass, ...] = (FoldBias(), FuseActivation(), MergeConstants(), RemoveDead())
"""What is always worth doing: fewer nodes, fewer constants, the same outputs."""

__all__ = ["STANDARD", "FoldBias", "FuseActivation", "MergeConstants", "Pass", "PassResult", "Property", "RemoveDead",
           "run_passes"]
