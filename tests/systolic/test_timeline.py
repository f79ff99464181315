"""The timeline: its tracks add up to the plan and to the RTL's counters, and Perfetto can open the file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from systolic_support import emitted, linear_graph, small_network

from bittrue.errors import Unsupported
from bittrue.report.trace import trace_bytes
from bittrue.targets.sources import read_project
from bittrue.targets.systolic import timeline as module
from bittrue.targets.systolic.emit import KIND
from bittrue.targets.systolic.plan import SystolicPlan, make_plan
from bittrue.targets.systolic.schedule import SCHEDULES
from bittrue.targets.systolic.simulate import simulated
from bittrue.targets.systolic.timeline import DRAIN, HOST, LAYERS, LOADS, STALLS, STREAM, TILES, TRACKS, Span, timeline

OPTIONS = {"rows": 3, "cols": 2}


def lengths(spans: list[Span]) -> Counter[str]:
    """Cycles by track, and by name where the name is a cause."""
    found: Counter[str] = Counter()
    for span in spans:
        found[span.name if span.track in (STALLS, DRAIN) else span.track] += span.cycles
    return found


def expected(plan: SystolicPlan) -> Counter[str]:
    found: Counter[str] = Counter()
    for layer in plan.layers:
        found.update(layer.cycles.stalls())
        found.update({LAYERS: layer.cycles.total, STREAM: layer.cycles.stream, LOADS: layer.traffic.weights})
    return found


@pytest.mark.parametrize("by_pass", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_track_adds_up_to_the_plan(schedule: str, by_pass: bool) -> None:
    graph, _ = small_network()
    plan = make_plan(graph, {**OPTIONS, "schedule": schedule, "unfold": 0})
    spans = list(timeline(graph, plan, by_pass=by_pass))
    found = lengths(spans)
    inside = found.pop(TILES)
    assert +found == +expected(plan)
    assert inside < found[LAYERS]


@pytest.mark.parametrize("by_pass", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_spans_of_a_track_follow_each_other(schedule: str, by_pass: bool) -> None:
    graph, _ = small_network()
    plan = make_plan(graph, {**OPTIONS, "schedule": schedule})
    tracks: dict[str, list[Span]] = defaultdict(list)
    for span in timeline(graph, plan, by_pass=by_pass):
        tracks[span.track].append(span)
    for spans in tracks.values():
        ends = [span.start + span.cycles for span in spans]
        assert all(end <= span.start for end, span in zip(ends, spans[1:], strict=False))
        assert ends[-1] <= plan.cycles


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_layers_are_those_of_the_rtl(schedule: str, tmp_path: Path) -> None:
    graph, inputs = small_network()
    project = read_project(KIND, emitted(graph, inputs, tmp_path / "p", with_model=True, **OPTIONS, schedule=schedule))
    with simulated(project.folder, project.plan, 1) as runs:
        measured = [(run.layer.name, run.counters) for run in runs]
    spans = list(timeline(graph, project.plan, by_pass=True))
    layers = [span for span in spans if span.track == LAYERS]
    assert [(span.name, span.cycles) for span in layers] == [(name, found["cycles"]) for name, found in measured]
    for layer, (_, found) in zip(layers, measured, strict=True):
        within = lengths([s for s in spans if layer.start <= s.start < layer.start + layer.cycles])
        assert [within[track] for track in (STREAM, LOADS)] == [found["streams"], found["loads"]]


def test_a_pass_streams_when_its_weights_are_there() -> None:
    graph, _ = small_network()
    plan = make_plan(graph, {**OPTIONS, "unfold": 0})
    spans = [s for s in timeline(graph, plan, by_pass=True) if s.start < plan.layers[0].cycles.total]
    streams, loads = ([s for s in spans if s.track == track] for track in (STREAM, LOADS))
    assert len(streams) == len(loads) == plan.layers[0].work.passes
    for stream, load in zip(streams, loads, strict=True):
        assert load.start + load.cycles <= stream.start


def test_the_file_is_a_trace_that_names_its_tracks_and_its_unit() -> None:
    graph, _ = linear_graph()
    plan = make_plan(graph, OPTIONS)
    data = trace_bytes(graph.name, TRACKS, timeline(graph, plan))
    assert data == trace_bytes(graph.name, TRACKS, timeline(graph, plan))
    trace = json.loads(data)
    events = trace["traceEvents"]
    named = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    assert list(named) == list(TRACKS)
    assert "1 us" in trace["otherData"]["unit"]
    complete = [e for e in events if e["ph"] == "X"]
    assert all({"name", "ts", "dur", "pid", "tid"} <= set(event) and event["dur"] > 0 for event in complete)
    assert sum(e["dur"] for e in complete if e["tid"] == named[LAYERS]) == plan.cycles
    assert [e["name"] for e in events if e["ph"] == "i" and e["tid"] == named[HOST]] == ["x"]


def test_a_timeline_that_no_one_could_open_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = small_network()
    plan = make_plan(graph, OPTIONS)
    tiles = sum(layer.work.out_tiles for layer in plan.layers)
    monkeypatch.setattr(module, "MOST_CHUNKS", tiles)
    assert list(timeline(graph, plan))
    with pytest.raises(Unsupported, match="BT5151"):
        timeline(graph, plan, by_pass=True)
