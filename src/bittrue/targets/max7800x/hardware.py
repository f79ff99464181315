"""What the hardware makes of a layer: its kernel, its sizes, its passes, and the modes that follow from them.

A layer of a `Network` is what a network means; a `Hardware` layer is what is programmed. They differ where the chip
has no such operation and another one gives the same numbers: a 1x1 kernel beside streaming is a 3x3 kernel, a dilated
Conv1d is a stretched kernel or an image, a transposed convolution pads a stretched image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import IntArray
from .device import Device
from .network import DATA_BITS, Dim, Layer, Network, Operator
from .placement import GROUP, SHARED, LayerPlacement, Passes, Placement, groups, in_passes, out_passes

LONGEST_KERNEL = 9
"""Taps of a Conv1d kernel, and weights of a word of the kernel memory."""

ONE, THREE = (1, 1), (3, 3)

GROUP_MASK = (1 << GROUP) - 1
"""The map of one group's processors."""


@dataclass(frozen=True)
class Hardware:
    """One layer as it is programmed. Sizes are (rows, columns)."""

    operator: Operator
    kernel: Dim
    pad: Dim
    """Zeros around the pooled image; of a transposed convolution those around the stretched image."""
    in_dim: Dim
    pooled_dim: Dim
    out_dim: Dim
    in_passes: Passes
    out_passes: Passes
    tram: int
    """Words that one pass of the layer takes in a TRAM."""
    image: bool = False
    """Whether a dilated Conv1d runs as a Conv2d on an image with `dilation` columns."""
    skipped: int = 0
    """Pixels of such an image that are written before the layer's output and mean nothing."""
    surplus: int = 0
    """Pixels that are written beyond the layer's own: `skipped` ones, and those behind the output."""
    broadcast: bool = False
    """Depthwise layers: every processor writes to its own data memory, all groups at once."""
    emulated: bool = False
    """An element-wise operation whose passes run as rows."""
    reset: bool = False
    """Whether a small layer runs before this one, to clear the sums of average pooling."""

    @property
    def kernel_size(self) -> int:
        """Weights of one kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def convolves(self) -> bool:
        """Whether the convolution engine is used."""
        return self.operator is not Operator.PASSTHROUGH


def hardware(network: Network, device: Device, placement: Placement | None = None) -> tuple[Hardware, ...]:
    """The network's layers as they are programmed; without a placement as if no layer were streaming."""
    places: list[LayerPlacement | None] = [None] * len(network.layers)
    if placement is not None:
        places = list(placement.layers)
    return tuple(_hardware(network, device, index, places) for index in range(len(network.layers)))


def hardware_layers(layers: tuple[Hardware, ...]) -> int:
    """How many layers of the chip a network takes, with the ones that are inserted."""
    return len(layers) + sum(layer.reset for layer in layers)


def hardware_weights(layer: Layer, hardware: Hardware) -> IntArray | None:
    """The kernels as they are programmed: (O, I/groups, rows, columns); None for a layer without kernels."""
    if layer.weights is None:
        return None
    outputs, inputs = layer.weights.values.shape[:2]
    kernels = layer.weights.values.reshape(outputs, inputs, *layer.kernel)
    if hardware.kernel == layer.kernel:
        return kernels
    programmed = np.zeros((outputs, inputs, *hardware.kernel), np.int64)
    rows, cols = _taps(layer, hardware)
    programmed[:, :, rows, cols] = kernels
    return programmed


def _taps(layer: Layer, hardware: Hardware) -> tuple[slice, slice]:
    """The rows and columns of the programmed kernel that hold the layer's weights."""
    middle = slice(1, 2)
    if layer.operator is not Operator.CONV1D:
        return middle, middle
    if hardware.image:  # two taps are the lower ones
        return slice(THREE[0] - layer.kernel[0], THREE[0]), middle
    return slice(None, None, layer.dilation[0]), slice(None)


def _hardware(network: Network, device: Device, index: int, places: list[LayerPlacement | None]) -> Hardware:
    layer, place = network.layers[index], places[index]
    if runs_as_image(layer):
        return _image(layer, device, place)
    kernel, pad = _kernel(layer, index, places)
    passes = in_passes(layer)
    return Hardware(layer.operator, kernel, pad, layer.in_dim, layer.pooled_dim, layer.out_dim, passes,
                    out_passes(layer), _tram(layer, kernel, pad), broadcast=_broadcasts(layer, place),
                    emulated=emulates(device, layer.operands, passes.count), reset=_resets(network, device, index))


def _kernel(layer: Layer, index: int, places: list[LayerPlacement | None]) -> tuple[Dim, Dim]:
    """The kernel and the pad that are programmed."""
    if layer.operator is Operator.CONV1D:
        return ((layer.kernel[0] - 1) * layer.dilation[0] + 1, 1), layer.pad
    if layer.operator is Operator.CONVTRANSPOSE2D:
        rows, cols = (d * (k - 1) - p for d, k, p in zip(layer.dilation, layer.kernel, layer.pad, strict=True))
        return layer.kernel, (rows, cols)
    if layer.operator is Operator.CONV2D and layer.kernel == ONE and _beside_streaming(index, places):
        return THREE, ONE
    return layer.kernel, layer.pad


def _beside_streaming(index: int, places: list[LayerPlacement | None]) -> bool:
    """Whether a layer or the one before it is streaming: 1x1 kernels do not work there."""
    return any(place is not None and place.streaming for place in places[max(0, index - 1):index + 1])


def runs_as_image(layer: Layer) -> bool:
    """Whether a dilated Conv1d is too long for one kernel."""
    length, dilation = layer.kernel[0], layer.dilation[0]
    return layer.operator is Operator.CONV1D and dilation > 1 and (length - 1) * dilation >= LONGEST_KERNEL


def _image(layer: Layer, device: Device, place: LayerPlacement | None) -> Hardware:
    """A dilated Conv1d as a 3x3 convolution: sample n is pixel (n // dilation, n % dilation)."""
    dilation = layer.dilation[0]
    dim = -(-layer.in_dim[0] // dilation), dilation
    surplus = dim[0] * dim[1] - layer.out_dim[0]
    return Hardware(Operator.CONV2D, THREE, ONE, dim, dim, dim, in_passes(layer), out_passes(layer),
                    dim[1] + 2 - THREE[1] + 1, image=True, skipped=dilation if layer.kernel[0] == THREE[0] else 0,
                    surplus=surplus, broadcast=_broadcasts(layer, place))


def _tram(layer: Layer, kernel: Dim, pad: Dim) -> int:
    """Words of TRAM that one pass takes: the columns of its output."""
    if not layer.convolves:
        return 1
    columns = layer.pooled_dim[1]
    if layer.operator is Operator.CONVTRANSPOSE2D:
        columns = (columns - 1) * layer.stride[1] + 1 + layer.output_pad[1]
    return max(0, columns + 2 * pad[1] - kernel[1]) + 1


def _broadcasts(layer: Layer, place: LayerPlacement | None) -> bool:
    return layer.groups > 1 and place is not None and place.processors == place.output_processors


def emulates(device: Device, operands: int, passes: int) -> bool:
    """Whether the device cannot combine so many operands and passes, and takes the passes as rows."""
    return (device.emulates_multipass_eltwise and operands > 1 and passes > 1
            and operands * passes != operands + passes)


def _resets(network: Network, device: Device, index: int) -> bool:
    """Whether the sums of average pooling have to be cleared of an element-wise operation's."""
    return (device.average_pool_reset and index > 0 and network.layers[index - 1].operands > 1
            and network.layers[index].pool.average)


def time_slots(layer: Layer, hardware: Hardware, place: LayerPlacement) -> int:
    """Words that a group writes one after the other for one pixel, without convolution or depthwise; 1 otherwise."""
    if hardware.convolves and layer.groups == 1:
        return 1
    width = layer.output_width // DATA_BITS
    most = max((place.processors >> group * GROUP & GROUP_MASK).bit_count() for group in groups(place.processors))
    if not hardware.convolves:
        return -(-most * width // SHARED)
    return (min(most, SHARED) if hardware.broadcast else most) * width
