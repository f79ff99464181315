"""One layer in one group, with everything that its registers depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..device import ADDRESSES, AddressMap, Device
from ..hardware import GROUP_MASK, Hardware, time_slots
from ..memory import LayerBias, LayerKernels, Stream, streams
from ..network import DATA_BITS, Layer, Operator
from ..placement import GROUP, Fifo, LayerPlacement, groups_used
from ..plan import Max7800xPlan
from .numbering import Numbering, numbering
from .register_options import RegisterOptions

ONE = (1, 1)
QUAD_COPIES = sum(1 << group * GROUP for group in range(4))
"""Behind the quad FIFO every group has the processors of group 0."""

Fields = dict[str, int]
"""Values of a register's fields by their names; those that are left out are 0."""


@dataclass(frozen=True)
class Setting:
    """What all layers have in common."""

    plan: Max7800xPlan
    options: RegisterOptions
    numbering: Numbering
    streams: Sequence[Stream | None]
    groups: tuple[int, ...]
    """Groups in use."""

    @classmethod
    def of(cls, plan: Max7800xPlan, options: RegisterOptions) -> Setting:
        """The setting of a plan."""
        return cls(plan, options, numbering(plan), _streams(plan, options), groups_used(plan.network, plan.placement))

    @property
    def device(self) -> Device:
        """The chip."""
        return self.plan.device

    @property
    def addresses(self) -> AddressMap:
        """The chip's addresses."""
        return ADDRESSES[self.device.name]

    @property
    def fifo(self) -> Fifo:
        """How the input enters."""
        return self.plan.placement.fifo

    @property
    def has_fifo(self) -> bool:
        """Whether the input comes through a FIFO."""
        return self.fifo is not Fifo.NONE

    @property
    def first_group(self) -> int:
        """The group that the others follow."""
        return self.groups[0]

    @property
    def streaming(self) -> bool:
        """Whether a layer is streaming."""
        return any(place.streaming for place in self.plan.placement.layers)


def _streams(plan: Max7800xPlan, options: RegisterOptions) -> Sequence[Stream | None]:
    """The numbers of streaming layers, which depend on the pipeline."""
    if options.pipelined(plan.device) == plan.device.pipeline:
        return plan.maps.streams
    slow = replace(plan.device, pipeline=False)
    return streams(plan.network, plan.placement, slow, plan.maps.layers)


@dataclass(frozen=True)
class LayerView:
    """One layer of the network in one group."""

    setting: Setting
    index: int
    group: int

    @property
    def device(self) -> Device:
        """The chip."""
        return self.setting.device

    @property
    def layer(self) -> Layer:
        """The network's layer."""
        return self.setting.plan.network.layers[self.index]

    @property
    def hardware(self) -> Hardware:
        """The layer as it is programmed."""
        return self.setting.plan.maps.layers[self.index]

    @property
    def place(self) -> LayerPlacement:
        """The layer's place; behind the quad FIFO with the processors of all groups."""
        place = self.setting.plan.placement.layers[self.index]
        if not self.quad:
            return place
        return replace(place, processors=(place.processors & GROUP_MASK) * QUAD_COPIES)

    @property
    def kernels(self) -> LayerKernels | None:
        """Where its kernels lie; None for a layer without."""
        return self.setting.plan.maps.kernels.layers[self.index]

    @property
    def bias(self) -> LayerBias | None:
        """Where its bias lies; None for a layer without."""
        return self.setting.plan.maps.biases.layers[self.index]

    @property
    def stream(self) -> Stream | None:
        """Its streaming numbers; None for a layer that does not wait for words."""
        return self.setting.streams[self.index]

    @property
    def number(self) -> int:
        """The layer's number on the chip."""
        return self.setting.numbering.numbers[self.index]

    @property
    def quad(self) -> bool:
        """Whether this is the layer behind the quad FIFO."""
        return self.index == 0 and self.setting.fifo is Fifo.QUAD

    @property
    def leads(self) -> bool:
        """Whether the group is the one that the others follow."""
        return self.group == self.setting.first_group

    @property
    def processors(self) -> int:
        """The group's processors of the layer (bit 0: the group's first)."""
        return self.place.processors >> self.group * GROUP & GROUP_MASK

    @property
    def convolves(self) -> bool:
        """Whether the convolution engine is used."""
        return self.hardware.convolves

    @property
    def depthwise(self) -> bool:
        """Whether every processor has kernels of its own channel alone."""
        return self.layer.groups > 1

    @property
    def transposed(self) -> bool:
        """Whether the image is stretched."""
        return self.hardware.operator is Operator.CONVTRANSPOSE2D

    @property
    def pointwise(self) -> bool:
        """Whether the layer is a two-dimensional convolution with 1x1 kernels, or linear."""
        return self.hardware.operator in (Operator.CONV2D, Operator.LINEAR) and self.hardware.kernel == ONE

    @property
    def in_passes(self) -> int:
        """Passes of the input."""
        return self.hardware.in_passes.count

    @property
    def out_passes(self) -> int:
        """Passes of the output."""
        return self.hardware.out_passes.count

    @property
    def width(self) -> int:
        """Bytes of an output."""
        return self.layer.output_width // DATA_BITS

    @property
    def slots(self) -> int:
        """Words that the group with the most processors writes one after the other."""
        return time_slots(self.layer, self.hardware, self.place)

    @property
    def weight_bits(self) -> int:
        """Bits of a weight; a layer that bypasses its kernels counts as one of 8."""
        return DATA_BITS if self.layer.bypass else self.layer.weight_bits

    @property
    def flat(self) -> int:
        """Flattening layers: the last index of a processor's pixels in all passes; 0 for others."""
        rows, cols = self.hardware.pooled_dim
        return self.in_passes * rows * cols - 1 if self.layer.flatten else 0

    @property
    def counts_flat(self) -> bool:
        """Whether that index needs the counter for flattening."""
        return self.flat >= self.device.passes
