"""A plain flow that writes a course's vectors value by value, with one of its known mistakes or none.

It shares no code with bittrue: nested loops over integers, Python's own number formatting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import isqrt
from pathlib import Path

import numpy as np

from bittrue.engine.oracle import Oracle
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Conv, Requant

LANES = 4
PADS = (1, 0, 0, 1)
SCALE = 0.0173
"""What the flow dequantizes its outputs with."""


@dataclass(frozen=True)
class Names:
    """File names of a flavour and how wide its activations are."""

    activation: str
    weight: str
    psum: str
    out: str
    act_bits: int


FLAVOURS = {
    "course": Names("activation_tile{ic}.txt", "weight_itile{ic}_otile{oc}_kij{kij}.txt", "psum.txt", "out.txt", 4),
    "course-2bit": Names("activation_2b.txt", "weight_{kij}_v2.txt", "psum_v2.txt", "output_v2.txt", 2),
}


def course_network() -> tuple[Graph, dict[str, IntArray]]:
    """10 to 7 channels (3 and 2 tiles of 4), kernel 2x3, non-square image, LeakyReLU, 2-bit inputs."""
    rng = np.random.default_rng(11)
    builder = GraphBuilder("course")
    x = builder.input("x", (10, 4, 6), "u2")
    acc = builder.add("conv", Conv(pads=PADS), x, builder.constant("w", rng.integers(-8, 8, (7, 10, 2, 3)), "i4"))
    out = builder.add("act", Requant(IntType(8, True), -128, 127, Rounding.HALF_UP, 13, 8), acc,
                      builder.constant("m", [3], "i8"), builder.constant("o", [0], "i8"),
                      builder.constant("s", [2], "u4"))
    return builder.build(out), {"x": rng.integers(0, 4, (2, 10, 4, 6))}


def write_course(folder: Path, graph: Graph, inputs: dict[str, IntArray], flavour: str = "course",
                 mistake: str = "") -> Path:
    """All files of all samples, one folder per sample as the built-in templates have it."""
    flow = Flow(graph, inputs, FLAVOURS[flavour], mistake)
    for image in range(len(inputs["x"])):
        target = folder / "00_conv" / f"image{image}"
        target.mkdir(parents=True)
        if mistake == "square" and image > 0:
            continue  # one sample is enough for such a flow
        files: dict[str, str] = {}
        for name, line in flow.lines(image):
            files[name] = files.get(name, "#\n#\n#\n" if name != "acc.txt" else "") + line + "\n"
        for name, text in files.items():
            (target / name).write_text(text)
    return folder


class Flow:
    """One layer, its padded samples and its results, as nested lists of numbers."""

    def __init__(self, graph: Graph, inputs: dict[str, IntArray], names: Names, mistake: str) -> None:
        self.names, self.mistake = names, mistake
        trace = Oracle(graph).run(inputs)
        self.x = np.pad(inputs["x"], ((0, 0), (0, 2), (1, 0), (0, 1)))  # channels up to 3 tiles; rows, columns: PADS
        if mistake == "bit width":
            self.x = self.x * 5  # 4-bit integers of 2-bit activations: 0, 5, 10, 15
        self.w = np.pad(graph.constants["w"].values, ((0, 1), (0, 2), (0, 0), (0, 0)))
        self.acc, self.out = trace["conv"], trace["act"]

    def lines(self, image: int) -> Iterator[tuple[str, str]]:
        """File name and text of every line."""
        x, names = self.x[image], self.names
        height, width = x.shape[1:]
        tiles = [(0, 0)] if self.mistake == "square" else list(product(range(2), range(3)))
        for ic, (y, xx) in product(range(1 if self.mistake == "square" else 3), np.ndindex(height, width)):
            yield names.activation.format(ic=ic), self.fields(x[4 * ic:4 * ic + 4, y, xx], names.act_bits)
        for (oc, ic), kij, line in product(tiles, range(6), range(LANES)):
            yield names.weight.format(ic=ic, oc=oc, kij=kij), self.fields(self.weight_line(oc, ic, kij, line), 4)
        for (oc, ic), kij in product([] if self.mistake == "square" else tiles, range(6)):
            for y, xx in np.ndindex(height, width):
                sums = self.tile(oc, ic, kij) @ x[4 * ic:4 * ic + 4, y, xx]
                yield names.psum, self.fields(sums, 16, blanks=self.mistake == "blanks")
        for oc in range(1 if self.mistake == "square" else 2):
            for oy, ox in np.ndindex(self.out.shape[2:]):
                yield names.out, self.fields(self.outputs(image, oc, oy, ox), 16)
        if names.act_bits == 4:
            yield from (("acc.txt", format(address, "011b")) for address in self.addresses(height, width))

    def tile(self, oc: int, ic: int, kij: int) -> IntArray:
        return self.w[4 * oc:4 * oc + 4, 4 * ic:4 * ic + 4, kij // 3, kij % 3]

    def weight_line(self, oc: int, ic: int, kij: int, line: int) -> IntArray:
        if self.mistake == "tile numbers":
            slots = {o * 2 + i: (o, i) for i in range(3) for o in range(2)}  # later tiles overwrite earlier ones
            oc, ic = slots[oc * 2 + ic]
        tile = self.tile(oc, ic, kij)
        return tile[:, line] if self.mistake == "transposed" else tile[line]

    def outputs(self, image: int, oc: int, oy: int, ox: int) -> list[int]:
        channels = range(4 * oc, min(4 * oc + 4, 7))
        values = [int(self.out[image, c, oy, ox]) for c in channels]
        if self.mistake == "floats":
            real = [self.acc[image, c, oy, ox] * SCALE for c in channels]
            values = [round(v if v > 0 else v * 0.05) for v in real]
        return values + [0] * (4 - len(values))

    def addresses(self, height: int, width: int) -> Iterator[int]:
        for (oy, ox), (ky, kx) in product(np.ndindex(self.out.shape[2:]), np.ndindex(2, 3)):
            kij = 3 * ky + kx
            if self.mistake == "output addresses":
                yield kij * self.out[0, 0].size + oy * self.out.shape[3] + ox
            else:
                line = isqrt(height * width) if self.mistake == "square" else width
                yield kij * height * width + (oy + ky) * line + ox + kx

    def fields(self, values: IntArray | list[int], bits: int, blanks: bool = False) -> str:
        """Fields from lane 3 down to 0; a number that is too long loses its last digits, as in such flows."""
        numbers = [int(v) + (1 << bits) * (v < 0) for v in reversed(values)]
        return "".join((format(n, "b").rjust(bits) if blanks else format(n, f"0{bits}b"))[:bits] for n in numbers)
