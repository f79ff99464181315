"""The report of a plan: against numbers worked out by hand, against the RTL's counters, and as text."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from systolic_support import emitted, linear_graph, small_network

from bittrue.ir import Graph, GraphBuilder, IntType, Rounding
from bittrue.ir.ops import Conv, MaxPool, Requant
from bittrue.report.array import csv_text, html_page, report_rows
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.plan import make_plan
from bittrue.targets.systolic.report import STALLS, TRAFFIC, array_report
from bittrue.targets.systolic.schedule import SCHEDULES


def grouped_network() -> Graph:
    """A convolution of two groups, a pooling, a convolution."""
    rng, b = np.random.default_rng(2), GraphBuilder("grouped <net>")
    x = b.input("x", (4, 6, 4), "u4")
    conv = b.add("conv", Conv(groups=2), x, b.constant("w", rng.integers(0, 2, (6, 2, 3, 1)), "u2"))
    ones = [b.constant(name, [value], "i4") for name, value in (("m", 1), ("o", 0), ("s", 3))]
    act = b.add("act", Requant(IntType(4, False), 0, 15, Rounding.FLOOR), conv, *ones)
    pool = b.add("pool", MaxPool((2, 2), (2, 2)), act)
    return b.build(b.add("head", Conv(), pool, b.constant("w2", rng.integers(0, 2, (3, 6, 1, 1)), "u2")))


def test_cycles_stalls_and_traffic_of_a_layer_by_hand() -> None:
    graph, _ = linear_graph((3,))  # 11 inputs, 10 outputs, 3 positions
    found = array_report(graph, make_plan(graph, {"rows": 4, "cols": 4, "schedule": "plain"}))
    layer, passes = found.layers[0], 3 * 3
    assert layer.stalls == {"start": 2, "weights": passes * 4, "gather": passes * 3, "array": passes * (4 + 4),
                            "drain": 4}
    assert layer.cycles == passes * 3 + sum(layer.stalls.values())
    assert layer.words == {"activations": passes * 3, "weights": passes * 4, "psums": passes * 3, "sums": passes * 3,
                           "accumulators": 3 * 3, "outputs": 0}
    assert layer.bytes == {"activations": 27 * 4 * 5 / 8 + 0.5, "weights": 36 * 4 * 5 / 8, "psums": 27 * 4 * 2,
                           "sums": 27 * 4 * 2, "accumulators": 9 * 4 * 4, "outputs": 0}
    assert layer.macs == 3 * 11 * 10
    assert layer.utilization == 330 / (16 * layer.cycles)
    assert layer.bound == 21  # 330 / 16 = 20.6


def test_schedules_side_by_side_and_the_formula_of_the_graphs_layer() -> None:
    graph = grouped_network()
    found = array_report(graph, make_plan(graph, {"rows": 3, "cols": 2, "act_bits": 8}))
    conv, pool, head = found.comparisons
    # per group: K = 3 * 2, N = 3, T = 4 * 4; 2 * 2 folds
    assert conv.scalesim == 2 * (2 * 2 * (2 * 3 + 2 + 16 - 2) - 1)
    assert head.scalesim == 2 * 2 * (2 * 3 + 2 + 4 - 2) - 1
    assert (pool.scalesim, pool.bound) == (None, 0)
    for name in SCHEDULES:
        plan = make_plan(graph, {"rows": 3, "cols": 2, "act_bits": 8, "schedule": name})
        assert [entry.cycles[name] for entry in found.comparisons] == [layer.cycles.total for layer in plan.layers]
    dense, everything = found.comparison_totals
    assert dense.scalesim == (conv.scalesim or 0) + (head.scalesim or 0)
    assert everything.scalesim is None
    assert everything.cycles["plain"] - dense.cycles["plain"] == pool.cycles["plain"]


def test_an_unfolded_layer_keeps_the_formula_of_its_convolution() -> None:
    graph, _ = small_network()
    by_unfold = {unfold: array_report(graph, make_plan(graph, {"rows": 8, "cols": 4, "unfold": unfold}))
                 for unfold in (0, 1)}
    assert [by_unfold[unfold].layers[0].unfolded for unfold in (0, 1)] == [False, True]
    assert by_unfold[0].comparisons[0].scalesim == by_unfold[1].comparisons[0].scalesim


def test_subword_mode_halves_the_bound_but_not_that_of_the_formula() -> None:
    graph, _ = small_network()
    plain, subword = (array_report(graph, make_plan(graph, {"rows": 2, "cols": 2, "act_bits": 8, "subword": subword}))
                      for subword in (0, 1))
    assert [layer.subword for layer in subword.layers] == [True, True]
    assert subword.comparisons[0].bound == (plain.comparisons[0].bound + 1) // 2
    assert subword.comparisons[0].utilization()["scalesim"] == plain.comparisons[0].utilization()["scalesim"]
    assert subword.comparisons[0].utilization()["overlapped"] <= 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_report_agrees_with_the_rtl(schedule: str, tmp_path: Path) -> None:
    graph, inputs = small_network()
    options = {"rows": 3, "cols": 2, "schedule": schedule}
    found = array_report(graph, make_plan(graph, options))
    verified = TARGET.verify(emitted(graph, inputs, tmp_path / "p", with_model=True, **options))
    assert verified.differences == 0
    for cost, measured in zip(found.layers, verified.layers, strict=True):
        assert (cost.cycles, cost.utilization) == (measured.cycles, measured.utilization)
        assert (cost.stalls, cost.words) == (measured.stalls, measured.traffic)
    assert [set(layer["stalls"]) for layer in verified.to_json()["layers"]] == [set(STALLS)] * 2


def test_totals() -> None:
    graph, _ = small_network()
    found = array_report(graph, make_plan(graph, {"rows": 3, "cols": 2}))
    assert found.total.cycles == sum(layer.cycles for layer in found.layers)
    assert found.total.macs == sum(layer.macs for layer in found.layers)
    assert found.total.utilization == found.total.macs / (6 * found.total.cycles)
    for kind in TRAFFIC:
        assert found.total.bytes[kind] == sum(layer.bytes[kind] for layer in found.layers)
    for layer in (*found.layers, found.total):
        streamed = layer.cycles - sum(layer.stalls.values())
        assert 0 < streamed <= layer.cycles


def test_a_schedule_that_cannot_run_the_network_is_left_out() -> None:
    b = GraphBuilder("large")
    x = b.input("x", (1, 1500, 1500), "u1")  # 9 partial sums of every position are more than any memory has
    graph = b.build(b.add("conv", Conv(pads=(1, 1, 1, 1)), x, b.constant("w", np.ones((1, 1, 3, 3)), "u1")))
    found = array_report(graph, make_plan(graph, {"unfold": 0}))
    assert set(found.comparisons[0].cycles) == {"overlapped"}
    assert "plain" not in next(rows for rows in report_rows(found) if "bound" in rows.header).header


def test_json_csv_and_html() -> None:
    graph = grouped_network()
    found = array_report(graph, make_plan(graph, {"rows": 3, "cols": 2, "act_bits": 8}))
    told = json.loads(json.dumps(found.to_json()))
    assert [layer["name"] for layer in told["layers"]] == ["conv", "pool", "head"]
    lines = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert [line["layer"] for line in lines] == ["conv", "pool", "head"]
    assert [int(line["cycles"]) for line in lines] == [layer.cycles for layer in found.layers]
    assert [line["cycles_scalesim"] for line in lines][1] == ""
    page = html_page(found)
    assert "grouped &lt;net&gt;" in page
    assert "<net>" not in page
    assert page.count("<table>") == page.count("</table>") == 4
