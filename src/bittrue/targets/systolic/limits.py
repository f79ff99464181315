"""What the array cannot do: every rule that a graph must keep, each with the layer, the number, the limit and a fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...errors import Diagnostic, declare
from ...ir import Graph
from .layers import ArrayLayer, array_layers
from .lowering import lowered
from .needs import Needs, layer_needs
from .options import WIDEST, SystolicOptions

declare({
    "BT5101": "the graph has no layer for the array",
    "BT5102": "the array's weights are too narrow",
    "BT5103": "the array's activations are too narrow",
    "BT5104": "the array's partial sums are too narrow",
    "BT5105": "the array's accumulators are too narrow",
    "BT5106": "the array's output fields are too narrow",
    "BT5107": "a layer needs a larger memory than the array can have",
    "BT5108": "a layer's multiplier is too wide for the output stage",
    "BT5109": "the array's output stages are too narrow",
})

ADDRESSES = 1 << 24
"""Words of the largest memory."""
LARGEST = 1 << 16
"""Heights, widths and channel counts are below."""
MAX_MUL_BITS = 48

WIDTHS = {"weight_bits": ("BT5102", "weights"), "act_bits": ("BT5103", "activations"),
          "psum_bits": ("BT5104", "partial sums"), "acc_bits": ("BT5105", "accumulators"),
          "out_bits": ("BT5106", "outputs"), "scaled_bits": ("BT5109", "scaled accumulators"),
          "slope_bits": ("BT5109", "slope multipliers")}
"""By option the diagnostic code and what the width is for."""


def problems(graph: Graph, options: SystolicOptions) -> tuple[Diagnostic, ...]:
    """Everything that keeps the graph from an array with these options."""
    layers = array_layers(graph, options.act_bits)
    if not any(layer.macs for layer in layers):
        return (Diagnostic("BT5101", f"graph {graph.name}", "it has no Conv or Linear node", "use another target"),)
    return tuple(problem for layer in layers for problem in _layer_problems(graph, layer, options))


def _layer_problems(graph: Graph, layer: ArrayLayer, options: SystolicOptions) -> Iterator[Diagnostic]:
    needs = layer_needs(graph, lowered(graph, layer), options.cols, options.width)
    for rule in (_narrow, _memory, _multiplier):
        yield from rule(layer, needs, options)


def _narrow(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    for option, (code, what) in WIDTHS.items():
        needed, chosen = getattr(needs, option), getattr(options, option)
        widest = WIDEST[option]
        if needed > widest:
            yield Diagnostic(code, f"layer {layer.name}",
                             f"its {what} need {needed} bits; the array has {widest} at most",
                             "quantize the layer to fewer bits (a Requant in front of it narrows activations)")
        elif chosen is not None and needed > chosen:
            yield Diagnostic(code, f"layer {layer.name}", f"its {what} need {needed} bits, {option} is {chosen}",
                             f"use {option}={needed} or leave it out, or quantize the layer to fewer bits")


def _memory(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    words = layer.n_out if options.how.overlapped else layer.n_kij * layer.n_nij
    if words > ADDRESSES or layer.n_nij > ADDRESSES:
        yield Diagnostic("BT5107", f"layer {layer.name}", f"{layer.n_kij} kernel positions of {layer.n_nij} padded "
                         f"positions need {words} words of one memory; the array has at most {ADDRESSES}",
                         "use a smaller image or kernel")
    if max(*layer.in_shape, *layer.out_shape, *layer.padded, *layer.window.kernel, *layer.window.stride,
           *layer.window.dilation) >= LARGEST:
        yield Diagnostic("BT5107", f"layer {layer.name}", f"one of its sizes is {LARGEST} or more",
                         "use fewer channels, or a smaller image")


def _multiplier(layer: ArrayLayer, needs: Needs, options: SystolicOptions) -> Iterator[Diagnostic]:
    if needs.mul_bits > MAX_MUL_BITS:
        yield Diagnostic("BT5108", f"layer {layer.name}", f"its multiplier needs {needs.mul_bits} bits; the output "
                         f"stage has at most {MAX_MUL_BITS}", "freeze with a narrower multiplier")


def memory_problems(words: Mapping[str, int]) -> tuple[Diagnostic, ...]:
    """Memories, by what they hold, that would need more words than an address can reach."""
    return tuple(Diagnostic("BT5107", f"memory of {name}", f"it needs {count:,} words; an address reaches "
                            f"{ADDRESSES:,}", "use more rows and columns, or a smaller network")
                 for name, count in words.items() if count > ADDRESSES)
