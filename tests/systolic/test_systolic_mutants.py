"""Faults in the RTL: each mutant is built and run, must end with a non-zero exit code, and the place is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from systolic_support import WIDE, emitted

from bittrue.ir import Graph, GraphBuilder, IntArray, IntType
from bittrue.ir.ops import Concat, Conv, Flatten, Linear, MaxPool, Requant
from bittrue.targets.base import FILES, MANIFEST, SIMULATION
from bittrue.targets.systolic import TARGET, toolchain
from bittrue.targets.systolic.layers import ROUNDINGS

ARRAY: dict[str, int | str] = {"rows": 3, "cols": 2, "subword": 1, **WIDE}

MUTANTS = {
    "ties go down instead of to even": ("output_stage", "half & (rest | quotient[0])", "half & rest"),
    "outputs wrap instead of saturate": ("output_stage", "rounded > highest ? highest : rounded", "rounded"),
    "activations without sign": ("systolic_array", "{has_sign & act[r][p][LaneBits-1], act[r][p]}",
                                 "{1'b0, act[r][p]}"),
    "rows in reverse order": ("systolic_array", "load_weight[j][r]};", "load_weight[j][ROWS-1-r]};"),
    "no input skew": ("systolic_array", "assign act_wire[r][0] = skewed[r];", "assign act_wire[r][0] = entering[r];"),
    "weights swapped one position late": ("pe", "weight = swap_in ? shadow : active;", "weight = active;"),
    "the next layer begins too early": ("controller", "drains && count + 1'b1 == layer.drain",
                                        "drains && (count != '0 || !layer.last[0])"),
}
MORE_MUTANTS = {
    "half up never rounds up": ("output_stage", "HalfUp:   up = half;", "HalfUp:   up = 1'b0;"),
    "ties go towards zero instead of away": ("output_stage", "(rest | ~sloped[SCALED_BITS-1])",
                                             "(rest | sloped[SCALED_BITS-1])"),
    "no leaky slope": ("output_stage", "scaled * SCALED_BITS'(signed'({1'b0, slope_multiplier}))", "scaled"),
    "psums without sign": ("accumulator", "ACC_BITS'(signed'(psum[c]))", "ACC_BITS'(psum[c])"),
    "bias is left out": ("accumulator", "now.first ? bias[c] :", "now.first ? '0 :"),
    "one cycle too many": ("controller", "drains && count + 1'b1 == layer.drain", "drains && count == layer.drain"),
    "floor rounds up": ("output_stage", "default:  up = 1'b0;", "default:  up = half;"),
    "slope without its shift": ("output_stage", "7'(own_shift) + 7'(slope_shift)", "7'(own_shift)"),
    "offset is left out": ("output_stage", " + signed'(offset)", ""),
    "logical instead of arithmetic shift": ("output_stage", "sloped >>> steps", "$signed($unsigned(sloped) >> steps)"),
    "lower clamp is left out": ("output_stage", "rounded < lowest ? lowest : ", ""),
    "weights without sign": ("pe", "low     = PSUM_BITS'(signed'(act_in[0])) * PSUM_BITS'(signed'(weight[0]))",
                             "low     = PSUM_BITS'(signed'(act_in[0])) * PSUM_BITS'(weight[0])"),
    "halves are never put together": ("pe", "split ? high : high <<< (ACT_BITS / 2)", "high"),
    "both channels have one weight": ("systolic_core", "layer.subword[0] ? weight_data[j][r] :", ""),
    "deskew in the wrong direction": ("systolic_array", ".REVERSE(1'b1)", ".REVERSE(1'b0)"),
    "skew too short": ("skew", "REVERSE ? LANES - 1 - i : i)", "REVERSE ? LANES - 1 - i : i / 2)"),
    "sums are not kept": ("accumulator", "previous[c] : stored[c]", "previous[c] : '0"),
    "accumulators of ten bits": ("accumulator", "base + value :", "ACC_BITS'(signed'(10'(base + value))) :"),
    "padding is not zero": ("systolic_core", "padding_arrives ? '0 : act", "act"),
    "a maximum that minds padding": ("accumulator", "now.ignore ? base :", "1'b0 ? base :"),
    "the smallest instead of the largest": ("accumulator", "value > base ?", "value < base ?"),
    "kernel rows follow too closely": ("walk", "offset     <= row_offset + add_y;", "offset     <= row_offset;"),
    "channels of the neighbouring lane": ("activation_memory", "read_data[j] = stored[LaneIndexBits'(wrapped)]",
                                          "read_data[j] = stored[LaneIndexBits'(wrapped) ^ 1]"),
    "a tile writes over the next tensor": ("output_writer", "write_count = lanes_of(taken)",
                                           "write_count = lanes_of(layer.tile_channels)"),
    "the second output tile over the first": ("output_writer", "tile_addr     <= wraps ?", "tile_addr     <= 1'b0 ?"),
    "settings of the layer before": ("systolic_core", "if (acc_begins) out_layer <= layer;",
                                     "if (out_begins) out_layer <= layer;"),
    "weights of the pass before": ("pe", "bus_index_in == INDEX_BITS'(INDEX)", "bus_index_in != INDEX_BITS'(INDEX)"),
}
PLAIN_MUTANTS = {
    "a sum that was just written is not seen": ("accumulator", "repeated ? previous[c] : stored[c]", "stored[c]"),
    "drain too short": ("systolic_core", ".DRAIN(Latency)", ".DRAIN(Latency - 2)"),
    "psums of the neighbouring address": ("systolic_core", ".read_addr(psum_addr)", ".read_addr(psum_addr ^ 1)"),
    "psums written one too far": ("systolic_core", ".write_addr(filled)", ".write_addr(filled + 1'b1)"),
    "kernel positions of the neighbouring output": ("schedule_plain", "psum_addr     = out_offset + kernel_offset",
                                                    "psum_addr     = out_offset + kernel_offset + 1'b1"),
}


def mutant_graph() -> tuple[Graph, dict[str, IntArray]]:
    """Every rounding mode on ties, leaky and linear slopes, both kinds of activations, several tiles, saturation; then
    layers that hand on: pooling with padding, a concatenation, a convolution of narrow values, a linear layer."""
    builder = GraphBuilder("mutants")
    shape, pads, rng = (7, 4, 5), (1, 0, 0, 1), np.random.default_rng(0)
    inputs = {builder.input(f"x_{kind}5", shape, f"{kind}5"): rng.integers(low, low + 32, (1, *shape))
              for kind, low in (("i", -16), ("u", 0))}
    weights = builder.constant("w", rng.integers(-16, 16, (5, 7, 2, 3)), "i5")
    none = builder.constant("none", np.zeros((21, 7, 2, 3)), "i2")
    ramp = builder.constant("ramp", range(-10, 11), "i5")
    halves = [builder.constant(name, [value], "i2") for name, value in (("m1", 1), ("o1", 0), ("s1", 1))]
    scales = [builder.constant(f"{name}5", values, "i12") for name, values in
              (("m", [3, 7, 13, -5, 9]), ("o", [99, -500, 1000, 7, -1]), ("s", [7, 8, 9, 7, 6]))]
    outputs = []
    for i, rounding in enumerate(ROUNDINGS):
        conv = builder.add(f"conv{i}", Conv((1, 2), pads), list(inputs)[i % 2], weights)
        outputs.append(builder.add(f"q{i}", Requant(IntType(4, True), -7, 6, rounding, *((1, 0), (13, 8))[i // 2]),
                                   conv, *scales))
        conv = builder.add(f"conv_ties{i}", Conv((1, 2), pads), "x_u5", none, ramp)
        outputs.append(builder.add(f"q_ties{i}", Requant(IntType(4, True), -7, 7, rounding), conv, *halves))
    return builder.build(*outputs[4:], *_handed_on(builder, outputs[:3], rng)), inputs


def _handed_on(builder: GraphBuilder, parts: list[str], rng: np.random.Generator) -> list[str]:
    cat = builder.add("conv_cat", Concat(), parts[2], parts[0])  # the later one comes first
    pooled = builder.add("conv_max", MaxPool((3, 2), (2, 1), (1, 1, 1, 0)), cat)
    wide = builder.add("conv_wide", Conv((1, 1), (1, 1, 1, 1)), pooled,
                       builder.constant("w_wide", rng.integers(-8, 8, (5, 10, 3, 3)), "i4"))
    scales = [builder.constant(f"{name}_wide", [value], "u8") for name, value in (("m", 3), ("o", 9), ("s", 6))]
    narrow = builder.add("q_wide", Requant(IntType(4, True), -8, 7), wide, *scales)
    deep = builder.add("conv_deep", Conv(), narrow, builder.constant("w_deep", rng.integers(-8, 8, (3, 5, 2, 2)), "i4"))
    flat = builder.add("conv_flat", Flatten(), pooled)
    size = 10 * 2 * 2
    linear = builder.add("conv_linear", Linear(), flat, builder.constant(
        "w_linear", rng.integers(-8, 8, (3, size)), "i4"))
    return [parts[1], deep, linear]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph, inputs = mutant_graph()
    return emitted(graph, inputs, tmp_path_factory.mktemp("sound") / "p", with_model=True, **ARRAY)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph, inputs = mutant_graph()
    folder = tmp_path_factory.mktemp("plain") / "p"
    return emitted(graph, inputs, folder, with_model=True, **ARRAY, schedule="plain")


@pytest.fixture(scope="module")
def quick_builds(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Mutants are built without optimization, and not into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(toolchain, "CXX_FLAGS", tuple("-O0" if f == "-O1" else f for f in toolchain.CXX_FLAGS))
        yield


def mutated(sound: Path, folder: Path, *changes: tuple[str, str, str]) -> Path:
    project = Path(shutil.copytree(sound, folder / "p", copy_function=shutil.copyfile))
    for module, before, after in changes:
        path = project / "rtl" / f"{module}.sv"
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))
    return project


def assert_caught(project: Path) -> None:
    """By the hashes, by the contents, and by what it computes."""
    by_hash, by_content = (TARGET.verify(project, (check,)) for check in (MANIFEST, FILES))
    assert ".sv" in by_hash.problems[0].where
    assert ".sv, line" in by_content.problems[0].where
    report = TARGET.verify(project, (SIMULATION,))
    assert report.differences > 0
    if report.first is None:  # it stopped: an assertion of the hardware failed, or it did other work than planned
        assert {problem.code for problem in report.problems} <= {"BT5113", "BT5123"}
        return
    assert report.first.layer.startswith("conv")
    assert "image" in report.first.place
    assert re.fullmatch(r"[01]+", report.first.expected)
    assert report.first.expected != report.first.got
    assert {problem.code for problem in report.problems} == {"BT5115"}


def test_the_unchanged_rtl_is_exact(sound: Path, plain: Path, quick_builds: None) -> None:
    for project in (sound, plain):
        report = TARGET.verify(project)
        assert report.differences == 0
        assert report.compared > 10_000


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(sound: Path, tmp_path: Path, quick_builds: None, name: str) -> None:
    assert_caught(mutated(sound, tmp_path, MUTANTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_MUTANTS)
def test_more_mutants_are_caught(sound: Path, tmp_path: Path, quick_builds: None, name: str) -> None:
    assert_caught(mutated(sound, tmp_path, MORE_MUTANTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN_MUTANTS)
def test_mutants_of_the_plain_schedule_are_caught(plain: Path, tmp_path: Path, quick_builds: None, name: str) -> None:
    assert_caught(mutated(plain, tmp_path, PLAIN_MUTANTS[name]))


def test_a_core_that_hangs_is_stopped(sound: Path, tmp_path: Path, quick_builds: None) -> None:
    change = ("controller", "end else if (schedule_finished) begin", "end else if (1'b0) begin")
    project = mutated(sound, tmp_path, change)
    report = TARGET.verify(project, (SIMULATION,))
    assert [problem.code for problem in report.problems] == ["BT5123"]
    assert "does not finish" in report.problems[0].why


def test_rtl_that_is_no_verilog_is_named(sound: Path, tmp_path: Path) -> None:
    project = mutated(sound, tmp_path, ("delay", "assign unused_clk = clk;", "assine unused_clk = clk;"))
    report = TARGET.verify(project, (SIMULATION,))
    assert [problem.code for problem in report.problems] == ["BT5122"]
    assert report.problems[0].where.startswith("rtl/delay.sv, line ")
