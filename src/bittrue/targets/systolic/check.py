"""Whether a graph fits the array: every problem at once, and what the graph needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Diagnostic, Unsupported
from ...ir import Graph
from ..base import CheckReport
from .layers import array_layers
from .lowering import lowered
from .needs import Needs, layer_needs
from .options import SystolicOptions
from .plan import make_plan


def check(graph: Graph, given: Mapping[str, Any] | None = None) -> CheckReport:
    """Whether `graph` fits an array with these options. Raises `BadInput` (BT5003) for wrong options."""
    options = SystolicOptions.parse(given)
    layers = array_layers(graph, options.act_bits)
    each = [layer_needs(graph, lowered(graph, layer), options.cols, options.width) for layer in layers]
    needs = {name: str(value) for name, value in vars(Needs.together(each)).items()} if each else {}
    found, host = _attempt(graph, given)
    return CheckReport("systolic", found, tuple(layer.name for layer in layers), host, needs)


def _attempt(graph: Graph, given: Mapping[str, Any] | None) -> tuple[tuple[Diagnostic, ...], tuple[str, ...]]:
    """What keeps the graph from the array, or the nodes that run beside it."""
    try:
        return (), make_plan(graph, given).host
    except Unsupported as error:
        return error.diagnostics, ()
