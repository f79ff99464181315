"""Rules about kernels, strides, padding, dilation and groups."""

from __future__ import annotations

from collections.abc import Iterator

from ..hardware import runs_as_image
from ..network import Operator
from .case import View
from .rule import Stage, layer_rule, limit, of, when

CONV1D, CONV2D = of(Operator.CONV1D), of(Operator.CONV2D)
TRANSPOSED, PASSTHROUGH = of(Operator.CONVTRANSPOSE2D), of(Operator.PASSTHROUGH)
LINEAR = of(Operator.LINEAR)


def _wide(view: View) -> bool:
    """A dilated Conv1d that does not fit into one kernel."""
    return runs_as_image(view.layer)


def _oblong(view: View) -> Iterator[str]:
    rows, cols = view.layer.kernel
    if CONV1D(view) and cols != 1:
        yield f"its kernel is {rows}x{cols}, and a Conv1d has one column"
    if not CONV1D(view) and rows != cols:
        yield f"its kernel is {rows}x{cols}, and rows and columns must be equal"


def _beyond_pad(view: View) -> Iterator[int]:
    return (kernel - pad for kernel, pad in zip(view.layer.kernel, view.layer.pad, strict=True) if kernel <= pad)


def _dilated(view: View) -> Iterator[str]:
    layer = view.layer
    if CONV1D(view) and layer.dilation[0] > 1 and layer.kernel[0] == 1:
        yield f"its kernel has one weight and a dilation of {layer.dilation[0]}"
    if not CONV1D(view) and not CONV2D(view) and layer.dilation != (1, 1):
        yield f"{layer.operator.value} has a dilation of {layer.dilation[0]}x{layer.dilation[1]}"


def _wide_uses(view: View) -> Iterator[str]:
    if not _wide(view):
        return
    layer = view.layer
    uses = {"pooling": layer.pool.window[0] != 1, "several operands": layer.operands > 1, "bypass": layer.bypass,
            "flattening": layer.flatten, "streaming": view.streaming,
            "read-ahead": view.case.placed is not None and view.place.read_ahead}
    for use in (use for use, used in uses.items() if used):
        yield f"a Conv1d with a dilation of {layer.dilation[0]} runs as a convolution of an image, without {use}"


def _output_pad(view: View) -> Iterator[str]:
    if not TRANSPOSED(view) and any(view.layer.output_pad):
        yield f"{view.layer.operator.value} has an output padding of {view.layer.output_pad[0]}"


def _depthwise(view: View) -> Iterator[str]:
    layer = view.layer
    if layer.groups == 1:
        return
    if not view.device.depthwise:
        yield f"it has {layer.groups} groups, and {view.device.part} has no depthwise convolution"
    if not layer.groups == layer.in_channels == layer.out_channels:
        yield f"it has {layer.groups} groups, {layer.in_channels} input and {layer.out_channels} output channels; " \
              "all three must be equal"
    if layer.flatten:
        yield f"it has {layer.groups} groups and flattens its input"


def _flatten(view: View) -> Iterator[str]:
    layer = view.layer
    if layer.flatten and (not (LINEAR(view) or CONV2D(view)) or layer.kernel != (1, 1)):
        yield f"{layer.operator.value} with a {layer.kernel[0]}x{layer.kernel[1]} kernel flattens its input"


TITLES = {
    "BT5260": "a kernel size that the chip does not have",
    "BT5261": "a padding that the chip does not have",
    "BT5262": "a stride that the chip does not have",
    "BT5263": "a dilation that the chip does not have",
    "BT5264": "a long dilated Conv1d does something else as well",
    "BT5265": "a padded Conv1d of several passes",
    "BT5266": "an output padding that the chip does not have",
    "BT5267": "groups that the chip cannot convolve",
    "BT5268": "an input is flattened where that is impossible",
}

_PAD, _SPLIT = "pad less, or pad the input itself", "split the kernel over several layers"
_POOL = "use pooling with a stride in front of the convolution"

RULES = (
    layer_rule("BT5260", _oblong, "use square kernels; for 1-D data use Conv1d", Stage.NUMBERS, True),
    limit("BT5260", "conv2d_kernel", when(CONV2D, lambda v: v.layer.kernel),
          "put the kernel into 3x3 (with zeros around), or stack 3x3 kernels for a larger one", Stage.NUMBERS, True),
    limit("BT5260", "conv1d_kernel", when(CONV1D, lambda v: v.layer.kernel[:1]), _SPLIT, Stage.NUMBERS, True),
    limit("BT5260", "transpose_kernel", when(TRANSPOSED, lambda v: v.layer.kernel), "use a 3x3 kernel",
          Stage.NUMBERS, True),
    limit("BT5260", "conv1d_wide_kernel", when(_wide, lambda v: v.layer.kernel[:1]),
          "use a shorter kernel, or a dilation with which (kernel - 1) x dilation is at most 8", Stage.NUMBERS, True),
    limit("BT5261", "conv2d_pad", when(CONV2D, lambda v: v.layer.pad), _PAD, Stage.NUMBERS, True),
    limit("BT5261", "conv1d_pad", when(lambda v: CONV1D(v) and not _wide(v), lambda v: v.layer.pad), _PAD,
          Stage.NUMBERS, True),
    limit("BT5261", "conv1d_wide_pad", when(_wide, lambda v: v.layer.pad), "pad the input itself",
          Stage.NUMBERS, True),
    limit("BT5261", "transpose_pad", when(TRANSPOSED, lambda v: v.layer.pad), "pad 0, 1 or 2", Stage.NUMBERS, True),
    limit("BT5261", "kernel_beyond_pad", when(lambda v: v.layer.convolves, _beyond_pad),
          "pad less than the kernel is wide", Stage.NUMBERS),
    limit("BT5261", "passthrough_pad", when(PASSTHROUGH, lambda v: v.layer.pad), "pad in a layer that convolves",
          Stage.NUMBERS),
    limit("BT5262", "conv2d_stride", when(CONV2D, lambda v: v.layer.stride), _POOL, Stage.NUMBERS, True),
    limit("BT5262", "conv1d_stride", when(CONV1D, lambda v: v.layer.stride[:1]), _POOL, Stage.NUMBERS, True),
    limit("BT5262", "transpose_stride", when(TRANSPOSED, lambda v: v.layer.stride), "use a stride of 2",
          Stage.NUMBERS, True),
    limit("BT5263", "conv2d_dilation", when(CONV2D, lambda v: v.layer.dilation),
          "use a dilation of 1; for 1-D data use Conv1d", Stage.NUMBERS, True),
    limit("BT5263", "conv1d_dilation", when(CONV1D, lambda v: v.layer.dilation[:1]), "use a smaller dilation",
          Stage.NUMBERS, True),
    layer_rule("BT5263", _dilated, "use a dilation of 1", Stage.NUMBERS),
    layer_rule("BT5264", _wide_uses, "do it in a layer of its own", Stage.NUMBERS),
    limit("BT5265", "conv1d_multipass_pad",
          when(lambda v: CONV1D(v) and v.hardware.in_passes.count > 1, lambda v: v.layer.pad[:1]),
          "pad the input itself, or use up to 64 channels"),
    limit("BT5266", "transpose_output_pad", when(TRANSPOSED, lambda v: v.layer.output_pad),
          "use an output padding of 1, and pooling in the next layer for another size", Stage.NUMBERS),
    layer_rule("BT5266", _output_pad, "remove it", Stage.NUMBERS),
    layer_rule("BT5267", _depthwise,
               "use one group; where the chip has depthwise convolution, as many as channels", Stage.NUMBERS, True),
    layer_rule("BT5268", _flatten, "flatten into a Linear layer that has nothing else to do", Stage.NUMBERS),
)
"""Convolutions."""
