"""How long one run of a network takes, phase by phase: loading, configuration, inference, unloading.

Software's phases count accesses over the bus (`bus_words`) times what one costs (`bus_timing`); the inference is the
published formula of `cycles`, with what the pipeline adds (`pipeline`). Behind a FIFO the first layers run while the
input arrives, and are part of that phase. `docs/max7800x-latency.md` compares all of it with measured times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from ..cycles import START_UP
from ..placement import Fifo
from ..plan import Max7800xPlan
from ..program import RegisterProgram
from ..units import units
from .bus_timing import FIFO_ACCESSES, START, Clocks
from .bus_words import bias_words, input_words, output_words, register_words, weight_blocks, weight_words
from .energy import ENERGY, Energy, EnergyModel
from .pipeline import pipeline_cycles

WEIGHTS, BIASES, CONFIGURE, INPUT = "load weights", "load biases", "configure", "load input"
STARTING, INFERENCE, UNLOAD = "start", "inference", "unload"
REPEATED = frozenset({INPUT, STARTING, INFERENCE, UNLOAD})
"""Phases of every further input."""


class Clock(str, Enum):
    """The clock in which cycles are counted."""

    CPU = "CPU"
    ACCELERATOR = "accelerator"


class Basis(str, Enum):
    """What an estimate rests on."""

    MEASURED = "measured"
    """Checked against published times of this phase, on this chip."""
    ESTIMATED = "estimated"
    """Words times a cost that was measured in another phase, or on the other chip."""
    LEAST = "at least"
    """A lower bound: some part is not known."""


@dataclass(frozen=True)
class Phase:
    """One phase of a run."""

    name: str
    cycles: int
    clock: Clock
    mhz: int
    formula: str
    """How the cycles were found, in words and numbers."""
    basis: Basis
    energy: Energy | None = None
    """Energy of the accelerator's supply; None where nothing is known."""

    @property
    def us(self) -> float:
        """Microseconds."""
        return self.cycles / self.mhz

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "cycles": self.cycles, "clock": self.clock.value, "mhz": self.mhz, "us": self.us,
                "formula": self.formula, "basis": self.basis.value, "energy_uj": self.energy and self.energy.uj,
                "energy_error": self.energy and self.energy.error}


@dataclass(frozen=True)
class LayerLatency:
    """The accelerator's cycles in one layer."""

    layer: str
    cycles: int
    pipeline: int
    """Cycles among them that the pipeline adds."""
    during_load: bool
    """Whether the layer runs while the input arrives, so that its cycles are no part of the inference phase."""

    @property
    def phase(self) -> str:
        """Name of the phase in which the layer runs."""
        return INPUT if self.during_load else INFERENCE


@dataclass(frozen=True)
class Latency:
    """One run of a network on a chip, in the order of its phases."""

    device: str
    phases: tuple[Phase, ...]
    layers: tuple[LayerLatency, ...]

    def phase(self, name: str) -> Phase:
        """A phase by its name. Raises `KeyError`."""
        return {phase.name: phase for phase in self.phases}[name]

    @property
    def total_us(self) -> float:
        """Everything from the first weight to the unloaded result, µs."""
        return sum(phase.us for phase in self.phases)

    @property
    def repeated_us(self) -> float:
        """What every further input takes, with weights and registers in place, µs."""
        return sum(phase.us for phase in self.phases if phase.name in REPEATED)

    @property
    def energy_uj(self) -> float | None:
        """Energy of the inference phase, µJ; None where nothing is known."""
        energy = self.phase(INFERENCE).energy
        return None if energy is None else energy.uj

    def to_json(self) -> dict[str, Any]:
        """Plain data: phases with their times, layers, totals."""
        return {"device": self.device, "phases": [phase.to_json() for phase in self.phases],
                "layers": [asdict(layer) for layer in self.layers], "total_us": self.total_us,
                "repeated_us": self.repeated_us, "energy_uj": self.energy_uj}


def latency(plan: Max7800xPlan, registers: RegisterProgram | None = None, pipeline: bool = True) -> Latency:
    """The time of one run.

    `registers`: what configures the network; its writes are estimated without. `pipeline`: whether a chip with a
    pipeline uses it, and its fast clock.
    """
    return _Estimate(plan, registers, pipeline and plan.device.pipeline).latency()


@dataclass(frozen=True, eq=False)
class _Estimate:
    plan: Max7800xPlan
    registers: RegisterProgram | None
    pipeline: bool

    def latency(self) -> Latency:
        layers = tuple(self._layers())
        phases = (*self._setup(), self._input(layers), self._start(), self._inference(layers), self._unload())
        return Latency(self.plan.device.name, phases, layers)

    @property
    def _clocks(self) -> Clocks:
        return Clocks.of(self.plan.device, self.pipeline)

    @property
    def _model(self) -> EnergyModel | None:
        return ENERGY.get(self.plan.device.name)

    @property
    def _measured(self) -> Basis:
        """Loading was measured on the chip for which there are energies; the other one has the same CPU and bus."""
        return Basis.ESTIMATED if self._model is None else Basis.MEASURED

    def _software(self, name: str, accesses: int, what: str, basis: Basis, mhz: int | None = None) -> Phase:
        """A phase of `accesses` on the bus; `mhz` is the accelerator's clock, when it is not that of loading."""
        clocks = self._clocks
        accelerator = clocks.loading if mhz is None else mhz
        formula = f"{what} = {accesses:,} accesses at {clocks.accesses(1000, accelerator) / 1000:.2f} cycles"
        return Phase(name, clocks.accesses(accesses, accelerator), Clock.CPU, clocks.cpu, formula, basis)

    def _setup(self) -> Iterator[Phase]:
        words, blocks, biases = weight_words(self.plan), weight_blocks(self.plan), bias_words(self.plan)
        writes = register_words(self.plan, self.registers)
        yield self._with_energy(self._software(WEIGHTS, words + blocks, f"{words:,} words in {blocks} blocks",
                                               self._measured))
        yield self._software(BIASES, biases, f"{biases:,} bytes, a word each", Basis.ESTIMATED)
        kind = "about " if self.registers is None else ""
        yield self._software(CONFIGURE, writes, f"{kind}{writes:,} register writes", Basis.ESTIMATED)

    def _with_energy(self, phase: Phase) -> Phase:
        model = self._model
        return phase if model is None else replace(phase, energy=model.loading(phase.us))

    def _input(self, layers: tuple[LayerLatency, ...]) -> Phase:
        words = input_words(self.plan)
        fifo = self.plan.placement.fifo
        if fifo is Fifo.NONE:
            return self._with_energy(self._software(INPUT, words, f"{words:,} words", self._measured))
        computing = self._computing(sum(layer.cycles for layer in layers if layer.during_load))
        if fifo is not Fifo.STANDARD:  # nothing is published about the speed of the fast FIFO
            return computing
        feeding = self._software(INPUT, FIFO_ACCESSES * words, f"{words:,} words, status and data", Basis.MEASURED,
                                 self._clocks.inference)
        return max(feeding, computing, key=lambda phase: phase.cycles)

    def _computing(self, cycles: int) -> Phase:
        """The first layers as they run while the input arrives, in the CPU's clock."""
        clocks = self._clocks
        formula = f"{cycles:,} cycles of the layers that run at the same time, at {clocks.inference} MHz"
        return Phase(INPUT, units(cycles * clocks.cpu, clocks.inference), Clock.CPU, clocks.cpu, formula, Basis.LEAST)

    def _start(self) -> Phase:
        return Phase(STARTING, START, Clock.CPU, self._clocks.cpu, "start of the network, interrupt and its handler",
                     self._other)

    @property
    def _other(self) -> Basis:
        """The start was measured on the chip for which there are no energies."""
        return Basis.MEASURED if self._model is None else Basis.ESTIMATED

    def _layers(self) -> Iterator[LayerLatency]:
        network, maps, places = self.plan.network, self.plan.maps, self.plan.placement.layers
        early = self._during_load()
        rows = zip(network.layers, maps.layers, self.plan.cycles, places, strict=True)
        for index, (layer, hardware, found, place) in enumerate(rows):
            during = index < early
            cycles = _plain(found.cycles) if during and place.streaming else found.cycles
            extra = pipeline_cycles(layer, hardware) if self.pipeline else 0
            yield LayerLatency(layer.name, cycles + extra, extra, during)

    def _during_load(self) -> int:
        """How many of the first layers run while the input arrives."""
        if self.plan.placement.fifo is Fifo.NONE:
            return 0
        streaming = [place.streaming for place in self.plan.placement.layers]
        return max(1, streaming.index(False) if False in streaming else len(streaming))

    def _inference(self, layers: tuple[LayerLatency, ...]) -> Phase:
        cycles = START_UP + sum(layer.cycles for layer in layers if not layer.during_load)
        extra = sum(layer.pipeline for layer in layers if not layer.during_load)
        formula = f"cycles of the layers, {extra:,} of them for the pipeline" if extra else "cycles of the layers"
        return Phase(INFERENCE, cycles, Clock.ACCELERATOR, self._clocks.inference, formula, Basis.MEASURED,
                     self._inference_energy(layers, cycles))

    def _inference_energy(self, layers: tuple[LayerLatency, ...], cycles: int) -> Energy | None:
        """None where it was not measured, or not apart from loading."""
        if self._model is None or not self.pipeline or self.plan.placement.fifo is not Fifo.NONE:
            return None
        places = self.plan.placement.layers
        busy = sum(layer.cycles * place.processors.bit_count() for layer, place in zip(layers, places, strict=True))
        return self._model.inference(cycles, busy)

    def _unload(self) -> Phase:
        words = output_words(self.plan)
        return self._software(UNLOAD, words, f"{words:,} words read", Basis.LEAST)


def _plain(streaming: int) -> int:
    """The cycles of a layer without the factor of one and a half, rounded up, that stands for streaming."""
    return 2 * streaming // 3
