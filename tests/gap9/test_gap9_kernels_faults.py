"""Overruns injected into calls and into the kernels' sources: each traps, or gives other bytes, or is harmless.

Every word of L1 that no buffer holds is guarded, and buffers end where their bytes end. So what neither traps nor
changes the output has read and written nothing but the buffers: it is harmless, and named here with the reason.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bittrue.targets.gap9.kernels import (
    SOURCE,
    Kind,
    RequantTable,
    pack_conv,
    pack_depthwise,
    pack_linear,
)
from gap9.kernel_cluster import BYTEWISE, Case, Loaded, program, run
from gap9.kernel_inputs import activations, bytes_of, conv_fields, packed_bias, tables, weights, window_fields

SEED = 31
CORES = 4
BUDGET = 400_000


def layers() -> dict[str, Case]:
    """One small layer of every kernel; all sizes differ."""
    random = np.random.default_rng(SEED)
    bias = packed_bias(random, 12)
    narrow, one = tables(12, random)[5], RequantTable(Kind.NARROW, ((13, 64, 7),), (), False, -128, 127)
    x, w = activations(random, False, (9, 7, 8)), weights(random, 8, (12, 8, 3, 3))
    image = bytes_of(activations(random, False, (7, 5, 12)))
    deep = {**window_fields((7, 5, 12), (3, 3), (7, 5), (1, 1), (1, 1), (1, 1)), "is_signed": 0}
    pool = {**window_fields((7, 5, 12), (2, 2), (3, 2), (2, 2), (0, 0), (1, 1)), "is_signed": 0}
    flat = {"pixels": 35, "channels": 12, "out_pitch": 12}
    return {case.kernel: case for case in (
        Case("conv", conv_fields(x, w, (9, 7), (1, 1), (1, 1), (1, 1), 8, False),
             {"input": bytes_of(x), "weights": pack_conv(w, 8), "bias": bias}, 9 * 7 * 12, narrow),
        Case("pointwise", {"in_w": 5, "in_c": 12, "in_pitch": 12, "out_h": 7, "out_w": 5, "out_c": 12, "out_pitch": 12,
                           "stride_h": 1, "stride_w": 1, "is_signed": 0, "weight_bits": 8},
             {"input": image, "weights": pack_conv(weights(random, 8, (12, 12, 1, 1)), 8), "bias": bias}, 420, narrow),
        Case("linear", {"rows": 5, "in_c": 84, "in_pitch": 84, "out_c": 12, "out_pitch": 12, "is_signed": 0,
                        "weight_bits": 8},
             {"input": image, "weights": pack_linear(weights(random, 8, (12, 84)), 8), "bias": bias}, 60, narrow),
        Case("depthwise", deep, {"input": image, "weights": pack_depthwise(weights(random, 8, (12, 3, 3))),
                                 "bias": bias}, 420, narrow),
        Case("max_pool", pool, {"input": image}, 72),
        Case("avg_pool", pool, {"input": image}, 72, tables(12, random)[1]),
        Case("add", {**flat, "a_pitch": 12, "b_pitch": 12, "a_type": 0, "b_type": 0}, {"a": image, "b": image}, 420,
             one),
        Case("requantize", {**flat, "in_pitch": 12, "in_type": 0}, {"input": image}, 420, tables(12, random)[1]),
        Case("lookup", {"count": 413}, {"input": image[:413], "table": bytes(reversed(range(256)))}, 413),
        Case("leaky_relu", {"count": 413}, {"input": image[:413]}, 413, one),
        Case("pad", {"in_h": 7, "in_w": 5, "in_c": 12, "in_pitch": 12, "pad_top": 1, "pad_bottom": 2, "pad_left": 1,
                     "pad_right": 2, "pad_front": 0, "pad_back": 0, "value": 7}, {"input": image}, 10 * 8 * 12),
    )}


@dataclass(frozen=True)
class Fault:
    """One overrun: fields that are changed by so much, buffers that are so many bytes too short."""

    kernel: str
    changed: Mapping[str, int] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What is wrong, in short."""
        found = [f"{name}{by:+d}" for name, by in self.changed.items()]
        found += [f"{name} {by} bytes short" for name, by in self.cut.items()]
        return f"{self.kernel}: " + ", ".join(found)

    def outcome(self, case: Case, loaded: Loaded) -> str:
        """`trap`, `difference` or `harmless`."""
        changed = {name: by + case.values.get(name, 0) for name, by in self.changed.items()}
        ran = run(case, loaded, CORES, tight=True, changed=changed, cut=self.cut, budget=BUDGET)
        if ran.result.traps:
            return "trap"
        return "harmless" if ran.output == case.host() else "difference"


SIZES = ("in_h", "in_w", "in_c", "in_pitch", "out_h", "out_w", "out_c", "out_pitch", "kernel_h", "kernel_w", "stride_h",
         "stride_w", "pad_top", "pad_left", "pad_bottom", "pad_right", "pad_back", "dilation_h", "dilation_w", "rows",
         "channels", "pixels", "a_pitch", "b_pitch", "count")


def faults_of_calls() -> Iterator[Fault]:
    """Every size of every kernel one or two too large or too small, and every buffer too short; by a seeded draw."""
    random = np.random.default_rng(SEED)
    for kernel, case in layers().items():
        for name in SIZES:
            if name in case.values:
                by = int(random.choice([1, 1, 2, -1]))
                yield Fault(kernel, {name: by if case.values[name] + by > 0 else 1})
        for name, data in case.buffers(CORES).items():
            if data:
                yield Fault(kernel, cut={name: 1 if name in BYTEWISE else 4})


EDITS = (
    ("conv", "conv.c", "piece.left > 0", "piece.left >= 0"),
    ("conv", "conv.c", "bt_min(reach, kernel)", "bt_min(reach + 1, kernel)"),
    ("conv", "conv.c", "at.iy >= end_y", "at.iy > end_y"),
    ("conv", "conv.c", "core * room * 2", "core * room"),
    ("conv", "conv.c", "end - begin + 3) >> 2", "end - begin) >> 3"),
    ("conv", "bt_eights.h", "r->y_step - 8 * count", "r->y_step - 4 * count"),
    ("conv", "bt_ways.h", "int32_t words = m->words,", "int32_t words = m->words + 1,"),
    ("conv", "bt_ways.h", "m->bias + 4 * first", "m->bias + 3 * first"),
    ("conv", "matrix.c", "(whole - first) >> 1", "(whole - first + 1) >> 1"),
    ("pointwise", "pointwise.c", "(wide - ox) >> 1", "(wide - ox + 1) >> 1"),
    ("linear", "linear.c", "row + 1 < p->rows", "row + 1 <= p->rows"),
    ("depthwise", "depthwise.c", "u->count = u->end - u->begin", "u->count = u->end - u->begin + 1"),
    ("depthwise", "depthwise.c", "iy < p->in_h", "iy <= p->in_h"),
    ("depthwise", "depthwise.c", "bt_min(rows, p->out_h - oy)", "rows"),
    ("depthwise", "bt_depthwise.h", "slli s4, s1, 8", "slli s4, s1, 16"),
    ("depthwise", "depthwise.c", "core * 4 * u->plane", "core * 3 * u->plane"),
    ("max_pool", "max_pool.c", "w.out + 4 * w.word", "w.out + 4 * w.word + 4"),
    ("avg_pool", "avg_pool.c", "columns >> 1)", "(columns + 2) >> 1)"),
    ("avg_pool", "bt_window.h", "w->ox == p->out_w", "w->ox > p->out_w"),
    ("add", "bt_common.h", "bt_min((core + 1) * chunk, total)", "(core + 1) * chunk + 1"),
    ("requantize", "bt_line.h", "core * channels / cores}", "core * channels}"),
    ("lookup", "lookup.c", "count >> 2)", "(count + 3) >> 2)"),
    ("leaky_relu", "leaky_relu.c", "left >= 4", "left >= 1"),
    ("pad", "pad.c", "iy >= p->in_h", "iy > p->in_h"),
)
"""Kernel, file, what it says, what it says wrongly."""
HARMLESS: Mapping[str, str] = {
    "pointwise: in_c-1": "11 weights fill as many words as 12",
    "depthwise: kernel_h+1": "the fourth row's weights are the zeros that fill the column up",
    "max_pool: in_h+2": "the windows see 6 of the 7 rows, whatever is said to follow",
    "max_pool: input 1 bytes short": "the windows do not see the last row",
    "avg_pool: in_h-1": "as for the largest value",
    "avg_pool: input 1 bytes short": "as for the largest value",
}


def test_every_fault_of_a_call_is_caught_or_harmless() -> None:
    found, cases = {}, layers()
    for fault in faults_of_calls():
        found[fault.name] = fault.outcome(cases[fault.kernel], program())
    assert len(found) >= 130
    assert {name for name, outcome in found.items() if outcome == "harmless"} == set(HARMLESS)
    counts = Counter(found.values())
    assert counts["trap"] >= 90
    assert counts["difference"] >= 35


@pytest.mark.parametrize("kernel", sorted({kernel for kernel, *_ in EDITS}))
def test_every_fault_in_a_source_is_caught(kernel: str, tmp_path: Path) -> None:
    case = layers()[kernel]
    for index, (name, *edit) in enumerate(EDITS):
        if name != kernel:
            continue
        source = shutil.copytree(SOURCE, tmp_path / str(index) / "kernels")
        path, right, wrong = source / edit[0], edit[1], edit[2]
        text = path.read_text()
        assert text.count(right) >= 1, right
        path.write_text(text.replace(right, wrong))
        outcome = Fault(kernel).outcome(case, program((kernel,), source=source))
        assert outcome in ("trap", "difference"), f"{right} -> {wrong}"


def test_the_layers_themselves_trap_nowhere() -> None:
    for case in layers().values():
        ran = run(case, program(), CORES, tight=True)
        ran.result.raise_traps()
        assert ran.output == case.host()
