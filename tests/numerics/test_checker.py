"""The independent checker: it confirms what is right, and misses no fault, however consistently it was made."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

import bittrue.numerics.checker as checker
from bittrue.errors import BadInput
from bittrue.ir import Graph, IntType, Rounding
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.ir.ops import Requant
from bittrue.numerics.certificate import Certificate, from_text, model_json, to_text
from bittrue.numerics.checker.file import parse
from bittrue.numerics.checker.integers import Requantization, body_outputs
from bittrue.numerics.checker.ranges import intervals
from bittrue.numerics.checker.real import Model
from bittrue.numerics.proof import prove
from bittrue.numerics.steps import StepModel, thresholds

from .models import evaluate, step_models
from .nets import small_net, with_constant
from .tampering import Files, leaves, other_values, rehashed, replaced


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A proved network on disk."""
    net = small_net()
    return Files(tmp_path_factory.mktemp("net"), net.data, net.proof())


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("slope", [0.1, 13 / 256, 1.0])
def test_proved_networks_are_confirmed(rounding: Rounding, slope: float, tmp_path: Path) -> None:
    net = small_net(5, slope=slope, rounding=rounding)
    report = Files(tmp_path, net.data, net.proof()).check()
    assert report.problems == ()
    assert report.verdict == "proved"
    assert [(r.name, r.verdict, r.channels) for r in report.layers] \
        == [("act1", "proved", 3), ("act2", "proved", 3), ("act3", "proved", 1), ("out", "proved", 4)]


def test_it_shares_no_code_with_what_it_checks() -> None:
    folder = Path(checker.__file__).parent
    modules = {(node.level, node.module or "") for file in folder.glob("*.py")
               for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom) and node.level}
    assert {module for level, module in modules if level > 1} == {"errors"}
    own = {file.stem for file in folder.glob("*.py")} | {""}
    assert {module for level, module in modules if level == 1} <= own


@settings(deadline=None, max_examples=150)
@given(graphs())
def test_any_graph_has_the_ranges_widths_and_steps_that_it_claims(graph: Graph) -> None:
    data = to_bytes(to_model(graph))
    file = parse(data)
    for name, (lo, hi) in intervals(file).items():
        bounds = graph.ranges[name].broadcast(graph.types[name].shape)
        assert np.array_equal(lo, bounds.lo)
        assert np.array_equal(hi, bounds.hi)


@settings(deadline=None, max_examples=60)
@given(graph=graphs(makers=("conv", "linear", "requant", "requant")))
def test_honest_certificates_without_models_lack_only_the_models(graph: Graph, tmp_path_factory: pytest.TempPathFactory
                                                                 ) -> None:
    data = to_bytes(to_model(graph))
    proof = prove(graph, {}, data)
    report = Files(tmp_path_factory.mktemp("any"), data, proof).check()
    assert report.proved == (proof.verdict == "proved")
    assert {p.code for p in report.problems} <= {"BT3118"}


@settings(deadline=None, max_examples=300)
@given(step_models(), st.integers(-100, 100))
def test_the_real_model_gives_one_output_and_the_right_one(model: StepModel, acc: int) -> None:
    for channel in range(model.channels):
        claimed = Model(model_json(model), channel)
        given_ = [y for y in range(model.lo - 1, model.hi + 2) if claimed.gives(acc, y)]
        assert given_ == [evaluate(model, channel, acc)]


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(Rounding)), st.sampled_from([(1, 0), (0, 0), (13, 8)]), st.integers(-9, 9),
       st.integers(-99, 99), st.integers(0, 5), st.integers(-60, 60), st.integers(0, 60))
def test_integer_functions_and_their_changes_are_the_ops(rounding: Rounding, slope: tuple[int, int], m: int, o: int,
                                                         s: int, begin: int, length: int) -> None:
    op = Requant(IntType(8, True), -9, 6, rounding, *slope)
    accs, numbers = np.arange(begin, begin + length + 1), [np.array([v]) for v in (m, o, s)]
    ran = op.run(accs[:, None], *numbers)[:, 0]
    own = Requantization(*numbers, slope, str(rounding), (-9, 6))
    assert own.apply(accs, np.zeros_like(accs)).tolist() == ran.tolist()
    channels, changes = own.changes(accs[:1], accs[-1:])
    assert changes.tolist() == accs[1:][np.diff(ran) != 0].tolist()
    assert not channels.any()


# Faults


def test_every_flipped_bit_of_the_model_is_noticed(files: Files) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        broken = bytearray(files.model)
        broken[rng.integers(len(broken))] ^= 1 << int(rng.integers(8))
        report = files.check(model=bytes(broken))
        assert [p.code for p in report.problems] == ["BT3112"]


def test_every_flipped_bit_of_the_certificate_is_noticed(files: Files) -> None:
    rng = np.random.default_rng(2)
    for _ in range(400):
        broken = bytearray(files.text)
        broken[rng.integers(len(broken))] ^= 1 << int(rng.integers(8))
        report = files.check(text=bytes(broken))
        assert [p.code for p in report.problems] == ["BT3111"]


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_cut_files_are_noticed(files: Files, cut: int) -> None:
    assert not files.check(model=files.model[:cut]).proved
    assert not files.check(text=files.text[:cut]).proved


def test_every_claim_that_is_changed_consistently_is_noticed(files: Files) -> None:
    """All digests are made again. A changed parameter that moves no step leaves a true statement about other
    parameters, which their fingerprint tells; every other change makes a false one, found by computing again."""
    body, tried, moving = files.body, 0, 0
    for path, value in leaves(body):
        for other in other_values(value):
            if path[0] in ("body_sha256", "model_sha256"):
                continue
            tried += 1
            text = rehashed(replaced(body, path, other))
            report = files.check(text=text)
            if "model" not in path:
                assert not report.proved, (path, other)
            elif report.proved:
                assert moves_no_step(body, json.loads(text), path[1]), (path, other)
                assert not files.check(text=text, fingerprint=files.fingerprint).proved, (path, other)
            moving += not report.proved
    assert tried > 400
    assert moving > 300


def moves_no_step(before: dict[str, object], after: dict[str, object], layer: int) -> bool:
    """Whether two certificates' models of a layer are the same function on its claimed intervals."""
    one, two = (from_text((json.dumps(b, indent=1, sort_keys=True) + "\n").encode()).layers[layer]
                for b in (before, after))
    assert one.model is not None
    assert two.model is not None
    for c, (lo, hi) in enumerate(zip(one.lo_acc, one.hi_acc, strict=True)):
        old, new = (thresholds(m, c if m.channels > 1 else 0, lo, hi) for m in (one.model, two.model))
        levels = min(old.lo, new.lo), max(old.lo + len(old.positions), new.lo + len(new.positions))
        if old.spanning(*levels) != new.spanning(*levels):
            return False
    return True


def test_a_missing_or_additional_field_is_noticed(files: Files) -> None:
    body = files.body
    for path, value in leaves(body):
        if isinstance(value, dict):
            for changed in (value | {"more": 1}, dict(list(value.items())[1:])):
                assert not files.check(text=rehashed(replaced(body, path, changed))).proved, path
    assert not files.check(text=rehashed(body | {"more": 1})).proved


def test_layers_that_are_left_out_are_noticed(files: Files) -> None:
    body = files.body
    for layers in (body["layers"][1:], [*body["layers"], body["layers"][0]], body["layers"][::-1]):
        report = files.check(text=rehashed(body | {"layers": layers}))
        assert [p.code for p in report.problems] == ["BT3114"]


def test_a_model_taken_away_is_noticed(files: Files) -> None:
    for verdict, code in (("proved", "BT3114"), ("unproved", "BT3118")):
        body = files.body
        body["layers"][1] |= {"model": None, "verdict": verdict}
        assert code in {p.code for p in files.check(text=rehashed(body)).problems}


@pytest.mark.parametrize("constant", ["multiplier", "offset", "shift", "weight"])
def test_changed_integers_in_the_file_are_noticed_although_every_digest_fits(files: Files, constant: str) -> None:
    net, noticed = small_net(), 0
    name = f"conv1.{constant}" if constant == "weight" else f"act1.{constant}"
    for c in range(2):
        def bump(values: np.ndarray, c: int = c) -> np.ndarray:
            changed = values.copy()
            changed[c] += {"multiplier": 99, "offset": 1 << 30, "shift": 1, "weight": 1}[constant]
            return changed
        changed = with_constant(net.graph, name, bump)
        report = files.check_rehashed_model(to_bytes(to_model(changed)))
        truth = prove(changed, net.steps, b"")
        assert not report.proved
        if truth.verdict != "proved":
            assert "BT3115" in {p.code for p in report.problems}
        noticed += 1
    assert noticed == 2


@pytest.mark.parametrize("rounding", [r for r in Rounding if r is not Rounding.HALF_EVEN])
def test_another_rounding_in_the_file_is_noticed_where_it_matters(files: Files, rounding: Rounding) -> None:
    """Where no accumulator is a tie the roundings are the same function, and the proof says the same."""
    net = small_net()
    nodes = tuple(replace(n, op=replace(n.op, rounding=rounding)) if isinstance(n.op, Requant) else n
                  for n in net.graph.nodes)
    changed = replace(net.graph, nodes=nodes)
    report = files.check_rehashed_model(to_bytes(to_model(changed)))
    assert report.proved == (prove(changed, net.steps, b"").verdict == "proved")
    assert not (report.proved and rounding is Rounding.FLOOR)


SWAPS = {"Greater": "GreaterOrEqual", "Add": "Sub", "Mul": "Add", "Less": "Greater", "Mod": "Div"}
TURNED = ("Greater", "Less", "Sub", "Where")
"""Operations whose last two operands are exchanged."""


def exchanged_operations(data: bytes) -> Iterator[onnx.ModelProto]:
    """The model with one operation of one requantization's body exchanged, or its operands, for all of them."""
    functions = onnx.load_from_string(data).functions
    for f, function in enumerate(functions):
        for n, node in enumerate(function.node):
            if function.name == "Requant" and node.op_type in SWAPS:
                model = onnx.load_from_string(data)
                model.functions[f].node[n].op_type = SWAPS[node.op_type]
                yield model
            if function.name == "Requant" and node.op_type in TURNED:
                model = onnx.load_from_string(data)
                inputs = model.functions[f].node[n].input
                inputs[-2], inputs[-1] = inputs[-1], inputs[-2]
                yield model


def computes_the_same(data: bytes, proof: Certificate, graph: Graph) -> bool:
    """Whether the bodies of a file give the graph's outputs for every accumulator."""
    file = parse(data)
    for layer in proof.layers:
        node, op = next(n for n in file.nodes if n.name == layer.name), graph.node[layer.name].op
        accs = np.arange(min(layer.lo_acc), max(layer.hi_acc) + 1)
        channels = node.type.shape[node.attributes["axis"]]
        grid = np.clip(np.repeat(accs[:, None], channels, axis=1), layer.lo_acc, layer.hi_acc)
        numbers = (graph.constants[name].values for name in graph.node[layer.name].inputs[1:])
        if not np.array_equal(body_outputs(file, node, grid), replace(op, axis=0).run(grid, *numbers)):
            return False
    return True


def test_a_function_that_is_not_what_its_attributes_say_is_noticed(files: Files) -> None:
    """The attributes still promise the right function; it is noticed exactly when some accumulator tells."""
    net, harmful, tried = small_net(), 0, 0
    for model in exchanged_operations(files.model):
        data, tried = model.SerializeToString(deterministic=True), tried + 1
        same = computes_the_same(data, net.proof(), net.graph)
        assert files.check_rehashed_model(data).proved == same
        harmful += not same
    assert tried > 20
    assert harmful > tried // 2


def test_unknown_operations_and_broken_files_end_in_a_problem(files: Files) -> None:
    def changed(edit: object) -> bytes:
        model = onnx.load_from_string(files.model)
        edit(model)  # type: ignore[operator]
        return bytes(model.SerializeToString(deterministic=True))

    def unknown(model: onnx.ModelProto) -> None:
        next(f for f in model.functions if f.name == "Requant").node[-1].op_type = "Sin"

    def no_metadata(model: onnx.ModelProto) -> None:
        del model.graph.node[0].metadata_props[:]

    def huge(model: onnx.ModelProto) -> None:
        model.graph.input[0].metadata_props[0].value = "u4[1000000,1000000]"

    def no_functions(model: onnx.ModelProto) -> None:
        del model.functions[:]

    def no_constants(model: onnx.ModelProto) -> None:
        del model.graph.initializer[:]

    for edit in (unknown, no_metadata, huge, no_functions, no_constants):
        report = files.check_rehashed_model(changed(edit))
        assert {p.code for p in report.problems} & {"BT3113", "BT3114", "BT3116"}, edit.__name__


def test_different_and_unproved_layers_are_told(tmp_path: Path) -> None:
    net = small_net()
    broken = with_constant(net.graph, "act1.offset", lambda v: v + 10**10)
    data = to_bytes(to_model(broken))
    report = Files(tmp_path, data, prove(broken, {**net.steps}, data)).check()
    assert [p.code for p in report.problems] == ["BT3118"]
    assert "act1 is different: channel" in report.verdict


def test_the_body_is_run_on_every_rounding_and_axis() -> None:
    for rounding in Rounding:
        net = small_net(7, rounding=rounding)
        file = parse(net.data)
        node = next(n for n in file.nodes if n.name == "act1")
        acc = np.arange(-40, 41)[:, None] * np.array([1, 2, 3])
        op, names = net.graph.node["act1"].op, net.graph.node["act1"].inputs[1:]
        want = replace(op, axis=0).run(acc, *(net.graph.constants[n].values for n in names))
        assert np.array_equal(body_outputs(file, node, acc), want)


# The command


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`python -m bittrue.numerics.checker`."""
    return subprocess.run([sys.executable, "-m", "bittrue.numerics.checker", *map(str, arguments)], text=True,
                          capture_output=True, check=False)


def test_the_command_and_its_exit_codes(files: Files, tmp_path: Path) -> None:
    files.check()
    good = run(files.onnx, files.certificate, "--fingerprint", files.fingerprint)
    assert (good.returncode, good.stdout.splitlines()[-1], good.stderr) == (0, "proved", "")
    other = run(files.onnx, files.certificate, "--fingerprint", "0")
    assert (other.returncode, "BT3117" in other.stdout) == (1, True)
    missing = run(files.onnx, tmp_path / "none.json")
    assert (missing.returncode, "BT3110" in missing.stderr, missing.stdout) == (2, True, "")


def test_missing_files_are_diagnosed(files: Files, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        checker.check(tmp_path / "none.onnx", files.certificate)
    assert [d.code for d in caught.value.diagnostics] == ["BT3110"]


def test_a_certificate_for_another_training_of_the_same_net(tmp_path: Path) -> None:
    """Same shapes, other parameters: everything about it is honest but that it is not this file's."""
    here, there = small_net(0), small_net(1)
    files = Files(tmp_path, here.data, here.proof())
    report = files.check(text=to_text(there.proof()).encode())
    assert [p.code for p in report.problems] == ["BT3112"]
