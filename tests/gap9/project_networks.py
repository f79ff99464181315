"""Projects of graphs; and two small graphs for them: nothing square, every kernel somewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bittrue.ir import Graph, IntType, Rounding
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.ir.ops import Add, AvgPool, Concat, LeakyRelu, Lookup, MaxPool, Pad
from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.plan import Gap9Plan
from bittrue.targets.gap9.project import KIND, Gap9Project
from bittrue.targets.sources import read_project
from gap9.network_graphs import U8, Net
from gap9.random_networks import sample

SAME = (1, 1, 1, 1)


def chain() -> Graph:
    """Convolutions, a pooling, a pointwise convolution, a linear layer."""
    n = Net(1)
    a = n.requant("a", n.conv("ca", n.input(3, 12, 16), (16, 3, 3, 3), pads=SAME), 16, U8)
    b = n.requant("b", n.conv("cb", a, (32, 16, 3, 3), pads=SAME), 32, U8, shift=19)
    p = n.add("p", MaxPool((2, 2), (2, 2)), b)
    c = n.requant("c", n.conv("cc", p, (44, 32, 3, 2), 7, pads=(1, 0, 1, 1)), 44, U8, shift=15)
    d = n.requant("d", n.conv("cd", c, (24, 44, 1, 1)), 24, U8, shift=18, rounding=Rounding.HALF_EVEN)
    return n.build(n.linear("y", n.flatten("f", d), 10, 24 * 6 * 8))


def branches() -> Graph:
    """A residual block, a concatenation, depthwise convolutions, averages, tables: many tensors live at once."""
    n = Net(2)
    x = n.input(5, 14, 9, elem="u8")
    a = n.requant("a", n.conv("ca", x, (24, 5, 3, 3), stride=(2, 1), pads=SAME), 24, shift=19)
    b = n.requant("b", n.conv("cb", a, (24, 1, 3, 3), groups=24, pads=SAME), 24)
    c = n.requant("c", n.conv("cc", b, (24, 24, 1, 1)), 24, shift=18)
    s = n.requant("s", n.add("t", Add(IntType(9, True)), a, c), 24, shift=11)
    leaky = n.add("leaky", LeakyRelu(13, 8), s)
    wide = n.requant("wide", n.conv("cw", leaky, (12, 24, 3, 3), pads=SAME), 12, U8, shift=18)
    slim = n.requant("slim", n.conv("cs", leaky, (7, 24, 1, 1), 1), 7, U8, shift=11)
    curve = n.builder.constant("curve", (np.arange(256) * np.arange(256)) // 256, "u8")
    curved = n.add("curved", Lookup(), n.add("both", Concat(), wide, slim), curve)
    mean = n.add("mean", AvgPool(U8, (2, 3), (2, 2)), n.add("padded", Pad((0, 1, 0, 0, 0, 2), 3), curved))
    return n.build(n.add("global", AvgPool(U8), mean), leaky)


GRAPHS: dict[str, Callable[[], Graph]] = {"chain": chain, "branches": branches}


def emitted(graph: Graph, plan: Gap9Plan, folder: Path, seed: int = 3, samples: int = 1) -> Gap9Project:
    """A plan's project with random samples, written into a folder and read again."""
    GAP9.emit(graph, plan, sample(graph, seed, samples), folder, {"model.onnx": to_bytes(to_model(graph))})
    return read_project(KIND, folder)
