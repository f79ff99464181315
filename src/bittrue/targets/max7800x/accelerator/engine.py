"""Runs the layers: in which order, from which memory to which, and what silicon would not have done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..device import Device
from .checks import check_banks, check_big_data, check_start, check_tram
from .complaints import Complaints, Kind
from .compute import Outputs, compute, copied
from .decode import SYNC
from .fetch import fetch
from .fifo import FAST, Fifos, Routing
from .groups import check_control
from .layer import LayerProgram
from .memories import Data, Ints, Memories, Words
from .pool import pooled
from .prepare import Prepared, Preparer
from .registers import Registers
from .snoop import Decision, snoop
from .stream_formulas import Place, needs_of
from .streaming import (
    Buffer,
    Front,
    buffer_of,
    check_apart,
    check_overlap,
    check_steps,
    check_still,
    check_stream,
    endless,
)
from .write import Written, written


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What a layer wrote, in the order of writing.

    `words` are numbers of data memory words: instance x words of an instance + word. `linear` is the word in the
    instance as if circular buffers were endless (streaming layers). `masks` holds the bits with a defined value: bytes
    of channels that the network does not use have none.
    """

    layer: int
    words: Ints
    values: Words
    masks: Words
    linear: Ints


@dataclass
class Run:
    """A network that has started: its groups, the next layer, and what streaming layers share."""

    leader: int
    groups: tuple[int, ...]
    layer: int
    first: bool = True
    source: Data | None = None
    """What the layer in front has written, where a circular buffer lies between."""
    buffers: list[Buffer] = field(default_factory=list)
    before: LayerProgram | None = None
    """The layer that has run before this one."""
    front: Front | None = field(default_factory=Front)
    """What the layers in front take; None behind the last streaming layer."""
    waiting: Routing | None = None
    """How the input comes from the FIFO, while it is not there."""
    steps: int = 0
    summed: bool = False
    """Whether the last layer was an element-wise operation."""
    decision: Decision = field(default_factory=Decision)
    """What snooping has made of the last layer."""


@dataclass
class Engine:
    """Starts, stops and runs networks on the memories."""

    device: Device
    registers: Registers
    memories: Memories
    fifos: Fifos
    complaints: Complaints
    on_layer: Callable[[LayerRecord], None] | None = None
    run: Run | None = None

    def __post_init__(self) -> None:
        self.preparer = Preparer(self.device, self.registers, self.memories, self.complaints)

    @property
    def waits(self) -> bool:
        """Whether a network has started and waits for its input."""
        return self.run is not None and self.run.waiting is not None

    def start(self, group: int) -> None:
        """A group's `CTL.cnn_en` has gone from 0 to 1."""
        sync = self.registers.fields("CTL", group)["ext_sync"]
        if sync & SYNC and sync & ~SYNC != group:
            return  # waits for another group
        if self.run is None:
            self.run = self._new(group)
        self.proceed()

    def _new(self, leader: int) -> Run:
        groups = tuple(g for g in range(self.device.groups) if g == leader or self._follows(g, leader))
        check_start(self.device, self.registers, self.complaints, groups)
        first = self.registers.fields("LCNT_MAX", leader).get("start", 0)
        check_control(self.registers, self.complaints, groups, leader, first)
        check_big_data(self.device, self.registers, self.complaints, leader, first)
        run = Run(leader, groups, first)
        if self.registers.fields("CTL", leader)["fifo_en"]:
            run.waiting = self._routing(run)
            if not run.waiting.words or not run.waiting.fifos:
                self.complaints.add(Kind.FIFO, f"inputs of {run.waiting.words} words (IFRM) from FIFOs "
                                               f"{list(run.waiting.fifos)} (FIFO_CTL.fifo_en)")
        return run

    def _follows(self, group: int, leader: int) -> bool:
        control = self.registers.fields("CTL", group)
        return bool(control["cnn_en"]) and control["ext_sync"] == SYNC | leader

    def stop(self, group: int) -> None:
        """A group's `CTL.cnn_en` has gone from 1 to 0: what waits for the FIFO is given up."""
        if self.run is not None and self.run.waiting is not None and self.run.leader == group:
            self.run = None

    def pushed(self) -> None:
        """A word has come into a FIFO."""
        if self.run is not None and self.run.waiting is not None and self.fifos.ready(self.run.waiting):
            self.proceed()

    def proceed(self) -> None:
        """Run until the end, or until the input is missing, or (one-shot) for one layer."""
        while self.run is not None:
            if self.run.waiting is not None and not self._load(self.run, self.run.waiting):
                return
            self._step(self.run)
            if self.run is not None and self.registers.fields("CTL", self.run.leader)["oneshot"]:
                self._pause(self.run)
                return

    def _load(self, run: Run, routing: Routing) -> bool:
        """Take the input from the FIFO, if it is all there."""
        if not self.fifos.ready(routing):
            return False
        run.waiting = None
        program = self.preparer.decode(run.layer, run.first, (run.leader, run.groups), Complaints())
        parts = list(self.fifos.take(self.device, routing))
        words = program.reads.base + np.arange(routing.words)
        arrived = Written(
            np.repeat([instance for instance, _, _ in parts], routing.words), np.tile(words, len(parts)),
            np.concatenate([values for _, values, _ in parts]),
            np.repeat(np.array([mask for _, _, mask in parts], np.uint32), routing.words))
        self._store(run, arrived, buffer_of(self.device, program))
        return True

    def _routing(self, run: Run) -> Routing:
        control = self.registers.fields("CTL", run.leader)
        chw = bool(self.registers.fields("LCTL", run.leader, run.layer)["parallel"])
        words = max(self.registers.word("IFRM", group) for group in run.groups)
        if any(self.registers.fields("CTL", group)["ffifo_en"] for group in run.groups):
            grouped = any(self.registers.fields("CTL", group)["fifogrp"] for group in run.groups)
            return Routing((FAST,), words, chw, grouped, bool(control["qupac"]))
        enabled = self.registers.fields("FIFO_CTL")["fifo_en"]
        return Routing(tuple(n for n in range(FAST) if enabled >> n & 1), words, chw, False, False)

    def _pause(self, run: Run) -> None:
        if self.device.one_shot:
            self.registers.put("CTL", run.leader, cnn_en=0)
        self._interrupt(run)

    def _interrupt(self, run: Run) -> None:
        for group in run.groups:
            self.registers.put("CTL", group, cnn_irq=1)

    def _step(self, run: Run) -> None:
        """Run one layer and go on to the next."""
        self.complaints.layer = run.layer
        run.steps += 1
        run.decision = Decision()
        prepared = self.preparer.prepare(run.layer, run.first, (run.leader, run.groups))
        if prepared is not None:
            self._execute(run, prepared)
        self.complaints.layer = None
        self._advance(run)

    def _execute(self, run: Run, prepared: Prepared) -> None:
        program = prepared.program
        if program.pool == "average" and run.summed and self.device.average_pool_reset:
            self.complaints.add(Kind.POOL_SUMS, "a small layer has to run in between")
        run.summed = bool(program.elementwise)
        own = self._own_buffer(run, program)
        run.before = program
        source = self.memories.data if run.source is None or own is None else run.source
        outputs = self._outputs(prepared, source)
        if outputs is None:
            return
        results = written(self.device, program, outputs, self.complaints)
        following = self._next_buffer(run)
        if following is None:
            check_overlap(run.buffers, results, self.complaints)
            run.buffers = []
        check_banks(self.device, program, results, self.complaints)
        run.decision = snoop(self.device, self.registers, self.complaints, run.leader, results)
        record = self._store(run, results, following)
        if self.on_layer is not None:
            self.on_layer(record)

    def _own_buffer(self, run: Run, program: LayerProgram) -> Buffer | None:
        """The circular buffer of a streaming layer's input; complains about what does not fit the layers in front."""
        own = buffer_of(self.device, program) if self._streams(run) else None
        front = run.front if self._is_streaming(run, program) else None
        check_tram(self.device, self.complaints, program, None if front is None else front.tram)
        if front is None:
            waits = run.first and bool(self.registers.fields("CTL", run.leader)["fifo_en"])
            check_still(program, waits, self.complaints)
        else:
            self._check_streaming(run, program, front, own)
        if own is not None:
            check_apart(run.buffers, own, self.complaints)
            run.buffers.append(own)
        run.front = front
        return own

    def _check_streaming(self, run: Run, program: LayerProgram, front: Front, own: Buffer | None) -> None:
        control = self.registers.fields("CTL", run.leader)
        pipeline = self.device.pipeline and not control["pipeline_off"]
        last = own is not None and self._next_buffer(run) is None
        needs = needs_of(self.device, program, Place(run.before, last, bool(control["fifo_en"]), pipeline))
        check_steps(program, needs, front, self.complaints)
        if own is not None:
            check_stream(program, needs, self.complaints)
        front.add(program)

    def _is_streaming(self, run: Run, program: LayerProgram) -> bool:
        """Whether a layer streams; without a FIFO there is no buffer that shows it."""
        if self._streams(run):
            return program.stream.buffer > 0
        streams = bool(self.registers.fields("CTL", run.leader)["stream_en"])
        return streams and (run.first or program.stream.start > 0)

    def _streams(self, run: Run) -> bool:
        control = self.registers.fields("CTL", run.leader)
        return bool(control["stream_en"] and control["lilbuf"])

    def _next_buffer(self, run: Run) -> Buffer | None:
        """The circular buffer between this layer and the next."""
        following = self._following(run.layer, run.leader, Decision())
        if following is None or not self._streams(run) or following >= self.device.streaming_layers:
            return None
        if not self.registers.word("FMAX", run.leader, following):
            return None
        program = self.preparer.decode(following, False, (run.leader, run.groups), Complaints())
        return buffer_of(self.device, program)

    def _outputs(self, prepared: Prepared, source: Data) -> Outputs | None:
        program = prepared.program
        image = pooled(program, fetch(program, source, self.device.shared, self.complaints))
        if prepared.weights is None:
            return copied(self.device, program, image, self.complaints)
        return compute(program, image, prepared.weights, prepared.biases, self.complaints)

    def _store(self, run: Run, results: Written, buffer: Buffer | None) -> LayerRecord:
        """Put words into the data memories, through the circular buffer of the layer that reads them."""
        data, limit = self.memories.data, self.device.data.words
        results = self._inside(results, results.instances < self.device.data_instances)
        run.source = None if buffer is None else endless(results, data)
        words = results.words if buffer is None else buffer.wrap(results.instances, results.words)
        if buffer is None:
            results = self._inside(results, words < limit)
            self._check_twice(results.instances * limit + results.words)
            words = results.words
        numbers = results.instances * limit + words % limit
        data.words.reshape(-1)[numbers] = results.values
        data.known.reshape(-1)[numbers] = results.masks
        return LayerRecord(run.layer, numbers, results.values, results.masks, results.words)

    def _inside(self, results: Written, fits: npt.NDArray[np.bool_]) -> Written:
        """The words that exist; complains about the others."""
        if fits.all():
            return results
        self.complaints.add(Kind.WRITE_RANGE, f"{int((~fits).sum())} words, up to word {int(results.words.max())} of "
                                              f"instance {int(results.instances.max())}")
        return Written(results.instances[fits], results.words[fits], results.values[fits], results.masks[fits])

    def _check_twice(self, numbers: Ints) -> None:
        seen = np.zeros(self.memories.data.words.size, np.bool_)
        seen[numbers] = True
        twice = len(numbers) - int(seen.sum())
        if twice:
            self.complaints.add(Kind.OVERLAP, f"{twice} words")

    def _advance(self, run: Run) -> None:
        following = None if run.decision.stop else self._following(run.layer, run.leader, run.decision)
        if following is None:
            self._interrupt(run)
            if self.device.one_shot and self.registers.fields("CTL", run.leader)["oneshot"]:
                self.registers.put("CTL", run.leader, cnn_en=0)
            self.run = None
            return
        if run.steps > self.device.layers:
            self.complaints.add(Kind.LAYERS, f"more than {self.device.layers} layers run: a loop")
            self.run = None
            return
        run.layer, run.first = following, False

    def _following(self, layer: int, leader: int, decision: Decision) -> int | None:
        """The layer that runs after another one; None at the end."""
        link = self.registers.fields("NXTLYR", leader, layer)
        if link.get("stop"):
            return None
        if link.get("next_en") and (decision.matched or not decision.conditional):
            return link["next"]
        if layer >= self.registers.fields("LCNT_MAX", leader)["lcnt"]:
            return None
        return layer + 1

