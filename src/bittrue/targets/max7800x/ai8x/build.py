"""From a description and weights to the layers of the network as the accelerator runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from ....errors import Diagnostics, declare
from ..network import BUFFER, INPUT, Activation, Dim, Layer, Operator, Pool, RollingBuffer, Weights
from .geometry import Data, Joined, joined, read_size, text
from .resolve import Form
from .weights import LayerWeights, kernel_fits, settle, total_shift

declare({"BT5214": "a layer of a network description has no output"})

BYPASS_SHIFT = 7
"""The output shift of a layer without kernels when none is stated: the sum of its inputs stays as it is."""

_SIZES = ("operation", "max_pool", "avg_pool", "pool_stride", "pool_dilation", "kernel_size", "stride", "pad",
          "dilation", "output_pad", "flatten")
"""Keys that decide the size of the output."""


@dataclass
class Builder:
    """Adds layer after layer in the order in which they run.

    What a problem keeps unknown (it is reported already) is None, and raises no further problem.
    """

    forms: Sequence[Form]
    weights: Mapping[int, LayerWeights]
    """By sequence number."""
    entry: Data
    """The network's input."""
    buffer: RollingBuffer | None
    found: Diagnostics
    drop_channels: bool = False
    """Whether surplus channels of an input are not read, without `in_channels` saying so."""
    layers: dict[int, Layer | None] = field(default_factory=dict)
    """By position in the description, in the order in which they run; their sources are positions too."""
    data: dict[int, Data] = field(default_factory=dict)
    """Their outputs."""
    settled: dict[int, Weights | None] = field(default_factory=dict)
    """Weights by sequence number: layers that share weights share the object."""

    def add(self, place: int) -> None:
        """Add the layer at a position of the description."""
        form = self.forms[place]
        owner = self._owner(form)
        given = self.weights.get(owner.keys.number)
        joint = self._joined(form)
        dim = read_size(form, joint, self.buffer, self.found)
        channels = self._in_channels(form, joint.data.channels, dim, given)
        weights = self._weights(form, owner, given)
        layer = None if dim is None else _layer(form, joint, dim, channels or 1, given, weights)
        shown = layer is not None and self._has_output(form, layer)
        fits = shown and layer is not None and channels is not None and self._fits(form, layer, given)
        sized = shown and (given is None or not form.weighted or kernel_fits(form, given))
        self.layers[place] = layer if fits else None
        self.data[place] = Data(_outputs(form, given, self.layers[place]), layer.out_dim if sized and layer else None)

    def _joined(self, form: Form) -> Joined:
        if form.sources is None and form.keys.states("in_sequences"):
            return Joined((), Data())
        sources = form.sources or (next(reversed(self.data), INPUT),)
        return joined(form, sources, [self._source(form, source) for source in sources], self.found)

    def _source(self, form: Form, source: int) -> Data:
        if source == INPUT:
            return self.entry
        if source == BUFFER:
            return Data(self.buffer.channels, self.buffer.dim) if self.buffer else Data()
        if source not in self.data:
            self.found.add("BT5208", form.keys.where("in_sequences"), "it reads layer "
                           f"{self.forms[source].keys.number}, which has not run before",
                           "let it read layers that run earlier")
        return self.data.get(source, Data())

    def _owner(self, form: Form) -> Form:
        """The layer whose weights a layer uses: itself, or its `weight_source`."""
        seen: set[int] = set()
        while form.weight_source is not None and form.weight_source not in seen:
            seen.add(form.weight_source)
            form = self.forms[form.weight_source]
        return form

    def _weights(self, form: Form, owner: Form, given: LayerWeights | None) -> Weights | None:
        if given is None or form.operator is Operator.PASSTHROUGH or form.keys.bypass:
            return None
        number = owner.keys.number
        if form is owner or number not in self.settled or self.settled[number] is None:
            self.settled[number] = settle(form, given, self.found)
        return self.settled[number]

    def _in_channels(self, form: Form, available: int | None, dim: Dim | None,
                     given: LayerWeights | None) -> int | None:
        """Channels of one operand: stated, those of the sources, or where these are not known those of the weights."""
        keys = form.keys
        if keys.unclear("in_channels", "in_channel_skip", "operands"):
            return None
        inputs = keys.in_channels
        if inputs is None and given is not None and (self.drop_channels or available is None or keys.in_channel_skip):
            inputs = given.inputs * (keys.groups or 1)
        if inputs is None:
            return None if available is None else self._share(form, available)
        return None if dim is None else self._checked(form, available, inputs, _pixels(form, dim))

    def _checked(self, form: Form, available: int | None, inputs: int, pixels: int) -> int | None:
        """Channels of one operand from the inputs of the main operation; a flattening layer has one per pixel."""
        keys, skip, channels = form.keys, form.keys.in_channel_skip or 0, max(inputs // max(pixels, 1), 1)
        if keys.in_channels is not None and inputs % max(pixels, 1):
            self.found.add("BT5212", keys.where("in_channels"), f"in_channels of a flattening layer is {inputs}, which "
                           f"is no multiple of its {pixels} pixels", "state channels x rows x columns, or nothing")
            return None
        if available is not None and channels * form.operands + skip > available:
            self.found.add("BT5212", keys.where("in_channels", "in_channel_skip"), f"it reads {form.operands} x "
                           f"{channels} channels from channel {skip} on, its input has {available}",
                           "correct in_channels, or the layers it reads")
            return None
        return channels

    def _share(self, form: Form, available: int) -> int | None:
        left = available - (form.keys.in_channel_skip or 0)
        if left < 1 or left % form.operands:
            self.found.add("BT5212", form.keys.where("operands", "in_channel_skip", "eltwise", "operation"),
                           f"{left} channels cannot be split into {form.operands} operands",
                           "correct operands, or the layers it reads")
            return None
        return left // form.operands

    def _has_output(self, form: Form, layer: Layer) -> bool:
        """Whether the size of the output is known, and at least one pixel."""
        if form.keys.unclear(*_SIZES):
            return False
        if min(layer.pooled_dim) < 1 or min(layer.out_dim) < 1:
            self.found.add("BT5214", form.keys.where("max_pool", "avg_pool", "pool_stride", "kernel_size"), "an input "
                           f"of {text(layer.in_dim)} gives {text(layer.pooled_dim)} after pooling and "
                           f"{text(layer.out_dim)} after the convolution", "correct the pooling, the kernel or in_dim")
            return False
        return True

    def _fits(self, form: Form, layer: Layer, given: LayerWeights | None) -> bool:
        """Whether inputs, weights and stated outputs agree, and the layer is complete."""
        keys, before = form.keys, len(self.found)
        weighted = layer.convolves and not layer.bypass
        if weighted and given is not None:
            self._fits_weights(form, layer, given)
        outputs = _outputs(form, given, layer)
        if keys.out_channels is not None and outputs not in (None, keys.out_channels):
            self.found.add("BT5212", keys.where("out_channels"), f"out_channels is {keys.out_channels}, the layer "
                           f"gives {outputs}", "remove out_channels")
        return len(self.found) == before and (layer.weights is not None or not weighted)

    def _fits_weights(self, form: Form, layer: Layer, given: LayerWeights) -> None:
        keys = form.keys
        if keys.unclear("groups", "flatten", "operation"):
            return
        if given.inputs * layer.groups != layer.inputs:
            self.found.add("BT5212", f"{keys.where('in_channels', 'in_sequences', 'flatten', 'groups')}, {given.name}",
                           f"the layer has {layer.inputs} inputs, its weights are for {given.inputs * layer.groups}",
                           "correct the layers it reads, in_dim, flatten or groups, or give this network's checkpoint")
        if given.outputs % layer.groups:
            self.found.add("BT5212", keys.where("groups"), f"{given.outputs} output channels cannot be split into "
                           f"{layer.groups} groups", "correct groups")


def _layer(form: Form, joint: Joined, dim: Dim, channels: int, given: LayerWeights | None,
           weights: Weights | None) -> Layer:
    keys = form.keys
    return Layer(
        name=keys.name or "", operator=Operator.LINEAR if keys.flatten else form.operator, sources=joint.sources,
        in_channels=channels, in_dim=dim, spatial_join=joint.spatial, crop=keys.in_crop or (0, 0),
        channel_skip=keys.in_channel_skip or 0, pool=_pool(form, dim), pool_first=keys.pool_first is not False,
        eltwise=form.eltwise, operands=form.operands, flatten=bool(keys.flatten),
        weights=_unflattened(weights) if keys.flatten else weights, bypass=bool(keys.bypass),
        bypass_channels=(keys.out_channels or 0) if keys.bypass else 0, kernel=form.kernel, stride=form.stride,
        pad=(0, 0) if keys.flatten else form.pad, dilation=form.dilation, output_pad=form.output_pad,
        groups=keys.groups or 1, shift=_shift(form, given, weights), activation=keys.activate or Activation.NONE,
        output_width=keys.output_width or 8, buffer_shift=keys.buffer_shift or 0, buffer_insert=keys.buffer_insert or 0,
        sequence=keys.number)


def _pool(form: Form, dim: Dim) -> Pool:
    """The pooling; of 1-D data that are passed on only rows are pooled."""
    pool = form.pool
    if form.operator is not Operator.PASSTHROUGH or dim[1] != 1:
        return pool
    return replace(pool, window=(pool.window[0], 1), stride=(pool.stride[0], 1), dilation=(pool.dilation[0], 1))


def _shift(form: Form, given: LayerWeights | None, weights: Weights | None) -> int:
    if form.operator is Operator.PASSTHROUGH:
        return 0
    if form.keys.bypass:
        return BYPASS_SHIFT if form.keys.output_shift is None else form.keys.output_shift
    return 0 if given is None or weights is None else total_shift(form, given, weights.bits)


def _unflattened(weights: Weights | None) -> Weights | None:
    """Weights of a flattening layer as a linear layer has them; None for kernels, which have been reported."""
    if weights is None or prod(weights.values.shape[2:]) != 1:
        return None
    return replace(weights, values=weights.values.reshape(weights.values.shape[:2]))


def _pixels(form: Form, dim: Dim) -> int:
    """Inputs of the main operation per channel."""
    return prod(_pool(form, dim).output(dim)) if form.keys.flatten else 1


def _outputs(form: Form, given: LayerWeights | None, layer: Layer | None) -> int | None:
    """Output channels, as far as they are known."""
    if form.operator is not Operator.PASSTHROUGH and not form.keys.bypass:
        return None if given is None else given.outputs
    return None if layer is None else layer.out_channels
