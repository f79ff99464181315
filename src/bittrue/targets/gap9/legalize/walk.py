"""The walk over a graph: what has been made of its nodes so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ....errors import Diagnostics, Unsupported
from ....ir import I32, Graph, IntType, Node, Op
from ....ir.graph import Input
from ....ir.ops import Flatten, Reshape
from ..network import Layer, Tensor
from .layout import Layout

BYTES = ("i8", "u8")
Pads = tuple[int, int, int, int]
"""Top, left, bottom, right."""


class Refused(Exception):
    """A node that no kernel can compute; the walk notes why and goes on."""

    def __init__(self, code: str, why: str, fix: str, node: str | None = None) -> None:
        self.code, self.why, self.fix, self.node = code, why, fix, node
        super().__init__(why)


@dataclass(frozen=True)
class Padded:
    """Zeros around an image that exist only as pads of the windows that read it."""

    source: str
    pads: Pads


@dataclass
class Walk:
    """Layers so far, and the tensor of every node that a later one may read."""

    graph: Graph
    original: Graph
    """The graph before activations became part of requantizations."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    """The tensor that holds a node's values."""
    padded: dict[str, Padded] = field(default_factory=dict)
    joined: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Tensors that are concatenations, and the tensors that they consist of."""
    whole: set[str] = field(default_factory=set)
    """Tensors that must not become slices, for somebody reads their pixels in one go."""
    taken: set[str] = field(default_factory=set)
    """Nodes that are part of another node's layer; nobody else reads them."""
    wishes: dict[str, Layout | None] = field(default_factory=dict)
    """The layout that the readers of a node want, where they want one."""
    lost: set[str] = field(default_factory=set)
    """Nodes without a value, because they or what they read was refused."""
    found: Diagnostics = field(default_factory=Diagnostics)

    def run(self, handlers: Mapping[type[Op], Callable[[Walk, Node], None]]) -> None:
        """Walk over all nodes; problems are collected in `found`."""
        for node in self.graph:
            if node.name in self.taken:
                continue
            if any(name in self.lost for name in node.inputs):
                self.lost.add(node.name)
                continue
            try:
                _handler(handlers, node)(self, node)
            except Refused as refused:
                self.found.add(refused.code, _where(self.graph.node[refused.node or node.name]), refused.why,
                               refused.fix)
                self.lost.add(node.name)
            except Unsupported as problem:
                self.found.extend(problem)
                self.lost.add(node.name)

    def tensor(self, name: str) -> Tensor:
        """The tensor that holds a node's values."""
        return self.tensors[self.values[name]]

    def data(self, name: str, layout: Layout | None, reader: str) -> Tensor:
        """A node's values as bytes that lie as a kernel reads them. Raises `Refused` (BT5542, BT5544)."""
        return self.bytes_of(name, self.shaped(name, layout, reader))

    def bytes_of(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor, if it holds bytes. Raises `Refused` (BT5542)."""
        if tensor.elem in BYTES:
            return tensor
        reach = self.graph.ranges[name]
        raise Refused("BT5542", f"it reads {name}, {self.graph.types[name]}, with values {int(reach.lo.min())}.."
                      f"{int(reach.hi.max())}; its kernel reads bytes", "requantize what it reads to 8 bits")

    def shaped(self, name: str, layout: Layout | None, reader: str) -> Tensor:
        """A node's values in a layout: its tensor, or a view of it. Raises `Refused` (BT5544)."""
        tensor = self.tensor(name)
        here = Layout.of(tensor)
        if layout is None or layout.channels != here.channels or not here.same_memory(layout):
            moved = isinstance(self.graph.node[name].op, Reshape | Flatten)
            raise Refused("BT5544", f"{reader} would read {name}, {self.graph.types[name]}, in another order than it "
                          f"lies in memory ({here.height} x {here.width} pixels of {here.channels} channels)",
                          MOVES, name if moved else None)
        if layout.size == here.size:
            return tensor
        return self.view(name, layout.tensor(name, tensor.elem, (tensor.name, 0)))

    def view(self, name: str, tensor: Tensor) -> Tensor:
        """Enter a view, under the node's name if no tensor has it."""
        if name in self.tensors:
            return self.enter(replace(tensor, name=self.free(f"{name}.view")))
        self.values[name] = name
        return self.enter(tensor)

    def enter(self, tensor: Tensor) -> Tensor:
        """Enter a tensor."""
        self.tensors[tensor.name] = tensor
        return tensor

    def dense(self, tensor: Tensor) -> Tensor:
        """A tensor whose pixels lie one behind the other: it, or a copy that takes its name. It stays so."""
        parents = [tensor]
        while (within := parents[-1].within) is not None:
            parents.append(self.tensors[within[0]])
        if any(parent.channels != tensor.channels for parent in parents):
            part = self.enter(replace(tensor, name=self.free(f"{tensor.name}.slice")))
            self.append(Layer("", "pad", (tensor.name,), (part.name,), ""), replace(tensor, within=None))
            parents = [tensor]
        self.whole |= {parent.name for parent in parents}
        return self.tensors[tensor.name]

    def append(self, layer: Layer, output: Tensor) -> None:
        """Add a layer and its output; its name and the output's become the tensor's."""
        self.enter(output)
        self.layers.append(replace(layer, name=output.name, output=output.name))

    def finish(self, layer: Layer, layout: Layout, elem: str) -> None:
        """Add a layer that computes its last node, and take all its nodes."""
        last = layer.nodes[-1]
        self.append(layer, layout.tensor(last, elem))
        self.take(layer.nodes)

    def take(self, nodes: tuple[str, ...], tensor: str | None = None) -> None:
        """The last of some nodes has a value, the others have none."""
        self.taken |= set(nodes)
        self.values[nodes[-1]] = tensor or nodes[-1]

    def free(self, name: str) -> str:
        """The name, or one like it that nothing has."""
        while name in self.tensors or name in self.graph.node or name in self.original.node:
            name += "_"
        return name

    def only_user(self, name: str) -> Node | None:
        """The one node that reads a tensor, if there is one and the tensor is no output."""
        users = self.graph.users[name]
        return users[0] if len(users) == 1 and name not in self.graph.outputs else None

    def after(self, first: str, last: str) -> tuple[str, ...]:
        """The nodes behind `first`, up to `last`, of a chain of nodes with one operand."""
        names: list[str] = []
        while last != first:
            names.append(last)
            last = self.original.node[last].inputs[0]
        return tuple(reversed(names))


MOVES = "order the axes so that nothing moves: image (C, H, W) or rows (..., C); flatten only before a linear layer"


def _handler(handlers: Mapping[type[Op], Callable[[Walk, Node], None]], node: Node) -> Callable[[Walk, Node], None]:
    if type(node.op) not in handlers:
        use = ALTERNATIVES.get(node.op.kind, "")
        raise Refused("BT5540", f"the cluster has no kernel for {node.op.kind}",
                      f"{use}use {', '.join(sorted(op.kind for op in handlers if op is not Input))}, or compute it on "
                      "the host")
    return handlers[type(node.op)]


ALTERNATIVES: Mapping[str, str] = {
    "ConvTranspose": "repeat pixels on the host, and convolve; or ",
    "Sub": "add a negated operand (let its requantization have negative multipliers); or ",
}


def _where(node: Node) -> str:
    return f"node {node.name} ({node.op.kind})"


def storage(graph: Graph, name: str) -> str:
    """The element type that a node's values are stored in: bytes where they fit, else 32 bits; inputs also 16 bits.

    Raises `Refused` (BT5542) beyond signed 32 bits.
    """
    elem, reach = graph.types[name].elem, graph.ranges[name]
    if elem.bits <= 8:
        return "i8" if elem.signed else "u8"
    wider = ("i16", "u16", "i32") if isinstance(graph.node[name].op, Input) else ("i32",)
    fit: list[str] = [kind for kind in (*BYTES, *wider) if reach.within(IntType.parse(kind))]
    if fit:
        return fit[0]
    raise Refused("BT5542", f"its values reach {int(reach.hi.max())}; sums have {I32} at most",
                  "use smaller weights or fewer products")
