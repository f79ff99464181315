"""Runs a project's RTL on Verilator and reads what the hardware computed.

The test bench compares everything with the project's files while it runs; what it found is in `Run.complaint`. The
values that the hardware wrote into its memories come back as arrays, so that they can also be compared with something
that is not in the project.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...engine.base import Trace
from ...errors import BadInput, Difference, declare, fail
from ...ir import IntArray, IntType
from ..project import EMIT_AGAIN
from .emit import JOBS, formats
from .formats import TextFormat, read_file
from .plan import Job, SystolicPlan
from .project_input import Project
from .toolchain import build

declare({
    "BT5113": "the hardware computes something else than the project's files say",
    "BT5123": "the simulation of the RTL ended before all tiles were done",
})

TOP = "tb"
CORRECT = "correct the RTL, or emit the project again"


@dataclass(frozen=True, eq=False)
class TileRun:
    """What the hardware computed for one start: partial sums (n_kij, n_nij, cols), accumulators (n_out, cols), outputs
    (n_out, cols) of the last input-channel tile when the layer has a Requant, and the cycles it took."""

    job: Job
    psums: IntArray
    accumulators: IntArray
    outputs: IntArray | None
    cycles: int


@dataclass(frozen=True)
class Complaint:
    """The test bench's first difference from the files: `fields` as it printed them, `total` of them."""

    fields: Mapping[str, str]
    total: int


@dataclass(frozen=True, eq=False)
class Run:
    """A simulation from beginning to end."""

    tiles: tuple[TileRun, ...]
    complaint: Complaint | None


def run_project(folder: Path, plan: SystolicPlan, images: int) -> Run:
    """Build and run the RTL in `folder`/rtl on the files in `folder`.

    Raises `ToolMissing` without the tools, `BadInput` (BT5122, BT5123) when the RTL cannot be built, a file cannot be
    read or the hardware does not finish.
    """
    sources = {path.name: path.read_bytes() for path in sorted((folder / "rtl").glob("*.sv"))}
    program = build(sources, TOP, plan.geometry.parameters())
    results = Path(tempfile.mkdtemp(prefix="bittrue-"))
    try:
        complaint = _execute(program, folder, results)
        return Run(_Results(plan, results).tiles(images), complaint)
    finally:
        shutil.rmtree(results)


def _execute(program: Path, folder: Path, results: Path) -> Complaint | None:
    """Run the program; None when it found no difference."""
    done = subprocess.run([str(program), f"+project={folder.resolve()}", f"+results={results}"], capture_output=True,
                          cwd=results, text=True, errors="replace", check=False, env={**os.environ, "LC_ALL": "C"})
    summary = re.search(r"^DONE tiles=\d+ cycles=\d+ mismatches=(\d+)$", done.stdout, re.MULTILINE)
    if summary is None or (done.returncode != 0) != (summary[1] != "0"):
        fail(BadInput, "BT5123", *_why(folder, done))
    if summary[1] == "0":
        return None
    first = re.search(r"^MISMATCH (.*)$", done.stdout, re.MULTILINE)
    pairs = dict(part.split("=", 1) for part in first[1].split(" ")) if first else {}
    return Complaint(pairs, int(summary[1]))


def _why(folder: Path, done: subprocess.CompletedProcess[str]) -> tuple[str, str, str]:
    """Where and why the program stopped, and what to do."""
    bad = re.search(r"^BADFILE file=(.*) line=(\d+) why=(.*)$", done.stdout, re.MULTILINE)
    if bad:
        return f"{folder / bad[1]}, line {bad[2]}", bad[3], EMIT_AGAIN
    text = (done.stdout + done.stderr).strip()
    return f"{folder}/rtl", f"it ended with exit code {done.returncode}: {text[-1000:]}", CORRECT


@dataclass
class _Results:
    """Cuts the streams that the test bench wrote into tiles."""

    plan: SystolicPlan
    folder: Path
    position: dict[str, int] = field(default_factory=dict)

    def tiles(self, images: int) -> tuple[TileRun, ...]:
        text = formats(replace(self.plan, options=replace(self.plan.options, header=0)))
        streams = {"psum": self._stream(text.psum, "psum.txt"), "acc": self._stream(text.acc_out, "acc.txt"),
                   "out": self._stream(text.out(False), "out.txt")}
        cycles = [int(line) for line in (self.folder / "cycles.txt").read_text().split()]
        jobs = list(self.plan.jobs(images))
        if len(cycles) != len(jobs):
            fail(BadInput, "BT5123", JOBS, f"the hardware ran {len(cycles)} tiles, not {len(jobs)}", EMIT_AGAIN)
        return tuple(self._tile(job, streams, count) for job, count in zip(jobs, cycles, strict=True))

    def _stream(self, text: TextFormat, name: str) -> IntArray:
        """All words of a stream, one row each, columns in ascending order."""
        return read_file(text, self.folder, name)[:, ::-1]

    def _tile(self, job: Job, streams: Mapping[str, IntArray], cycles: int) -> TileRun:
        layer = job.layer.layer
        psums = self._take(streams, "psum", layer.n_kij * layer.n_nij).reshape(layer.n_kij, layer.n_nij, -1)
        accumulators = self._take(streams, "acc", layer.n_out)
        outputs = self._outputs(self._take(streams, "out", layer.n_out), layer.out) if job.last and layer.out else None
        return TileRun(job, psums, accumulators, outputs, cycles)

    def _outputs(self, words: IntArray, elem: IntType) -> IntArray:
        """Values of an output's type from plain binary words."""
        bits = self.plan.geometry.out_bits
        return words - ((words >> (bits - 1)) << bits) if elem.signed else words

    def _take(self, streams: Mapping[str, IntArray], name: str, count: int) -> IntArray:
        """The next `count` words of a stream."""
        start = self.position.get(name, 0)
        self.position[name] = start + count
        words = streams[name][start:start + count]
        if len(words) < count:
            fail(BadInput, "BT5123", f"{name} values", "the hardware wrote fewer than the plan has", CORRECT)
        return words


def simulate(project: Project) -> Trace:
    """The tensors that the hardware computed: accumulators and outputs of every layer, int64 (N, *shape).

    Raises `Difference` (BT5113) when the hardware and the project's files disagree; see also `run_project`.
    """
    run = run_project(project.folder, project.plan, project.images)
    if run.complaint:
        fail(Difference, "BT5113", f"project {project.folder}", describe(run.complaint),
             "run `bittrue verify` on the project")
    return assembled(project, run)


def describe(complaint: Complaint) -> str:
    """The test bench's complaint in words."""
    return f"{complaint.total} differences, the first: " + ", ".join(f"{k} {v}" for k, v in complaint.fields.items())


def assembled(project: Project, run: Run) -> Trace:
    """The layers' tensors put together from their tiles."""
    trace: Trace = {}
    graph, cols = project.graph, project.plan.geometry.cols
    for entry in project.plan.layers:
        layer = entry.layer
        acc = np.zeros((project.images, len(entry.tiles) * cols, layer.n_out), np.int64)
        out = acc.copy()
        for tile in run.tiles:
            if tile.job.layer is entry and tile.job.last:
                place = (tile.job.image, slice(tile.job.oc * cols, (tile.job.oc + 1) * cols))
                acc[place] = tile.accumulators.T
                out[place] = 0 if tile.outputs is None else tile.outputs.T
        channels = layer.out_shape[0]
        trace[layer.name] = layer.output_tensor(acc[:, :channels], graph.types[layer.name].shape)
        if layer.requant is not None:
            trace[layer.requant] = layer.output_tensor(out[:, :channels], graph.types[layer.requant].shape)
    return trace
