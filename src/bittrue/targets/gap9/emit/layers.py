"""What the templates say of every layer: its names in C, its tiles, its words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..kernels import KERNELS, Kernel, Kind
from ..network import Layer, Network, Tensor
from ..program import Program, Step
from .names import identifiers
from .sizes import layer_parts, layer_transfers


@dataclass(frozen=True)
class TensorView:
    """A tensor in L2, as C sees it."""

    name: str
    place: int
    """Bytes from the arena's begin."""
    pitch: int
    tensor: Tensor

    @property
    def type(self) -> str:
        """The name of its elements' type in C."""
        return f"BT_{self.tensor.elem.upper()}"

    @property
    def size(self) -> str:
        """Height, width, channels and elements in words."""
        return f"{self.tensor.height}x{self.tensor.width}x{self.tensor.channels} {self.tensor.elem}"


@dataclass(frozen=True)
class LayerView:
    """One layer."""

    name: str
    ident: str
    """Its name in C, behind a prefix."""
    kernel: Kernel
    macs: int
    cycles: int | None
    first: int
    """The number of its first step."""
    steps: tuple[Step, ...]
    transfers: int
    """DMA commands that a table has room for."""
    parts: int
    output: TensorView
    text: str

    @property
    def tiles(self) -> str:
        """How it is cut, in words."""
        count = len(self.steps)
        return "1 tile" if count == 1 else f"{count} tiles, the first one {self.steps[0].region}"


def tensor_view(program: Program, name: str) -> TensorView:
    """Where a tensor lies."""
    tensor = program.network.tensors[name]
    root, first = program.network.root(name)
    return TensorView(name, program.places[root.name] + first * root.element_bytes, root.pixel_bytes, tensor)


def layer_views(program: Program) -> list[LayerView]:
    """All layers in order. Raises ValueError if a layer's steps are not together and in the layers' order."""
    found = {number: tuple(steps) for number, steps in groupby(program.steps, lambda step: step.layer)}
    network = program.network
    order = [step.layer for step in program.steps]
    if order != sorted(order) or set(order) != set(range(len(network.layers))):
        raise ValueError("every layer has steps, one layer after the other")
    idents = identifiers(layer.name for layer in network.layers)
    views, first = [], 0
    for number, layer in enumerate(network.layers):
        steps = found[number]
        views.append(LayerView(
            layer.name, idents[number], KERNELS[layer.kernel], layer.macs,
            program.cycles[number] if program.cycles else None, first, steps, layer_transfers(program, number),
            layer_parts(steps), tensor_view(program, layer.output), describe(network, layer)))
        first += len(steps)
    return views


def describe(network: Network, layer: Layer) -> str:
    """A layer in a line."""
    inputs = " and ".join(_size(network.tensors[name]) for name in layer.inputs)
    parts = [layer.kernel + _window(layer)]
    if layer.weights is not None:
        parts.append(f"{layer.weight_bits}-bit weights")
    if layer.requant.kind is not Kind.NONE:
        parts.append(f"requantized {layer.requant.kind.name}")
    return f"{', '.join(parts)}: {inputs} -> {_size(network.tensors[layer.output])}"


def _window(layer: Layer) -> str:
    window = layer.window
    if layer.kernel not in ("conv", "depthwise", "max_pool", "avg_pool", "pointwise"):
        return ""
    words = [f" {window.kernel[0]}x{window.kernel[1]}"]
    if window.stride != (1, 1):
        words.append(f" stride {window.stride[0]}x{window.stride[1]}")
    if any(window.pads):
        words.append(f" padding {', '.join(map(str, window.pads))}")
    if window.dilation != (1, 1):
        words.append(f" dilation {window.dilation[0]}x{window.dilation[1]}")
    return "".join(words)


def _size(tensor: Tensor) -> str:
    return f"{tensor.height}x{tensor.width}x{tensor.channels} {tensor.elem}"
