"""From a frozen graph to hardware layers (legalization): pooling, sums and activations into the layers beside them,
linear layers and other kernels as those that the device has, copies where a tensor is needed in two arrangements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ....errors import Unsupported, declare
from ....ir import Graph, Node, Op
from ....ir.graph import Input
from ....ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    Linear,
    MaxPool,
    Relu,
    Requant,
    Reshape,
    Slice,
    Sub,
)
from ....passes import RemoveDead
from ..device import Device
from ..network import INPUT, Network
from . import pointwise, products, reads
from .connect import connected
from .layout import Arrangement, Block, Part, arrange
from .regroup import regrouped
from .value import dim_of
from .walk import Walk

__all__ = ["Arrangement", "Block", "Part", "arrange", "connected", "legalize"]

declare({
    "BT5370": "the accelerator has no such op",
    "BT5371": "a tensor is no signed 8-bit data",
    "BT5373": "the network's input cannot be loaded",
    "BT5374": "a pooling is none that the accelerator has",
    "BT5375": "averages are rounded in a way that the accelerator does not have",
    "BT5376": "an element-wise operation is none that the accelerator has",
    "BT5377": "a concatenation is none that the accelerator has",
    "BT5378": "a reshape mixes channels and pixels",
    "BT5379": "a slice leaves out rows or columns",
    "BT5380": "a requantization is no shift",
    "BT5381": "sums are used without a requantization",
    "BT5382": "a convolution is none that the accelerator has",
    "BT5383": "an activation is none that the accelerator has",
    "BT5384": "concatenated channels do not fill words",
    "BT5385": "concatenated channels do not fill passes",
})

HANDLERS: dict[type[Op], Callable[[Walk, Node], None]] = {
    Input: reads.input_,
    MaxPool: reads.max_pool, AvgPool: reads.avg_pool,
    Add: reads.eltwise, Sub: reads.eltwise, BitOr: reads.eltwise, BitXor: reads.eltwise,
    Concat: reads.concat, Reshape: reads.reshape, Flatten: reads.reshape,
    Conv: products.product, ConvTranspose: products.product, Linear: products.product,
    Requant: pointwise.requant, Relu: pointwise.relu, Clip: pointwise.clip, Abs: pointwise.magnitude,
    Slice: pointwise.channels,
}


def legalize(graph: Graph, device: Device) -> Arrangement:
    """The hardware layers that compute a graph, and how their tensors lie beside and between one another.

    Raises `Unsupported` (BT5370..BT5385) with everything that the device's accelerator cannot compute.
    """
    walk = Walk(RemoveDead().run(graph).graph, device)
    walk.run(HANDLERS)
    walk.found.raise_as(Unsupported)
    arrangement = arrange(regrouped(_network(walk)), device, walk.found)
    walk.found.raise_as(Unsupported)
    return connected(arrangement)


def _network(walk: Walk) -> Network:
    """The layers of a finished walk, as a network."""
    outputs = []
    for name in walk.graph.outputs:
        value = walk.values[name]
        if not value.stored or value.sources == (INPUT,):
            value = walk.copy(replace(value, flat=False, saturated=True, name=name))
        outputs.append(value.sources[0])
    shape = walk.graph.types[walk.graph.inputs[0].name].shape
    return Network(walk.graph.name, shape[0], dim_of(shape), tuple(walk.layers), tuple(outputs),
                   bool(walk.round_average), len(shape) == 2)
