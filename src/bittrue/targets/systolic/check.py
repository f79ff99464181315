"""Whether a graph fits the array: every problem at once, and what the graph needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Diagnostic, Unsupported
from ...ir import Graph
from ..base import CheckReport
from .needs import Needs, layer_needs
from .options import SystolicOptions
from .plan import chosen_forms, make_plan


def check(graph: Graph, given: Mapping[str, Any] | None = None) -> CheckReport:
    """Whether `graph` fits an array with these options. Raises `BadInput` (BT5003) for wrong options."""
    options = SystolicOptions.parse(given)
    layers = chosen_forms(graph, options)
    each = [layer_needs(graph, layer, options.cols, options.width) for layer in layers]
    needs = {name: str(value) for name, value in vars(Needs.together(each)).items()} if each else {}
    found, host = _attempt(graph, given)
    return CheckReport("systolic", found, tuple(form.layer.name for form in layers), host, needs)


def _attempt(graph: Graph, given: Mapping[str, Any] | None) -> tuple[tuple[Diagnostic, ...], tuple[str, ...]]:
    """What keeps the graph from the array, or the nodes that run beside it."""
    try:
        return (), make_plan(graph, given).host
    except Unsupported as error:
        return error.diagnostics, ()
