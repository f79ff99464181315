"""Rules about weights, biases, and what happens to the sums."""

from __future__ import annotations

from collections.abc import Iterator

from ..network import DATA_BITS, Activation, Operator
from .case import Case, View
from .rule import Rule, Stage, Violation, layer_rule, limit, of, when

CONV1D, LINEAR, PASSTHROUGH = of(Operator.CONV1D), of(Operator.LINEAR), of(Operator.PASSTHROUGH)


def _weights(view: View) -> Iterator[str]:
    layer = view.layer
    if layer.weights is None:
        if layer.convolves and not layer.bypass:
            yield f"{layer.operator.value} has no weights"
        return
    rows = layer.kernel[:1] if CONV1D(view) else () if LINEAR(view) else layer.kernel
    expected = (layer.out_channels, layer.inputs // layer.groups, *rows)
    if layer.weights.values.shape != expected:
        yield f"its weights have the shape {list(layer.weights.values.shape)}, and {list(expected)} is needed"


def _weight_values(view: View) -> Iterator[str]:
    weights = view.layer.weights
    if weights is None or not weights.values.size:
        return
    least, most = int(weights.values.min()), int(weights.values.max())
    if weights.binary and (abs(weights.values) != 1).any():
        yield f"its binary weights reach {least} to {most}, and only -1 and +1 are possible"
    elif not weights.binary and (least < -(1 << weights.bits - 1) or most >= 1 << weights.bits - 1):
        yield f"its weights reach {least} to {most}, and {weights.bits} bits hold {-(1 << weights.bits - 1)} to " \
              f"{(1 << weights.bits - 1) - 1}"


def _bias(view: View) -> Iterator[str]:
    bias = None if view.layer.weights is None else view.layer.weights.bias
    if bias is None:
        return
    if bias.shape != (view.layer.out_channels,):
        yield f"its bias has the shape {list(bias.shape)}, and it has {view.layer.out_channels} output channels"
    elif bias.size and (bias.min() < -128 or bias.max() > 127):
        yield f"its bias reaches {bias.min()} to {bias.max()}, and 8 bits hold -128 to 127"


def _bypass(view: View) -> Iterator[str]:
    if view.layer.bypass and not view.device.kernel_bypass:
        yield f"it bypasses its kernels, and {view.device.part} cannot"


def _wide_output(view: View) -> Iterator[str]:
    layer = view.layer
    if layer.output_width == DATA_BITS:
        return
    if layer.activation is not Activation.NONE:
        yield f"its output has {layer.output_width} bits and the activation {layer.activation.value}"
    if PASSTHROUGH(view):
        yield f"its output has {layer.output_width} bits, and it does not convolve"


def _wide_input(view: View) -> Iterator[str]:
    for source in (s for s in view.sources if s.layer.output_width != DATA_BITS):
        yield f"it reads {source.where}, whose output has {source.layer.output_width} bits"


def _passthrough(view: View) -> Iterator[str]:
    layer = view.layer
    if not PASSTHROUGH(view):
        return
    if layer.activation is not Activation.NONE:
        yield f"it does not convolve, and has the activation {layer.activation.value}"
    if layer.shift:
        yield f"it does not convolve, and has an output shift of {layer.shift}"
    if layer.weights is not None:
        yield "it does not convolve, and has weights"


def _binary(case: Case) -> Iterator[Violation]:
    weights = [(view, view.layer.weights) for view in case.layers if view.layer.weights is not None]
    binary = [view for view, w in weights if w.binary]
    for view, w in ((view, w) for view, w in weights if w.binary):
        if not case.device.binary_weights:
            yield view.where, f"its weights are -1 and +1, and {case.device.part} has one-bit weights of 0 and -1 only"
        if w.bits != 1:
            yield view.where, f"its weights are -1 and +1 in {w.bits} bits, and binary weights have one"
    for view, w in weights:
        if binary and w.bits == 1 and not w.binary:
            yield view.where, f"its one-bit weights are 0 and -1, and those of {binary[0].where} are -1 and +1"


def _biased(view: View) -> list[int]:
    weights = view.layer.weights
    return [] if weights is None or weights.bias is None or view.layer.groups > 1 else [view.layer.out_channels]


TITLES = {
    "BT5269": "weights of a width that the chip does not have",
    "BT5270": "weights that do not fit their layer",
    "BT5271": "weights that their bits cannot hold",
    "BT5272": "a bias that does not fit its layer",
    "BT5273": "kernels are bypassed on a chip that cannot",
    "BT5274": "an output shift that the chip does not have",
    "BT5275": "an output width that the chip does not have",
    "BT5276": "an output of 32 bits that is not a plain sum, or that a layer reads",
    "BT5277": "a layer without convolution changes values",
    "BT5278": "binary weights where they are impossible",
    "BT5279": "more biases than a bias memory holds",
}

RULES: tuple[Rule, ...] = (
    limit("BT5269", "weight_bits", lambda v: [v.layer.weight_bits] if v.layer.weights is not None else (),
          "quantize the weights to 1, 2, 4 or 8 bits", Stage.NUMBERS, True),
    layer_rule("BT5270", _weights, "give the layer weights of the shape that it computes with", Stage.NUMBERS, True),
    layer_rule("BT5271", _weight_values, "quantize them, or declare more bits", Stage.NUMBERS),
    layer_rule("BT5272", _bias, "give one 8-bit value per output channel", Stage.NUMBERS, True),
    layer_rule("BT5273", _bypass, "use kernels with one weight of 1, or the other chip", Stage.NUMBERS),
    limit("BT5274", "shift", when(lambda v: v.layer.convolves, lambda v: [v.layer.shift]),
          "scale the weights by a power of two", Stage.NUMBERS),
    limit("BT5275", "output_width", lambda v: [v.layer.output_width], "use 8 or 32 bits", Stage.NUMBERS, True),
    layer_rule("BT5276", _wide_output, "use 8 bits, or a convolution without activation", Stage.NUMBERS),
    layer_rule("BT5276", _wide_input, "give the source an output of 8 bits", Stage.NUMBERS),
    layer_rule("BT5277", _passthrough, "leave it to a layer that convolves", Stage.NUMBERS),
    Rule("BT5278", _binary, "use weights of 0 and -1 everywhere, or of -1 and +1 where the chip has them",
         Stage.NUMBERS),
    limit("BT5279", "bias_channels", _biased, "split the layer, or leave the bias out", Stage.NUMBERS),
)
"""Weights, biases, sums."""
