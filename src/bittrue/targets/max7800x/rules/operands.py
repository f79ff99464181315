"""Rules about element-wise operations and about layers that join several sources."""

from __future__ import annotations

from collections.abc import Iterator

from ..memory.bias import has_bias
from ..network import BUFFER, INPUT
from .case import View
from .convolution import CONV1D
from .rule import Rule, Stage, layer_rule, limit, when


def _operation(view: View) -> Iterator[str]:
    layer = view.layer
    if (layer.eltwise is None) != (layer.operands == 1):
        yield f"it has {layer.operands} operands and " + (f"the operation {layer.eltwise.value}" if layer.eltwise
                                                          else "no element-wise operation")


def _pooled_last(view: View) -> bool:
    return not view.layer.pool_first and view.layer.pool.active


def _order(view: View) -> Iterator[str]:
    layer = view.layer
    if not layer.pool_first and not (layer.pool.active and layer.operands > 1):
        yield "pooling comes after the element-wise operation, and it has not both"


def _emulated(view: View) -> Iterator[str]:
    layer = view.layer
    if not view.hardware.emulated:
        return
    uses = {"convolution": layer.convolves, "pooling": layer.pool.active,
            "a pooling stride": layer.pool.stride != (1, 1)}
    for use in (use for use, used in uses.items() if used):
        yield f"{layer.operands} operands in {view.hardware.in_passes.count} passes run as rows, without {use}"


def _with_bias(view: View) -> Iterator[str]:
    layer = view.layer
    if layer.operands > 1 and layer.convolves and has_bias(layer) and not view.device.eltwise_conv_bias:
        yield f"it has an element-wise operation, a convolution and a bias, and {view.device.part} cannot do all three"


def provided(view: View, source: int) -> int:
    """The channels of a source."""
    network = view.case.network
    if source == BUFFER:
        return network.buffer.channels if network.buffer is not None else 0
    return network.in_channels if source == INPUT else network.layers[source].out_channels


def _channels(view: View) -> Iterator[str]:
    layer = view.layer
    given = [provided(view, source) for source in layer.sources]
    wanted = layer.operands * layer.in_channels
    if BUFFER in layer.sources:
        return
    have = min(given) if layer.spatial_join else sum(given) - layer.channel_skip
    if have < wanted:
        yield f"its sources have {have} channels, and it reads {wanted}"
    if layer.operands > 1 and any(count % layer.in_channels for count in given):
        yield f"its sources have {', '.join(map(str, given))} channels, and every operand has {layer.in_channels}"


def _joined(view: View) -> list[int]:
    """Channels of all parts of a concatenation but the last, modulo 4."""
    layer = view.layer
    if layer.spatial_join or layer.operands > 1 or view.case.placed is not None:  # a placement shows what meets
        return []
    return [provided(view, source) % 4 for source in layer.sources[:-1]]


TITLES = {
    "BT5287": "a number of operands that the chip does not have",
    "BT5288": "an element-wise operation and Conv1d in one layer",
    "BT5289": "pooling after an element-wise operation where it is impossible",
    "BT5290": "an element-wise operation of several passes does something else as well",
    "BT5291": "an element-wise operation, a convolution and a bias in one layer",
    "BT5292": "sources that do not have the channels that are read",
    "BT5293": "parts of a concatenation that do not fill their words",
}

RULES: tuple[Rule, ...] = (
    limit("BT5287", "operands", when(lambda v: v.layer.eltwise is not None, lambda v: [v.layer.operands]),
          "combine the operands in several layers", Stage.NUMBERS, True),
    layer_rule("BT5287", _operation, "name the operation of two or more operands", Stage.NUMBERS, True),
    limit("BT5288", "conv1d_operands", when(CONV1D, lambda v: [v.layer.operands]),
          "do the element-wise operation in a layer of its own", Stage.NUMBERS),
    limit("BT5289", "operands_pooled_last", when(lambda v: _pooled_last(v) and v.layer.operands > 1,
                                                 lambda v: [v.layer.operands]),
          "pool before the element-wise operation, or in the next layer", Stage.NUMBERS),
    layer_rule("BT5289", _order, "let pooling come first", Stage.NUMBERS),
    layer_rule("BT5290", _emulated, "do it in a layer of its own"),
    layer_rule("BT5291", _with_bias, "split the layer, or move the bias into the next one", Stage.NUMBERS),
    layer_rule("BT5292", _channels, "let the layer read the channels that its sources have", Stage.NUMBERS, True),
    limit("BT5293", "concatenated", _joined, "give every part but the last a multiple of 4 channels", Stage.NUMBERS),
)
"""Operands and sources."""

