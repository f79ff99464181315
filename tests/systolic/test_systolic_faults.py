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

KINDS = {
    "program": "program.hex", "segments": "segments.hex", "weights": "weights.hex", "channels": "channels.hex",
    "load": "images/*/load*.hex", "plan": "plan.json", "input": "inputs/*.npy", "model": "model.onnx",
    "rtl": "rtl/*.sv", "manifest": "manifest.json",
}
FAULTS_PER_KIND = 24
ARRAY = {"rows": 3, "cols": 2}
HEXADECIMAL = b"0123456789abcdef"


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
        """Whether it hit the text of a comment line, behind the `//`."""
        return self.line.startswith(b"//") and self.column > 1

    @property
    def is_digit(self) -> bool:
        """Whether it turned a digit of a data line into another one."""
        return self.before[self.position] in HEXADECIMAL and not self.line.startswith(b"//") \
            and self.path.read_bytes()[self.position] in HEXADECIMAL


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
    comments = sum(len(line) for line in before.splitlines(keepends=True)[:1] if line.startswith(b"//"))
    position = int(rng.integers(comments if rng.random() < 0.8 else 0, len(data)))
    data[position] ^= 1 << int(rng.choice([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))
    path.write_bytes(bytes(data))
    return Fault(kind, path, position, before)


def must_reach_the_hardware(fault: Fault) -> bool:
    """Whether the fault changes what the hardware computes for certain: no weight of the network is zero, so a digit
    of the weights that is not zero is the weight of a channel; the last digits of a loaded word are its values."""
    if fault.kind == "input":
        return True
    if fault.kind == "weights":
        return fault.is_digit and fault.before[fault.position:fault.position + 1] != b"0"
    return fault.kind == "load" and fault.is_digit and fault.column >= len(fault.line) - ARRAY["rows"]


def names(problems: Iterable[Diagnostic], fault: Fault) -> bool:
    return any(str(fault.path) in problem.where for problem in problems)


def test_no_single_bit_fault_is_missed(sound: Path, tmp_path: Path) -> None:
    """10 kinds of files, 24 faults each. The hashes name every one. With the hashes refreshed the comparison of
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
    for kind in ("program", "segments", "weights", "load"):
        assert by_hardware[kind] >= FAULTS_PER_KIND // 3, by_hardware
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


@pytest.mark.parametrize("kind", ["program", "segments", "weights", "channels", "load"])
def test_a_missing_file_is_named(sound: Path, tmp_path: Path, kind: str) -> None:
    project = copied(sound, tmp_path)
    path = sorted(project.glob(KINDS[kind]))[0]
    path.unlink()
    for check in (MANIFEST, FILES, SIMULATION):
        report = TARGET.verify(project, (check,))
        assert report.differences > 0
        assert any(str(path) in problem.where for problem in report.problems)


@pytest.mark.parametrize("kind", ["program", "segments", "weights", "channels", "load"])
def test_truncated_and_prolonged_files_are_named(sound: Path, tmp_path: Path, kind: str) -> None:
    """Words that are missing are noticed by the hardware, too; words too many it never reads."""
    project = copied(sound, tmp_path)
    path = sorted(project.glob(KINDS[kind]))[0]
    data = path.read_bytes()
    for changed in (data[:-1], data[:len(data) // 2], data + b"0", data + data.splitlines(keepends=True)[-1]):
        path.write_bytes(changed)
        refresh(project)
        report = TARGET.verify(project, (FILES,))
        assert report.differences > 0
        assert any(str(path) in problem.where for problem in report.problems)
    path.write_bytes(data[:len(data) // 2])
    assert TARGET.verify(project, (SIMULATION,)).differences > 0


def test_a_digit_that_is_none_is_named_by_the_hardware(sound: Path, tmp_path: Path) -> None:
    project = copied(sound, tmp_path)
    path = project / "weights.hex"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\ng", 2))
    problem, = TARGET.verify(project, (SIMULATION,)).problems
    assert (problem.code, "weights.hex" in problem.where) == ("BT5123", True)
