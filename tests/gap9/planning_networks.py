"""Networks of kernels written by hand, and what they compute, in NumPy int64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from bittrue.ir.ops.spatial import Window
from bittrue.targets.gap9.kernels import NO_REQUANT, Kind, RequantTable
from bittrue.targets.gap9.network import Layer, Network, Tensor
from bittrue.targets.gap9.project import to_bytes
from gap9.kernel_builds import Ints
from gap9.kernel_reference import scaled, windows

RANGES = {"i8": (-128, 127), "u8": (0, 255), "i16": (-999, 999), "u16": (0, 999), "i32": (-99_999, 99_999)}


@dataclass
class Build:
    """A network that grows layer by layer; every method gives the name of the tensor that it makes."""

    random: np.random.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def input(self, height: int, width: int, channels: int, elem: str = "u8") -> str:
        name = f"input{len(self.inputs)}"
        self.tensors[name] = Tensor(name, height, width, channels, elem, (channels, height, width))
        self.inputs.append(name)
        return name

    def whole(self, height: int, width: int, channels: int, elem: str = "u8") -> str:
        """A tensor that several layers write slices of."""
        name = f"whole{len(self.tensors)}"
        self.tensors[name] = Tensor(name, height, width, channels, elem, (channels, height, width))
        return name

    def slice(self, of: str, first: int, channels: int) -> str:
        """A slice for reading."""
        whole = self.tensors[of]
        name = f"slice{len(self.tensors)}"
        self.tensors[name] = replace(whole, name=name, channels=channels, within=(of, first))
        return name

    def requant(self, kind: Kind, channels: int, per_channel: bool, elem: str, size: int) -> RequantTable:
        """Numbers for accumulators of about `size` in absolute value."""
        lo, hi = RANGES[elem]
        shift = max(1, int(size).bit_length() - 6)
        count = channels if per_channel else 1
        scales = [(int(self.random.integers(1, 4)), int(self.random.integers(-99, 99)), shift) for _ in range(count)]
        if kind is Kind.SPLIT:
            pairs = [(m << 20, o << 20, max(0, shift - 12)) for m, o, _ in scales for _ in range(2)]
            splits = tuple(int(self.random.integers(-99, 99)) for _ in range(count))
            return RequantTable(kind, tuple(pairs), splits, per_channel, lo, hi)
        if kind is Kind.WIDE:
            scales = [(m << 20, o << 20, max(0, s - 12)) for m, o, s in scales]
        return RequantTable(kind, tuple(scales), (), per_channel, lo, hi)

    def add_layer(self, kernel: str, inputs: tuple[str, ...], size: tuple[int, int, int], elem: str,
                  into: tuple[str, int] | None = None, **fields: object) -> str:
        name = f"{kernel}{len(self.layers)}"
        self.tensors[name] = Tensor(name, *size, elem, (size[2], size[0], size[1]), into)
        self.layers.append(Layer(name, kernel, (name,), inputs, name, **fields))  # type: ignore[arg-type]
        return name

    def window(self, source: str, kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[int, int, int, int],
               dilation: tuple[int, int] = (1, 1)) -> tuple[Window, int, int]:
        x = self.tensors[source]
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        height = (x.height + pads[0] + pads[2] - reach[0]) // stride[0] + 1
        width = (x.width + pads[1] + pads[3] - reach[1]) // stride[1] + 1
        return Window(kernel, stride, pads, dilation), height, width

    def conv(self, source: str, channels: int, kernel: tuple[int, int] = (3, 3), stride: tuple[int, int] = (1, 1),
             pads: tuple[int, int, int, int] = (1, 1, 1, 1), dilation: tuple[int, int] = (1, 1), bits: int = 8,
             kind: Kind = Kind.WIDE, elem: str = "u8", name: str = "conv",
             into: tuple[str, int] | None = None) -> str:
        """conv, pointwise (`name`) or depthwise."""
        x = self.tensors[source]
        window, height, width = self.window(source, kernel, stride, pads, dilation)
        shape = (channels, *kernel) if name == "depthwise" else (channels, x.channels, *kernel)
        weights = self.integers(bits, shape)
        table = self.table(kind, channels, elem, int(np.prod(shape[1:])) * 40 << (bits - 1))
        return self.add_layer(name, (source,), (height, width, channels), "i32" if kind is Kind.NONE else elem, into,
                              window=window, weights=weights, weight_bits=bits, requant=table,
                              bias=self.random.integers(-999, 999, channels))

    def table(self, kind: Kind, channels: int, elem: str, size: int) -> RequantTable:
        return NO_REQUANT if kind is Kind.NONE else self.requant(kind, channels, kind is not Kind.NARROW, elem, size)

    def integers(self, bits: int, shape: tuple[int, ...]) -> Ints:
        limit = 1 << (bits - 1)
        return self.random.integers(-limit, limit, shape)

    def linear(self, source: str, channels: int, kind: Kind = Kind.WIDE, bits: int = 8, elem: str = "i8",
               flat: bool = True) -> str:
        """On the whole tensor as one row, or (not `flat`) on every pixel."""
        x = self.tensors[source]
        length = x.height * x.width * x.channels if flat else x.channels
        size = (1, 1, channels) if flat else (x.height, x.width, channels)
        return self.add_layer("linear", (source,), size, "i32" if kind is Kind.NONE else elem,
                              weights=self.integers(bits, (channels, length)), weight_bits=bits,
                              requant=self.table(kind, channels, elem, length * 40 << (bits - 1)),
                              bias=self.random.integers(-999, 999, channels))

    def pool(self, source: str, kernel: tuple[int, int], stride: tuple[int, int], name: str = "max_pool",
             pads: tuple[int, int, int, int] = (0, 0, 0, 0), kind: Kind = Kind.NARROW, elem: str | None = None) -> str:
        x = self.tensors[source]
        window, height, width = self.window(source, kernel, stride, pads)
        table = self.table(kind, x.channels, x.elem, 99 * kernel[0] * kernel[1]) if name == "avg_pool" else NO_REQUANT
        elem = "i32" if name == "avg_pool" and kind is Kind.NONE else elem or x.elem
        return self.add_layer(name, (source,), (height, width, x.channels), elem, window=window, requant=table)

    def add(self, a: str, b: str, kind: Kind = Kind.NARROW, elem: str = "u8") -> str:
        x = self.tensors[a]
        return self.add_layer("add", (a, b), (x.height, x.width, x.channels), elem,
                              requant=self.table(kind, x.channels, elem, 256))

    def requantize(self, source: str, kind: Kind = Kind.WIDE, elem: str = "i8",
                   into: tuple[str, int] | None = None) -> str:
        x = self.tensors[source]
        return self.add_layer("requantize", (source,), (x.height, x.width, x.channels), elem, into,
                              requant=self.table(kind, x.channels, elem, 1 << 12))

    def lookup(self, source: str) -> str:
        x = self.tensors[source]
        return self.add_layer("lookup", (source,), (x.height, x.width, x.channels), "i8",
                              table=bytes(self.random.permutation(256).astype(np.uint8).tobytes()))

    def leaky(self, source: str) -> str:
        x = self.tensors[source]
        return self.add_layer("leaky_relu", (source,), (x.height, x.width, x.channels), "i8",
                              requant=RequantTable(Kind.NARROW, ((13, 64, 7),), (), False, -128, 127))

    def pad(self, source: str, padding: tuple[int, int, int, int, int, int], value: int = 5) -> str:
        """top, left, front, bottom, right, back"""
        x = self.tensors[source]
        top, left, front, bottom, right, back = padding
        size = (x.height + top + bottom, x.width + left + right, x.channels + front + back)
        return self.add_layer("pad", (source,), size, x.elem, padding=padding, value=value)

    def network(self, *outputs: str) -> Network:
        return Network("by hand", self.tensors, tuple(self.layers), tuple(self.inputs), outputs)


def quickly_scaled(acc: Ints, table: RequantTable) -> Ints:
    """A requantization, on (..., channels); the kinds that are floors in words of 64 bits."""
    if table.kind not in (Kind.NARROW, Kind.WIDE, Kind.SPLIT):
        return scaled(acc, table)
    columns = np.array(table.scales, np.int64).reshape(-1, 2 if table.kind is Kind.SPLIT else 1, 3)
    up = 0 if table.kind is Kind.NARROW else 32
    found = [(acc * columns[:, i, 0] + columns[:, i, 1]) >> (columns[:, i, 2] + up) for i in range(columns.shape[1])]
    value = np.where(acc >= np.array(table.splits), found[0], found[1]) if table.kind is Kind.SPLIT else found[0]
    return np.clip(value, table.lo, table.hi)


def evaluate(network: Network, inputs: dict[str, Ints]) -> dict[str, Ints]:
    """Every tensor (H, W, C), computed layer by layer on whole tensors."""
    values = dict(inputs)
    for layer in network.layers:
        y = _layer(network, layer, [_read(network, values, name) for name in layer.inputs])
        _write(network, values, layer.output, y.reshape([getattr(network.tensors[layer.output], axis)
                                                         for axis in ("height", "width", "channels")]))
    return values


def _read(network: Network, values: dict[str, Ints], name: str) -> Ints:
    tensor, (root, first) = network.tensors[name], network.root(name)
    return values[root.name][:, :, first:first + tensor.channels]


def _write(network: Network, values: dict[str, Ints], name: str, y: Ints) -> None:
    root, first = network.root(name)
    whole = values.setdefault(root.name, np.zeros((root.height, root.width, root.channels), np.int64))
    whole[:, :, first:first + y.shape[2]] = y


def _layer(network: Network, layer: Layer, x: list[Ints]) -> Ints:
    out, w = network.tensors[layer.output], layer.window
    if layer.kernel in ("conv", "pointwise", "depthwise", "max_pool", "avg_pool"):
        seen = windows(x[0], (out.height, out.width), w.kernel, w.stride, (w.pads[0], w.pads[1]), w.dilation,
                       -999 if layer.kernel == "max_pool" else 0)
        if layer.kernel == "max_pool":
            return seen.max(axis=(2, 3))
        product = {"avg_pool": "yxhwc->yxc", "depthwise": "yxhwc,chw->yxc"}.get(layer.kernel, "yxhwi,oihw->yxo")
        acc = np.einsum(product, *((seen,) if layer.weights is None else (seen, layer.weights)), optimize=True)
        return quickly_scaled(acc + (0 if layer.bias is None else layer.bias), layer.requant)
    if layer.kernel == "linear":
        assert layer.weights is not None
        assert layer.bias is not None
        return quickly_scaled(x[0].reshape(-1, layer.weights.shape[1]) @ layer.weights.T + layer.bias, layer.requant)
    if layer.kernel == "concat":
        return np.concatenate(x, axis=2)
    if layer.kernel == "pad":
        top, left, front, bottom, right, back = layer.padding
        return np.pad(x[0], ((top, bottom), (left, right), (front, back)), constant_values=layer.value)
    if layer.kernel == "lookup":
        assert layer.table is not None
        return np.frombuffer(layer.table, np.int8).astype(np.int64)[x[0] & 255]
    if layer.kernel == "leaky_relu":
        return np.where(x[0] >= 0, x[0], quickly_scaled(x[0], layer.requant))
    return quickly_scaled(sum(x), layer.requant)  # type: ignore[arg-type]


def samples(network: Network, random: np.random.Generator) -> dict[str, Ints]:
    """Values for the inputs (H, W, C), by name."""
    return {name: random.integers(RANGES[t.elem][0], RANGES[t.elem][1] + 1, (t.height, t.width, t.channels))
            for name in network.inputs for t in (network.tensors[name],)}


def bytes_of(network: Network, values: dict[str, Ints], names: Iterable[str]) -> dict[str, bytes]:
    """Tensors as they lie in memory; slices have the values of what they lie in."""
    return {name: to_bytes(network.tensors[name], _read(network, values, name)) for name in names}
