"""Compiling the kernels: the cache, damaged files, several processes, and machines without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from nets import random_batch, random_net

from bittrue.engine import compile as compiling
from bittrue.engine import fast, native
from bittrue.engine.compile import CompileError
from bittrue.engine.fast import FastExecutor
from bittrue.engine.oracle import Oracle

SCRIPT = """
import numpy as np
from bittrue.engine.fast import FastExecutor
from bittrue.ir import GraphBuilder
from bittrue.ir.ops import Linear
b = GraphBuilder("tiny")
graph = b.build(b.add("y", Linear(), b.input("x", (2,), "u4"), b.constant("w", [[1, -2]], "i4")))
one = FastExecutor(graph, backend="portable-c")
print(one.backend, one.predict({"x": np.array([[9, 1]])})["y"].tolist())
"""
SAID = "portable-c [[7]]\n"


def start(cache: Path) -> subprocess.Popen[str]:
    """A process of its own that compiles and runs the portable kernels."""
    return subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "XDG_CACHE_HOME": str(cache)})


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Loaded kernels are forgotten before and after the test."""
    caches = (fast._best, fast._working, native.kernels)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_two_processes_compile_at_once(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(3)]
    assert [finish(process) for process in processes] == [SAID] * 3
    files = list((tmp_path / "bittrue").iterdir())
    assert files
    for file in files:  # no temporary files, and every build is intact
        assert file.stem.endswith("-" + compiling._digest(file))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[:len(data) // 2],
    "empty": lambda data: b"",
    "one bit flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_file_is_built_anew(tmp_path: Path, damage: str) -> None:
    assert finish(start(tmp_path)) == SAID
    (file,) = (tmp_path / "bittrue").iterdir()
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert finish(start(tmp_path)) == SAID
    (again,) = (tmp_path / "bittrue").iterdir()
    assert again.stem.endswith("-" + compiling._digest(again))


def test_an_intact_cache_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.library()
    monkeypatch.setattr(compiling, "_compile", lambda command: pytest.fail("compiled again"))
    compiling.library()


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(compiling.tempfile, "gettempdir", lambda: str(tmp_path))
    compiling.library()
    assert list(tmp_path.glob("bittrue-*/*.so"))


@pytest.mark.usefixtures("forgetful")
def test_no_compiler_means_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: None)
    graph = random_net(4)
    plain = FastExecutor(graph)
    assert plain.backend == "numpy"
    assert "no C compiler found" in plain.reasons[-1]
    inputs = random_batch(graph, 4, 3)
    np.testing.assert_array_equal(plain.predict(inputs)[graph.outputs[0]], Oracle(graph).run(inputs)[graph.outputs[0]])


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(("compiler", "why"), [("/nonexistent/cc", "not installed"), ("false", "exit code 1"),
                                               ("true", "cannot be loaded")])
def test_a_compiler_that_does_not_work(compiler: str, why: str, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CompileError, match=why):
        compiling.library()
    assert FastExecutor(random_net(4)).backend == "numpy"


def test_the_compilers_first_complaint_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CompileError, match=r"unrecognized|unknown"):
        compiling.library("--no-such-flag")
    assert list((tmp_path / "bittrue").iterdir()) == []


def test_the_ziglang_wheel_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: object())
    assert compiling.find_compiler() == [sys.executable, "-m", "ziglang", "cc"]
