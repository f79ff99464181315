"""VGG16 on an 8x8 array: how busy the multipliers are, beside SCALE-Sim's formula; and the whole network in RTL."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from systolic_support import emitted

from bittrue.engine.oracle import Oracle
from bittrue.ir import Graph, GraphBuilder, IntType
from bittrue.ir.ops import Conv, Flatten, Linear, MaxPool, Requant
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.plan import LayerPlan, SystolicPlan
from bittrue.targets.systolic.schedule import scalesim_cycles

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (8, 8, 512), (512, 512, 512))


@lru_cache
def vgg16(divisor: int = 1) -> Graph:
    """VGG16 for 32x32 images with a narrow eighth and ninth convolution and random 4-bit weights; all channel counts
    divided by `divisor`, but the narrow ones."""
    builder, rng = GraphBuilder("vgg16"), np.random.default_rng(0)
    x, inputs, number = builder.input("image", (3, 32, 32), "u8"), 3, 0
    for widths in BLOCKS:
        for width in widths:
            number += 1
            outputs = max(8, width // divisor)
            weights = builder.constant(f"w{number}", rng.integers(-7, 8, (outputs, inputs, 3, 3)), "i4")
            acc = builder.add(f"conv{number}", Conv(pads=(1, 1, 1, 1)), x, weights)
            scale = 512 if number == 1 else 9 * inputs**0.5  # sums spread over some bits of the outputs
            stage = [builder.constant(f"{part}{number}", [value], "u12") for part, value in
                     (("m", round(4096 / scale)), ("o", 2048), ("s", 12))]
            x, inputs = builder.add(f"act{number}", Requant(IntType(4, False), 0, 15), acc, *stage), outputs
        x = builder.add(f"pool{number}", MaxPool((2, 2), (2, 2)), x)
    flat = builder.add("flatten", Flatten(), x)
    return builder.build(builder.add("linear", Linear(), flat, builder.constant(
        "w", rng.integers(-8, 8, (10, inputs)), "i4")))


def formula(graph: Graph, entry: LayerPlan) -> int:
    """SCALE-Sim's cycles for the graph's own convolution."""
    weights = graph.constants[graph.node[entry.name].inputs[1]].values
    return scalesim_cycles(8, 8, int(np.prod(weights.shape[1:])), len(weights), entry.work.n_out)


def weighted(plan: SystolicPlan) -> list[LayerPlan]:
    return [layer for layer in plan.layers if layer.lowered.layer.macs]


def test_the_overlapped_schedule_keeps_vgg16_busy() -> None:
    graph = vgg16()
    plan = TARGET.plan(graph, {"rows": 8, "cols": 8})
    full = [layer for layer in weighted(plan) if layer.name not in ("conv1", "linear")]
    assert len(full) == 12
    assert all(layer.utilization >= 0.95 for layer in full)
    macs = sum(layer.lowered.layer.macs for layer in plan.layers)
    assert macs == 219_723_776
    assert macs / (64 * plan.cycles) >= 0.99
    assert plan.host == ()


def test_it_takes_fewer_cycles_than_the_formula_on_every_layer() -> None:
    graph = vgg16()
    overlapped, plain = (TARGET.plan(graph, {"schedule": name}) for name in ("overlapped", "plain"))
    for layer, slow in zip(weighted(overlapped), weighted(plain), strict=True):
        bound = layer.lowered.layer.macs / 64
        assert bound < layer.cycles.total < formula(graph, layer)
        assert layer.cycles.total < slow.cycles.total


def test_subword_mode_takes_half_of_the_cycles() -> None:
    graph = vgg16()
    full, split = (TARGET.plan(graph, {"subword": mode}) for mode in (0, 1))
    assert 0.5 < split.cycles / full.cycles < 0.52
    assert [layer.subword for layer in weighted(split)] == [False] + [True] * 13


@pytest.mark.slow
def test_all_of_vgg16_runs_in_rtl(tmp_path: Path) -> None:
    """One image from end to end: 27.6 million partial sums and every counter, 0 differences."""
    graph = vgg16()
    image = {"image": np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32))}
    assert all(values.std() > 1 for values in Oracle(graph).run(image).values())  # nothing has died on the way
    report = TARGET.verify(emitted(graph, image, tmp_path / "p"), ("simulation",), graph)
    assert report.differences == 0
    assert sum(layer.compared["psum"] for layer in report.layers) > 27_000_000
    assert sum(layer.cycles for layer in report.layers) == TARGET.plan(graph).cycles


@pytest.mark.parametrize("options", [{"subword": 1}, {"schedule": "plain"}, {"rows": 8, "cols": 16}], ids=str)
def test_a_narrow_vgg16_runs_in_rtl(tmp_path: Path, options: dict[str, int | str]) -> None:
    graph = vgg16(16)
    images = {"image": np.random.default_rng(1).integers(0, 256, (2, 3, 32, 32))}
    report = TARGET.verify(emitted(graph, images, tmp_path / "p", **options), ("simulation",), graph)
    assert report.differences == 0
    assert [layer.name for layer in report.layers][-2:] == ["pool13", "linear"]
