"""Single-bit faults anywhere in a project: every one is found, and the place is named."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from bittrue import api
from bittrue.cli import app
from bittrue.errors import Difference
from bittrue.frontends.brevitas import freeze
from bittrue.frontends.brevitas.reference import input_integers
from bittrue.quantization import quantize
from bittrue.quantization.models import odd_cnn
from bittrue.targets.base import FILES, MANIFEST
from bittrue.targets.project import MANIFEST_NAME

FAULTS_PER_KIND = 40

KINDS: dict[str, Callable[[Path], bool]] = {
    "program": lambda path: path.name == "program.hex",
    "segments": lambda path: path.name == "segments.hex",
    "weights": lambda path: path.name == "weights.hex",
    "channels": lambda path: path.name == "channels.hex",
    "activations": lambda path: path.name.startswith("load"),
    "samples": lambda path: path.suffix == ".npy",
    "RTL": lambda path: path.suffix == ".sv",
    "model": lambda path: path.suffix == ".onnx",
    "certificate": lambda path: path.name.endswith(".cert.json"),
    "plan": lambda path: path.name == "plan.json",
    "manifest": lambda path: path.name == MANIFEST_NAME,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a certificate; its network has nothing square."""
    torch.manual_seed(3)
    images = torch.randn(64, 2, 5, 6)
    plain = odd_cnn((2, 5, 6), classes=3)
    plain(images)
    frozen = freeze(quantize(plain.eval(), "w4a4_leaky", example_input=images).eval(), images[:1], name="faulty")
    folder = tmp_path_factory.mktemp("faults")
    model, _ = frozen.save(folder / "faulty.onnx")
    api.compile(model, "systolic", folder / "array", input_integers(frozen, images[:1]), {"rows": 4, "cols": 4})
    return folder / "array"


def places(target: Path) -> list[str]:
    """Where verification finds something wrong, without running the hardware."""
    try:
        report = api.verify(target, (MANIFEST, FILES))
    except Difference as error:  # exit code 1; anything else fails the test
        return [d.where for d in error.diagnostics]
    assert (report.differences == 0) == (not report.certificate_problems and not report.target.problems)
    return [d.where for d in (*report.certificate_problems, *report.target.problems)]


def flip(path: Path, rng: random.Random) -> bytes:
    """Flip one random bit of a file; returns its former content."""
    before = path.read_bytes()
    data = bytearray(before)
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))
    return before


def test_an_untouched_project_has_no_difference(project: Path) -> None:
    assert places(project) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_found_and_its_file_named(project: Path, kind: str) -> None:
    rng = random.Random(kind)
    files = sorted(path for path in project.rglob("*") if path.is_file() and KINDS[kind](path))
    assert files, f"no file of kind {kind}"
    outcome: Counter[bool] = Counter()
    for _ in range(FAULTS_PER_KIND):
        path = rng.choice(files)
        before = flip(path, rng)
        outcome[any(path.name in where or where.startswith("certificate") for where in places(project))] += 1
        path.write_bytes(before)
    assert outcome == {True: FAULTS_PER_KIND}


def test_a_removed_file_is_found(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    victim = next(copy.rglob("load*.hex"))
    victim.unlink()
    assert any(victim.name in where for where in places(copy))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weights", "certificate", "manifest"])
def test_the_command_ends_with_exit_code_1_and_names_the_place(project: Path, tmp_path: Path, kind: str) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    path = sorted(p for p in copy.rglob("*") if p.is_file() and KINDS[kind](p))[0]
    flip(path, random.Random(0))
    result = CliRunner().invoke(app, ["verify", str(copy)])
    assert result.exit_code == 1
    assert path.name in result.output
    assert "Traceback" not in result.output
