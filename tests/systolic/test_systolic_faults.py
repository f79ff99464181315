"""Single-bit faults anywhere in a project: none is missed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from systolic_support import emitted, refresh, small_network

from bittrue.errors import Diagnostic
from bittrue.targets.base import FILES, MANIFEST, SIMULATION
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.emit import formats
from bittrue.targets.systolic.formats import TextFormat

KINDS = {
    "activation": "layers/*/image*/activation_*.txt", "weight": "layers/*/weight_*.txt",
    "psum": "layers/*/image*/psum_*.txt", "acc_out": "layers/*/image*/acc_out_*.txt",
    "out": "layers/*/image*/out_*.txt", "stage": "layers/*/stage_*.txt", "address": "layers/*/acc.txt",
    "jobs": "jobs.txt", "plan": "plan.json", "input": "inputs/*.npy", "model": "model.onnx", "rtl": "rtl/*.sv",
    "manifest": "manifest.json",
}
FAULTS_PER_KIND = 20
ARRAY = {"rows": 3, "cols": 2}


@dataclass(frozen=True)
class Fault:
    """A flipped bit: where, and the line, column and byte it hit."""

    kind: str
    path: Path
    position: int
    before: bytes

    def repair(self) -> None:
        """Put the bit back."""
        self.path.write_bytes(self.before)

    @property
    def line(self) -> bytes:
        """The line that was hit, as it was."""
        return self.before[:self.position].rpartition(b"\n")[2] + self.before[self.position:].partition(b"\n")[0]

    @property
    def column(self) -> int:
        """The position within that line."""
        return self.position - self.before.rfind(b"\n", 0, self.position) - 1

    @property
    def in_comment(self) -> bool:
        """Whether it hit the text of a comment line, behind the `#`."""
        return self.line.startswith(b"#") and self.column > 0

    @property
    def is_digit(self) -> bool:
        """Whether it turned a digit of a data line into the other one."""
        return self.before[self.position:self.position + 1] in (b"0", b"1") and not self.in_comment \
            and self.path.read_bytes()[self.position:self.position + 1] in (b"0", b"1")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path_factory.mktemp("sound") / "p", with_model=True, **ARRAY)
    assert TARGET.verify(project).differences == 0
    return project


def copied(project: Path, folder: Path) -> Path:
    return Path(shutil.copytree(project, folder / "p", copy_function=shutil.copyfile))


def inject(project: Path, kind: str, rng: np.random.Generator) -> Fault:
    """Flip one random bit: mostly behind the comment lines, often the lowest of a byte, which turns a 0 into a 1."""
    paths = sorted(project.glob(KINDS[kind]))
    path = paths[int(rng.integers(len(paths)))]
    data = bytearray(path.read_bytes())
    before = bytes(data)
    comments = sum(len(line) for line in before.splitlines(keepends=True)[:3] if line.startswith(b"#"))
    position = int(rng.integers(comments if rng.random() < 0.8 else 0, len(data)))
    data[position] ^= 1 << int(rng.choice([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))
    path.write_bytes(bytes(data))
    return Fault(kind, path, position, before)


def must_reach_the_hardware(fault: Fault) -> bool:
    """Whether the fault changes what the hardware reads, computes or is compared with for certain."""
    if fault.kind == "input":
        return True
    if fault.kind in ("psum", "acc_out", "out"):
        return not fault.in_comment
    if fault.kind in ("activation", "weight"):
        return not fault.in_comment and (not fault.is_digit or _hits_a_real_row(fault))
    if fault.kind == "stage":
        return not fault.in_comment and (not fault.is_digit or _field(fault, "stage") == "bias")
    return fault.kind == "address" and not fault.in_comment and not fault.is_digit


def _hits_a_real_row(fault: Fault) -> bool:
    """Layer `head` has 5 input channels: row 2 of its second tile is padding, with weights and activations of zero."""
    padded_tile = "head" in str(fault.path) and ("tile1.txt" in fault.path.name or "itile1" in fault.path.name)
    return not (padded_tile and _field(fault, fault.kind) == "row2")


def _field(fault: Fault, kind: str) -> str:
    graph, _ = small_network()
    text = formats(TARGET.plan(graph, ARRAY))
    found: TextFormat = text.activation(False) if kind == "activation" else getattr(text, kind)
    return found.field_at(fault.column)


def names(problems: Iterable[Diagnostic], fault: Fault) -> bool:
    return any(str(fault.path) in problem.where for problem in problems)


def test_no_single_bit_fault_is_missed(sound: Path, tmp_path: Path) -> None:
    """13 kinds of files, 20 faults each. The hashes name every one. With the hashes refreshed the comparison of
    contents names every one, and the hardware alone notices every one that it can see."""
    project = copied(sound, tmp_path)
    manifest, rng = (project / "manifest.json").read_bytes(), np.random.default_rng(20240229)
    by_hardware: Counter[str] = Counter()
    for kind in np.repeat(list(KINDS), FAULTS_PER_KIND):
        fault = inject(project, str(kind), rng)
        assert_hashes_name(project, fault)
        if fault.kind != "manifest":
            refresh(project)
            assert_contents_name(project, fault)
        if fault.kind not in ("manifest", "rtl"):
            by_hardware[fault.kind] += assert_hardware_notices(project, fault)
        fault.repair()
        (project / "manifest.json").write_bytes(manifest)
    assert len(KINDS) * FAULTS_PER_KIND >= 200
    assert by_hardware["input"] == FAULTS_PER_KIND
    for kind in ("psum", "acc_out", "out", "activation", "weight", "address"):
        assert by_hardware[kind] >= FAULTS_PER_KIND // 2, by_hardware
    assert TARGET.verify(project).differences == 0


def assert_hashes_name(project: Path, fault: Fault) -> None:
    report = TARGET.verify(project, (MANIFEST,))
    assert report.differences > 0
    assert fault.kind == "manifest" or names(report.problems, fault)


def assert_contents_name(project: Path, fault: Fault) -> None:
    assert TARGET.verify(project, (MANIFEST,)).differences == 0
    report = TARGET.verify(project, (FILES,))
    assert report.differences > 0
    assert names(report.problems, fault), (fault.path, report.problems)


def assert_hardware_notices(project: Path, fault: Fault) -> bool:
    report = TARGET.verify(project, (SIMULATION,))
    assert bool(report.problems) == (report.differences > 0)
    assert report.differences > 0 or not must_reach_the_hardware(fault), (fault.path, fault.position)
    return report.differences > 0


def test_the_small_network_shows_every_fault(sound: Path) -> None:
    """What the fault test relies on: no weight is zero, and no channel is zero everywhere."""
    graph, inputs = small_network()
    trace = TARGET.simulate(sound)
    assert all((graph.constants[name].values != 0).all() for name in ("w", "w2"))
    assert (inputs["x"] != 0).all()
    assert (trace["act"] != 0).any(axis=(2, 3)).all()


@pytest.mark.parametrize("kind", ["psum", "weight", "stage", "address"])
def test_a_missing_file_is_named(sound: Path, tmp_path: Path, kind: str) -> None:
    project = copied(sound, tmp_path)
    path = sorted(project.glob(KINDS[kind]))[0]
    path.unlink()
    for check in (MANIFEST, FILES, SIMULATION):
        report = TARGET.verify(project, (check,))
        assert report.differences > 0
        assert any(str(path) in problem.where for problem in report.problems)


@pytest.mark.parametrize("kind", ["psum", "weight", "activation", "address", "out"])
def test_truncated_and_prolonged_files_are_named(sound: Path, tmp_path: Path, kind: str) -> None:
    project = copied(sound, tmp_path)
    path = sorted(project.glob(KINDS[kind]))[0]
    data = path.read_bytes()
    for changed in (data[:-1], data[:len(data) // 2], data + b"0", data + data.splitlines(keepends=True)[-1]):
        path.write_bytes(changed)
        refresh(project)
        for check in (FILES, SIMULATION):
            report = TARGET.verify(project, (check,))
            assert report.differences > 0
            assert any(str(path) in problem.where for problem in report.problems)
