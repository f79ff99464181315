"""Rules about how much there may be: layers, channels, rows, columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..device import LIMITS
from ..hardware import hardware_layers
from ..network import DATA_BITS, Operator
from .case import Case, View
from .rule import Rule, Stage, Violation, layer_rule, limit, when


def _layers(case: Case) -> Iterator[Violation]:
    if not case.network.layers:
        yield f"network {case.network.name}", "it has no layer"


def _impossible(view: View) -> Iterator[str]:
    """Numbers without which nothing can be computed."""
    layer, pool = view.layer, view.layer.pool
    counts = {"in_channels": (layer.in_channels,), "in_dim": layer.in_dim, "operands": (layer.operands,),
              "groups": (layer.groups,), "kernel": layer.kernel, "stride": layer.stride, "dilation": layer.dilation,
              "pooling window": pool.window, "pooling stride": pool.stride, "pooling dilation": pool.dilation,
              "output channels": layer.weights.values.shape[:1] if layer.weights is not None else (1,)}
    yield from _below(counts, 1)
    yield from _below({"pad": layer.pad, "output_pad": layer.output_pad, "crop": layer.crop,
                       "channel_skip": (layer.channel_skip,), "bypass_channels": (layer.bypass_channels,)}, 0)


def _impossible_data(case: Case) -> Iterator[Violation]:
    network, buffer = case.network, case.network.buffer
    counts = {"in_channels": (network.in_channels,), "in_dim": network.in_dim}
    yield from ((f"network {network.name}", reason) for reason in _below(counts, 1))
    if buffer is not None:
        counts = {"channels": (buffer.channels,), "dim": buffer.dim}
        yield from ((f"buffer {buffer.name}", reason) for reason in _below(counts, 1))


def _below(numbers: Mapping[str, tuple[int, ...]], least: int) -> Iterator[str]:
    for what, values in numbers.items():
        if min(values, default=least - 1) < least:
            yield f"its {what} is {'x'.join(map(str, values)) or 'missing'}, and must be at least {least}"


def _layer_count(case: Case) -> Iterator[Violation]:
    count, row = hardware_layers(case.hardware), LIMITS["layers"]
    if not row.keeps(case.device, count):
        yield f"network {case.network.name}", f"{row.what}: {count}, and {case.device.part} allows " \
            f"{row.text(case.device)}"


def _dims(view: View) -> list[int]:
    """Rows and columns of input and output, where there are any."""
    return [dim for dim in (*view.layer.in_dim, *view.layer.out_dim) if dim > 0]


def _counted(view: View) -> list[int]:
    """Rows and columns that the counters pass, padding on both sides included."""
    hardware, layer = view.hardware, view.layer
    stride = layer.stride if layer.operator is Operator.CONVTRANSPOSE2D else (1, 1)
    return [dim * s + 2 * pad for dim, s, pad in zip(hardware.in_dim, stride, hardware.pad, strict=True)]


def _emulated_rows(view: View) -> list[int]:
    return [view.hardware.in_dim[0] * view.hardware.in_passes.count]


def _frame(view: View) -> list[int]:
    rows, cols = view.layer.in_dim
    return [rows * cols * view.hardware.in_passes.count]


def _flat_pixels(view: View) -> int:
    return view.layer.pooled_dim[0] * view.layer.pooled_dim[1]


def _flattens(view: View) -> bool:
    return view.layer.flatten


def _partial_passes(view: View) -> Iterator[str]:
    passes, channels = view.hardware.in_passes, view.layer.in_channels
    if view.layer.flatten and passes.count * passes.width != channels:
        yield f"it flattens {channels} channels, which {passes.count} passes of {passes.width} processors do not divide"


def _unplaceable(view: View) -> Iterator[str]:
    """Outputs that no placement can hold: only what lies between streaming layers may be larger than an instance."""
    network, device = view.case.network, view.device
    whole = view.index >= device.streaming_layers - 1 or view.index in network.outputs
    rows, cols = view.layer.out_dim
    words = rows * cols * view.hardware.out_passes.count * (view.layer.output_width // DATA_BITS)
    if view.case.placed is None and whole and words > device.data.words:
        yield f"its output of {view.layer.out_channels}x{rows}x{cols} takes {words} words of a data memory instance, " \
              f"which has {device.data.words}"


TITLES = {
    "BT5294": "a number of layers that the chip does not have",
    "BT5295": "too many input channels",
    "BT5296": "too many output channels",
    "BT5297": "too many rows or columns",
    "BT5298": "more rows or columns than the counters hold",
    "BT5299": "too many pixels and passes",
    "BT5300": "too many inputs to flatten",
    "BT5301": "channels to flatten that do not fill their passes",
    "BT5312": "a number that cannot be",
    "BT5302": "an output that is larger than a data memory instance",
}

_SMALLER = "make the images smaller: fold pixels into channels, or pool earlier"

RULES: tuple[Rule, ...] = (
    Rule("BT5294", _layers, "add layers", Stage.WHOLE, True),
    Rule("BT5312", _impossible_data, "give it a number that can be", Stage.WHOLE, True),
    layer_rule("BT5312", _impossible, "give it a number that can be", Stage.WHOLE, True),
    Rule("BT5294", _layer_count, "merge layers: pooling and element-wise operations belong into the layer behind them"),
    limit("BT5295", "in_channels", lambda v: [v.layer.in_channels], "split the layer, or use fewer channels"),
    limit("BT5296", "out_channels", lambda v: [v.layer.out_channels], "split the layer, or use fewer channels"),
    limit("BT5297", "dim", _dims, _SMALLER),
    limit("BT5298", "padded_dim", _counted, _SMALLER),
    limit("BT5298", "eltwise_rows", when(lambda v: v.hardware.emulated, _emulated_rows), _SMALLER),
    limit("BT5299", "frame", _frame, _SMALLER),
    limit("BT5300", "flatten_pixels", when(_flattens, lambda v: [_flat_pixels(v)]), "pool in the layer before"),
    limit("BT5300", "flatten_inputs", when(_flattens, lambda v: [v.layer.inputs]), "pool in the layer before"),
    limit("BT5300", "flatten_passes", when(_flattens, lambda v: [_flat_pixels(v) * v.hardware.in_passes.count]),
          "pool in the layer before"),
    layer_rule("BT5301", _partial_passes, "use up to 64 channels, or a multiple of 4 for every pass"),
    layer_rule("BT5302", _unplaceable, _SMALLER),
)
"""Sizes."""
