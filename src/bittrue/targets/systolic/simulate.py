"""Runs a project's RTL on Verilator and reads what the hardware computed: every partial sum, accumulator and output, in
the order in which they came, and the counters of every layer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...engine.base import Trace
from ...errors import BadInput, declare, fail
from ...ir import IntArray
from ..project import EMIT_AGAIN
from .emit import SystolicProject
from .plan import LayerPlan, SystolicPlan, depth
from .toolchain import build

declare({
    "BT5113": "an assertion of the hardware failed",
    "BT5123": "the simulation of the RTL ended too early",
})

TOP, PACKAGE = "tb", "systolic_pkg.sv"
CORRECT = "correct the RTL, or emit the project again"
TABLES = {"program": "PROGRAM_DEPTH", "segments": "SEGMENT_DEPTH", "weights": "WEIGHT_DEPTH",
          "channels": "CHANNEL_DEPTH"}
"""The test bench's parameter for the depth of every table."""
COUNTERS = ("cycles", "streams", "sums", "loads", "drains")
"""What the test bench counts for every layer and sample."""
IMAGE_COUNTERS = ("psums", "accs", "outs", "stores")
"""What it counts for every sample: a layer's last sums come when the next layer has begun."""


@dataclass(frozen=True, eq=False)
class LayerRun:
    """What the hardware computed for one layer and sample: partial sums (words, cols), accumulators (words, cols) after
    the last input tile, outputs (words, cols; None without output stage), and counters by name."""

    layer: LayerPlan
    image: int
    psums: IntArray
    accumulators: IntArray
    outputs: IntArray | None
    counters: dict[str, int]
    """Of the layer; the last layer of a sample has those of the sample as well."""


@contextmanager
def simulated(folder: Path, plan: SystolicPlan, images: int) -> Iterator[Iterator[LayerRun]]:
    """Build and run the RTL in `folder`/rtl on the files in `folder`; what it computed, sample by sample. While one
    sample is read, the next one is simulated.

    Raises `ToolMissing` without the tools, `BadInput` (BT5113, BT5122, BT5123) when the RTL cannot be built, an
    assertion fails, a file cannot be read or the hardware does not finish.
    """
    program = build(_sources(folder), TOP, parameters(folder, plan))
    results = Path(tempfile.mkdtemp(prefix="bittrue-"))
    try:
        with ThreadPoolExecutor(max_workers=1) as ahead:
            simulation = _Simulation(program, folder, results, plan)
            yield _in_turn(simulation, ahead, images)
    finally:
        shutil.rmtree(results)


def _in_turn(simulation: _Simulation, ahead: Executor, images: int) -> Iterator[LayerRun]:
    running = ahead.submit(simulation.run, 0)
    for image in range(images):
        results = running.result()
        if image + 1 < images:
            running = ahead.submit(simulation.run, image + 1)
        yield from results.layers(image)
        shutil.rmtree(results.folder)


def _sources(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "rtl").glob("*.sv"))}


def parameters(folder: Path, plan: SystolicPlan) -> dict[str, int]:
    """The test bench's parameters: the hardware's, and depths of the tables that hold the project's files."""
    tables = {name: depth(_words(folder / f"{table}.hex")) for table, name in TABLES.items()}
    return plan.geometry.parameters() | tables


def _words(path: Path) -> int:
    """Lines of a memory image, at least."""
    return path.read_bytes().count(b"\n") if path.is_file() else 0


@dataclass(frozen=True)
class _Simulation:
    """A program that simulates the hardware of a project, one sample at a time."""

    program: Path
    folder: Path
    results: Path
    plan: SystolicPlan

    def run(self, image: int) -> _Results:
        """Run one sample; where its results are."""
        results = self.results / f"image{image}"
        results.mkdir()
        limit = 2 * (self.plan.cycles + self.plan.geometry.act_depth * len(self.plan.layers)) + 1000
        done = subprocess.run([str(self.program), f"+project={self.folder.resolve()}", f"+results={results}",
                               f"+image={image}", f"+limit={limit}"], capture_output=True, cwd=results, text=True,
                              errors="replace", check=False, env={**os.environ, "LC_ALL": "C"})
        if done.returncode or not re.search(r"^DONE image=\d+ cycles=\d+$", done.stdout, re.MULTILINE):
            fail(BadInput, *_why(self.folder, done))
        return _Results(self.plan, results)


def _why(folder: Path, done: subprocess.CompletedProcess[str]) -> tuple[str, str, str, str]:
    """Code, place, reason and what to do when the program stopped."""
    text = done.stdout + done.stderr
    if bad := re.search(r"BADFILE file=(\S*) why=(.*)", text):
        return "BT5123", str(folder / bad[1]), bad[2], EMIT_AGAIN
    if bad := re.search(r"(\S+\.hex):(\d+): (.*)", text):
        return "BT5123", f"{bad[1]}, line {bad[2]}", bad[3], EMIT_AGAIN
    if broken := re.search(r"ASSERT (.*)", text):
        return "BT5113", f"{folder}/rtl", broken[1], CORRECT
    return "BT5123", f"{folder}/rtl", f"it ended with exit code {done.returncode}: {text.strip()[-1000:]}", CORRECT


@dataclass
class _Stream:
    """A file of words of `cols` fields, one after the other, each word in units of 32 bits."""

    data: NDArray[np.uint8]
    bits: int
    cols: int
    position: int = 0

    @classmethod
    def of(cls, path: Path, bits: int, cols: int) -> _Stream:
        data = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
        return cls(data, bits, cols)

    def take(self, count: int, what: str, *, signed: bool = True) -> IntArray:
        """The next `count` words: (count, cols)."""
        size = -(-self.bits * self.cols // 32) * 4
        part = self.data[self.position:self.position + count * size]
        self.position += count * size
        if part.size < count * size:
            fail(BadInput, "BT5123", f"{what} values", "the hardware gave fewer than the plan has", CORRECT)
        return _fields(np.asarray(part).reshape(count, size), self.bits, self.cols, signed)

    @property
    def rest(self) -> int:
        """Bytes that nobody took."""
        return self.data.size - self.position


def _fields(words: NDArray[np.uint8], bits: int, cols: int, signed: bool) -> IntArray:
    """Numbers (words, cols) from little-endian bytes (words, size)."""
    if bits in (8, 16, 32):
        kind = f"<{'i' if signed else 'u'}{bits // 8}"
        return np.ascontiguousarray(words).view(kind)[:, :cols].astype(np.int64)
    digits = np.unpackbits(words, axis=1, bitorder="little")[:, :cols * bits].reshape(len(words), cols, bits)
    places = np.int64(1) << np.arange(bits, dtype=np.int64)
    if signed:
        places[-1] = -places[-1]
    return digits.astype(np.int64) @ places


@dataclass
class _Results:
    """Cuts the streams that the test bench wrote into layers."""

    plan: SystolicPlan
    folder: Path

    def layers(self, image: int) -> Iterator[LayerRun]:
        geometry = self.plan.geometry
        streams = {kind: _Stream.of(self.folder / f"{kind}.bin", bits, geometry.cols)
                   for kind, bits in (("psum", geometry.psum_bits), ("acc", geometry.acc_bits),
                                      ("out", geometry.out_bits))}
        for layer, counters in zip(self.plan.layers, self._counters(), strict=True):
            yield self._layer(layer, image, streams, counters)
        for kind, stream in streams.items():
            if stream.rest:
                fail(BadInput, "BT5123", f"{kind} values", "the hardware gave more than the plan has", CORRECT)

    def _counters(self) -> list[dict[str, int]]:
        """Those of every layer; the last one has those of the sample, too."""
        lines = (self.folder / "counters.txt").read_text().splitlines()
        *rows, total = [list(map(int, line.split())) for line in lines]
        if len(rows) != len(self.plan.layers):
            fail(BadInput, "BT5123", "layers", f"the hardware ran {len(rows)}, not {len(self.plan.layers)}", CORRECT)
        counters = [dict(zip(COUNTERS, row, strict=True)) for row in rows]
        counters[-1] |= dict(zip(IMAGE_COUNTERS, total, strict=True))
        return counters

    def _layer(self, layer: LayerPlan, image: int, streams: dict[str, _Stream], counters: dict[str, int]) -> LayerRun:
        words = layer.work.out_tiles * layer.work.n_out
        out = layer.lowered.layer.out
        outputs = streams["out"].take(words, "out", signed=out is None or out.signed)
        return LayerRun(layer, image, streams["psum"].take(layer.traffic.psums, "psum"),
                        streams["acc"].take(words, "acc"), None if out is None else outputs, counters)


def simulate(project: SystolicProject) -> Trace:
    """The tensors that the hardware computed: accumulators and outputs of every layer, int64 (N, *shape).

    See `simulated` for what is raised.
    """
    parts: dict[str, list[IntArray]] = {}
    with simulated(project.folder, project.plan, project.samples) as runs:
        for run in runs:
            layer = run.layer.lowered.layer
            results = ((layer.name if layer.sums else None, run.accumulators), (layer.requant, run.outputs))
            for name, words in results:
                if name is not None and words is not None:
                    values = by_channel(words, run.layer, project.plan.geometry.cols)[np.newaxis]
                    parts.setdefault(name, []).append(layer.output_tensor(values, project.graph.types[name].shape))
    return {name: np.concatenate(tensors) for name, tensors in parts.items()}


def by_channel(words: IntArray, layer: LayerPlan, cols: int) -> IntArray:
    """Words (out_tiles * n_out, cols) as channels (O, n_out)."""
    tiles = words.reshape(layer.work.out_tiles, layer.work.n_out, cols).transpose(0, 2, 1)
    return np.concatenate([part[:len(tile.outputs)] for part, tile in zip(tiles, layer.tiles, strict=True)])
