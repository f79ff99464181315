"""Small programs planned by hand for the emitter's tests: three places in L1, used in turn, and one tile per step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bittrue.ir.ops.spatial import Window
from bittrue.targets.gap9.kernels import KERNELS, Kind, pack_bias, pack_conv, pack_linear
from bittrue.targets.gap9.network import Layer, Network, Tensor
from bittrue.targets.gap9.program import Area, Program, Region, Staging, Step, Transfer
from bittrue.targets.gap9.step_tables import table_bytes
from gap9.kernel_builds import Ints
from gap9.kernel_inputs import tables, weights

STRICT = ("-Wshadow", "-Wstrict-prototypes", "-Wconversion", "-Wmissing-prototypes", "-Wundef")
"""Warnings beside those of every build."""
THIRD = 30_000
"""Bytes of one of the three places in L1."""


@dataclass
class Planner:
    """Places everything one after the other; what a step loads is late if one of the last two steps has stored it."""

    network: Network
    external: bool = False
    """Whether the weights come from L3."""
    steps: list[Step] = field(default_factory=list)
    constants: bytearray = field(default_factory=bytearray)
    image: bytearray = field(default_factory=bytearray)
    places: dict[str, int] = field(default_factory=dict)
    arena: int = 0
    near: int = 0
    stored: dict[str, int] = field(default_factory=dict)
    """The last step that stored something of a tensor."""
    staged: dict[int, int] = field(default_factory=dict)
    """For parameters from L3 in the arena: how many transfers have to be done."""
    staging: list[Staging] = field(default_factory=list)

    def reserve(self, size: int) -> int:
        """Bytes of the arena."""
        place, self.arena = self.arena, self.arena + -(-size // 16) * 16
        return place

    def take(self, size: int) -> int:
        """Bytes of this step's place in L1."""
        place, self.near = self.near, self.near + -(-size // 8) * 8
        return place

    def parameter(self, label: str, data: bytes) -> Transfer:
        """Load parameters, from L2 or by way of L3."""
        data += bytes(-len(data) % 4)
        near = self.take(len(data))
        if self.external and label == "weights":
            place = self.reserve(len(data))
            self.staging.append(Staging(label, len(self.image), place, len(data), True))
            self.image += data
            self.staged[place] = len(self.staging)
            return Transfer(label, Area.ARENA, place, near, len(data), len(data), len(data), True)
        place = len(self.constants)
        self.constants += data + bytes(-len(data) % 16)
        return Transfer(label, Area.CONSTANTS, place, near, len(data), len(data), len(data), True)

    def rows(self, label: str, name: str, rows: tuple[int, int], channels: tuple[int, int], near: int,
             inward: bool) -> Transfer:
        """Rows of a tensor, or of a slice of its channels, dense in L1."""
        tensor = self.network.tensors[name]
        root, first = self.network.root(name)
        pixels = (rows[1] - rows[0]) * tensor.width
        length = (channels[1] - channels[0]) * tensor.element_bytes
        if length == root.pixel_bytes:
            length *= pixels
        pixel = self.places[root.name] + rows[0] * tensor.width * root.pixel_bytes
        return Transfer(label, Area.ARENA, pixel + (first + channels[0]) * root.element_bytes, near,
                        pixels * (channels[1] - channels[0]) * tensor.element_bytes, length, root.pixel_bytes, inward)

    def plan(self, tiles: Sequence[int]) -> Program:
        """The program; `tiles` says for every layer into how many tiles it is cut."""
        for name, tensor in self.network.tensors.items():
            if tensor.within is None:
                self.places[name] = self.reserve(tensor.bytes)
        for index, count in enumerate(tiles):
            for part in range(count):
                self.step(index, part, count)
        return Program(self.network, tuple(self.finished()), bytes(self.constants), bytes(self.image), self.places, (),
                       3 * THIRD, self.arena, 64, tuple(1000 for _ in tiles))

    def finished(self) -> list[Step]:
        """The steps with the loads of their tables, and the transfers with L3: all begin at the first step."""
        for number, step in enumerate(self.steps[1:], 1):
            table = Transfer("table", Area.STEPS, number, step.table, 0, 0, 0, True)
            self.steps[number] = replace(step, early=(*step.early, table))
        self.steps[0] = replace(self.steps[0], staging=tuple(self.staging))
        return self.steps

    def step(self, index: int, part: int, count: int) -> None:
        """One tile: a layer without weights and a convolution are cut by rows, a linear layer by channels."""
        layer, number = self.network.layers[index], len(self.steps)
        out = self.network.tensors[layer.output]
        self.near = number % 3 * THIRD
        whole = out.channels if layer.kernel == "linear" else out.height
        share = -(-whole // count)
        span = part * share, min(whole, (part + 1) * share)
        rows, channels = ((0, out.height), span) if layer.kernel == "linear" else (span, (0, out.channels))
        table = self.take(table_bytes(layer.kernel, parts=3))
        loads, pointers, values = self.operands(layer, rows, channels)
        produced = [self.stored[name] for name in layer.inputs if name in self.stored]
        late = loads[:len(layer.inputs)] if any(step > number - 3 for step in produced) else []
        early = loads[len(late):]
        scales, splits = self.requantization(layer, channels, early)
        pointers["output"] = self.take((rows[1] - rows[0]) * out.width * (channels[1] - channels[0])
                                       * out.element_bytes)
        if any(f.name == "scratch" for f in KERNELS[layer.kernel].fields):
            pointers["scratch"] = self.take(KERNELS[layer.kernel].scratch(values, 8))
        store = self.rows("output", layer.output, rows, channels, pointers["output"], False)
        assert self.near <= (number % 3 + 1) * THIRD
        needed = max(self.staged.get(load.far, 0) for load in early) if early else 0
        if number:
            self.steps[-1] = replace(self.steps[-1], staged=max(needed, self.steps[-1].staged))
        self.steps.append(Step(index, Region(rows, (0, out.width), channels), values, pointers, scales, splits,
                               tuple(late), tuple(early), (store,), table, 0 if number else needed, (), 1000))
        self.stored[layer.output] = number
        if out.within:
            self.stored[out.within[0]] = number

    def requantization(self, layer: Layer, channels: tuple[int, int], early: list[Transfer]) -> tuple[int | None, None]:
        """The scales of a tile's channels."""
        if layer.requant.kind is Kind.NONE:
            return None, None
        first, last = channels if layer.requant.per_channel else (0, None)
        words = layer.requant.scale_words()[first:last].astype("<i4")
        early.append(self.parameter("scales", words.tobytes()))
        return early[-1].near, None

    def operands(self, layer: Layer, rows: tuple[int, int],
                 channels: tuple[int, int]) -> tuple[list[Transfer], dict[str, int], dict[str, int]]:
        """Loads, pointers, integers; the loads of inputs come first."""
        inputs = [self.network.tensors[name] for name in layer.inputs]
        signed = {"is_signed": int(inputs[0].elem == "i8")}
        if layer.kernel == "concat":
            return self.concat(layer, rows)
        if layer.kernel == "linear":
            near = self.take(inputs[0].bytes + 8)
            assert layer.weights is not None
            assert layer.bias is not None
            first, last = channels
            loads = [self.rows("input", layer.inputs[0], (0, inputs[0].height), (0, inputs[0].channels), near, True)]
            loads += self.weights(pack_linear(layer.weights[first:last], 8), layer.bias[first:last])
            values = {"rows": 1, "in_c": layer.weights.shape[1], "in_pitch": layer.weights.shape[1],
                      "out_c": last - first, "out_pitch": last - first, "weight_bits": 8, **signed}
            return loads, {"input": near, "weights": loads[1].near, "bias": loads[2].near}, values
        values, seen = self.window(layer, rows, inputs[0])
        near = self.take((seen[1] - seen[0]) * inputs[0].row_bytes)
        loads = [self.rows("input", layer.inputs[0], seen, (0, inputs[0].channels), near, True)]
        pointers = {"input": near}
        if layer.weights is not None:
            assert layer.bias is not None
            loads += self.weights(pack_conv(layer.weights, 8), layer.bias)
            pointers |= {"weights": loads[1].near, "bias": loads[2].near}
        return loads, pointers, values | signed

    def weights(self, packed: bytes, bias: Ints) -> list[Transfer]:
        """Weights and bias."""
        return [self.parameter("weights", packed),
                self.parameter("bias", pack_bias(bias).astype("<i4").tobytes())]

    def window(self, layer: Layer, rows: tuple[int, int], image: Tensor) -> tuple[dict[str, int], tuple[int, int]]:
        """The integers of a window's kernel, and the rows of the input that the tile sees."""
        window, out = layer.window, self.network.tensors[layer.output]
        first = rows[0] * window.stride[0] - window.pads[0]
        last = (rows[1] - 1) * window.stride[0] - window.pads[0] + (window.kernel[0] - 1) * window.dilation[0] + 1
        seen = max(0, first), min(image.height, last)
        values = {"in_h": seen[1] - seen[0], "in_w": image.width, "in_pitch": image.channels,
                  "out_h": rows[1] - rows[0], "out_w": out.width, "out_pitch": out.channels,
                  "kernel_h": window.kernel[0], "kernel_w": window.kernel[1], "stride_h": window.stride[0],
                  "stride_w": window.stride[1], "pad_top": max(0, -first), "pad_left": window.pads[1],
                  "dilation_h": window.dilation[0], "dilation_w": window.dilation[1]}
        if layer.kernel == "conv":
            return values | {"in_c": image.channels, "out_c": out.channels, "weight_bits": 8, "columns": 0}, seen
        return values | {"channels": image.channels}, seen

    def concat(self, layer: Layer, rows: tuple[int, int]) -> tuple[list[Transfer], dict[str, int], dict[str, int]]:
        """The parts of a concatenation."""
        out = self.network.tensors[layer.output]
        loads, pointers = [], {}
        values = {"count": len(layer.inputs), "pixels": (rows[1] - rows[0]) * out.width, "out_pitch": out.channels}
        for part, name in enumerate(layer.inputs):
            tensor = self.network.tensors[name]
            pointers[f"data{part}"] = self.take((rows[1] - rows[0]) * tensor.row_bytes)
            values |= {f"channels{part}": tensor.channels, f"pitch{part}": tensor.channels}
            loads.append(self.rows("input", name, rows, (0, tensor.channels), pointers[f"data{part}"], True))
        return loads, pointers, values


def write(made: dict[str, bytes], folder: Path) -> Path:
    """Write a project's files; the folder."""
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def random_weights(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    return weights(random, 8, shape), random.integers(-2000, 2000, shape[0])


def small_network(seed: int = 1) -> Network:
    """u8 11x6x5 -> conv 3x3 into a slice -> max pool 2x2 -> conv 3x1 stride 2 -> concat -> linear to i32."""
    random = np.random.default_rng(seed)
    tensors = {tensor.name: tensor for tensor in (
        Tensor("image", 11, 6, 5, "u8", (5, 11, 6)), Tensor("both", 11, 6, 12, "i8", None),
        Tensor("conv1", 11, 6, 8, "i8", (8, 11, 6), ("both", 4)), Tensor("image4", 11, 6, 4, "i8", None, ("both", 0)),
        Tensor("pool", 5, 3, 12, "i8", None), Tensor("/down.1/conv*/", 3, 3, 6, "i8", None),
        Tensor("again", 3, 3, 6, "i8", None), Tensor("cat", 3, 3, 12, "i8", None), Tensor("fc", 1, 1, 10, "i32", None),
        Tensor("flat", 1, 1, 108, "i8", None, None))}
    w1, b1 = random_weights(random, (8, 5, 3, 3))
    w0, b0 = random_weights(random, (4, 5, 1, 3))
    w2, b2 = random_weights(random, (6, 12, 3, 1))
    w3, b3 = random_weights(random, (10, 108))
    same = Window((3, 3), pads=(1, 1, 1, 1))
    down = Window((3, 1), (2, 1), (1, 0, 1, 0))
    layers = (
        Layer("image4", "conv", ("image4",), ("image",), "image4", Window((1, 3), pads=(0, 1, 0, 1)), w0, 8, b0,
              tables(4, random)[1], macs=11 * 6 * 4 * 15),
        Layer("conv1", "conv", ("conv1",), ("image",), "conv1", same, w1, 8, b1, tables(8, random)[2],
              macs=11 * 6 * 8 * 45),
        Layer("pool", "max_pool", ("pool",), ("both",), "pool", Window((2, 2), (2, 2))),
        Layer("/down.1/conv*/", "conv", ("down",), ("pool",), "/down.1/conv*/", down, w2, 8, b2, tables(6, random)[1],
              macs=9 * 6 * 36),
        Layer("again", "conv", ("again",), ("pool",), "again", down, w2 // 2, 8, b2, tables(6, random)[4],
              macs=9 * 6 * 36),
        Layer("cat", "concat", ("cat",), ("again", "/down.1/conv*/"), "cat"),
        Layer("fc", "linear", ("fc",), ("cat",), "fc", weights=w3, bias=b3, macs=1080))
    del tensors["flat"]
    return Network("a small net", tensors, layers, ("image",), ("fc",))
