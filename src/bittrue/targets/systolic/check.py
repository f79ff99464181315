"""Whether a graph fits the array: every problem at once, and what the graph needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ...errors import Diagnostic, declare
from ...ir import Graph
from ..base import CheckReport
from .layers import ArrayLayer, array_layers, host_nodes
from .needs import Needs, needs_of
from .options import LIMITS, SystolicOptions

declare({
    "BT5101": "the graph has no layer for the array",
    "BT5102": "the array's weights are too narrow",
    "BT5103": "the array's activations are too narrow",
    "BT5104": "the array's partial sums are too narrow",
    "BT5105": "the array's accumulators are too narrow",
    "BT5106": "the array's output fields are too narrow",
    "BT5107": "a layer needs a larger partial-sum memory than the array can have",
    "BT5108": "a layer's multiplier is too wide for the output stage",
})

MAX_ADDR_BITS = 24
MAX_MUL_BITS = 48

WIDTHS = {"weight_bits": ("BT5102", "weights"), "act_bits": ("BT5103", "activations"),
          "psum_bits": ("BT5104", "partial sums"), "acc_bits": ("BT5105", "accumulators"),
          "out_bits": ("BT5106", "outputs")}
"""By option the diagnostic code and what the width is for."""


def check(graph: Graph, given: Mapping[str, Any] | None = None) -> CheckReport:
    """Whether `graph` fits an array with these options. Raises `BadInput` (BT5003) for wrong options."""
    options = SystolicOptions.parse(given)
    layers = array_layers(graph)
    needs = asdict(needs_of(graph, layers, options)) if layers else {}
    return CheckReport("systolic", problems(graph, options), tuple(layer.name for layer in layers),
                       host_nodes(graph, layers), {name: str(value) for name, value in needs.items()})


def problems(graph: Graph, options: SystolicOptions) -> tuple[Diagnostic, ...]:
    """Everything that keeps the graph from an array with these options."""
    layers = array_layers(graph)
    if not layers:
        return (Diagnostic("BT5101", f"graph {graph.name}", "it has no Conv or Linear node", "use another target"),)
    return tuple(problem for layer in layers for rule in (_narrow, _memory, _multiplier)
                 for problem in rule(layer, needs_of(graph, (layer,), options), options))


def _narrow(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    for option, (code, what) in WIDTHS.items():
        needed, chosen = getattr(needs, option), getattr(options, option)
        widest = LIMITS[option][1]
        if needed > widest:
            yield Diagnostic(code, f"layer {layer.name}",
                             f"its {what} need {needed} bits; the array has {widest} at most",
                             "quantize the layer to fewer bits (a Requant in front of it narrows activations)")
        elif chosen is not None and needed > chosen:
            yield Diagnostic(code, f"layer {layer.name}", f"its {what} need {needed} bits, {option} is {chosen}",
                             f"use {option}={needed} or leave it out, or quantize the layer to fewer bits")


def _memory(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    if needs.addr_bits > MAX_ADDR_BITS:
        yield Diagnostic("BT5107", f"layer {layer.name}", f"{layer.n_kij} kernel positions of {layer.n_nij} padded "
                         f"positions need {needs.addr_bits} address bits; the array has at most {MAX_ADDR_BITS}",
                         "use a smaller image or kernel")


def _multiplier(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    if needs.mul_bits > MAX_MUL_BITS:
        yield Diagnostic("BT5108", f"layer {layer.name}", f"its multiplier needs {needs.mul_bits} bits; the output "
                         f"stage has at most {MAX_MUL_BITS}", "freeze with a narrower multiplier")
