"""`bittrue import ai8x --project`: one process from description and checkpoint to the C project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bittrue import targets
from bittrue.cli import app
from bittrue.targets.max7800x.ai8x import import_ai8x
from bittrue.targets.max7800x.device import DEVICES
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.project import QuickExecutor, layer_values

from .ai8x_files import GOOD, files, saved, state

HEAVY = ("torch", "ortools", "onnxruntime", "onnx.helper", "pydantic", "rich.console", "numba", "unicorn",
         "bittrue.targets.max7800x.legalize", "bittrue.ir.onnx.read", "bittrue.engine.fast")


def words(folder: Path, *more: str | Path, text: str = GOOD) -> list[str]:
    """The command for the small network."""
    config, checkpoint = files(folder, text)
    return ["import", "ai8x", "-c", str(config), "-k", str(checkpoint), "-o", str(folder / "out"), *map(str, more)]


def run(*given: str) -> Result:
    """A command; a traceback is an error."""
    result = CliRunner().invoke(app, list(given))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("option", ["--target", "--device"])
def test_the_project_is_what_compile_writes(option: str, tmp_path: Path) -> None:
    sample = np.arange(120).reshape(2, 10, 6) - 60
    np.save(tmp_path / "sample.npy", sample)
    np.save(tmp_path / "input.npy", sample[np.newaxis])
    chosen = ("-O", "softmax")
    result = run(*words(tmp_path, option, "max78002", "--sample", tmp_path / "sample.npy", *chosen, "--project",
                        tmp_path / "one", "--json"))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["project"] == str(tmp_path / "one")
    again = run("compile", str(tmp_path / "out/model.onnx"), "--target", "max78002", "-o", str(tmp_path / "two"), "-i",
                str(tmp_path / "input.npy"), "-O", f"plan={tmp_path / 'out/plan.json'}", *chosen)
    assert again.exit_code == 0, again.output
    one, two = ({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*")
                 if path.is_file()} for name in ("one", "two"))
    assert one == two
    report = targets.get("max78002").verify(tmp_path / "one", ["manifest", "files"])
    assert (report.differences, report.compared) == (0, 2 * len(one) - 1)


def test_without_a_sample_there_is_a_random_one_always_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(*words(tmp_path, "--project", tmp_path / name)).exit_code == 0
    one, two = ((tmp_path / name / "sampledata.h").read_bytes() for name in ("one", "two"))
    assert one == two
    assert not (tmp_path / "out/sample.npy").exists()


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    code = ("import sys; from bittrue.cli import app; app(sys.argv[1:], standalone_mode=False); "
            f"print([name for name in {HEAVY} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code, *words(tmp_path, "--project", tmp_path / "project")],
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "project/main.c").is_file()


def test_options_need_a_project(tmp_path: Path) -> None:
    result = run(*words(tmp_path, "-O", "softmax"))
    assert (result.exit_code, "BT6002" in result.output) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_network_that_breaks_limits_gets_no_project(tmp_path: Path) -> None:
    text = GOOD.replace("out_offset: 0x1000", "out_offset: 0x2002")
    result = run(*words(tmp_path, "--project", tmp_path / "project", text=text))
    assert result.exit_code in (2, 3)
    assert "fix:" in result.output
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "project").exists()


def test_known_values_are_those_of_the_oracle(tmp_path: Path) -> None:
    found = import_ai8x(*files(tmp_path, content=saved({"arch": "tinynet", "state_dict": state()})), "MAX78000")
    plan = Max7800xPlan.of(DEVICES["max78000"], found.network, found.placement)
    samples = np.random.default_rng(5).integers(-128, 128, (3, 2, 10, 6))
    known, values = (layer_values(plan, [samples], *which).layers for which in ((QuickExecutor,), ()))
    pairs = list(zip(known, values, strict=True))
    assert len(pairs) == 5
    assert all(np.array_equal(known, value) and value.any() for known, value in pairs)
