"""The chip in the box: a project's program on the emulated chip, sample by sample, and everything it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Protocol

from ....ir import IntArray
from ...elf_image import Image
from ..accelerator import Accelerator, Complaint, LayerRecord
from ..chip.build import Firmware, Options, build
from ..chip.machine import BUDGET, Chip, Outcome, RunResult
from ..device import Device
from ..lower.words import tensor_at
from ..memory import Area
from ..program import OutputTensor
from .sample import softmaxed, unloaded


class Contents(Protocol):
    """Something to put into a chip's memories before it starts."""

    def put(self, chip: Chip) -> None:
        """Write flash or SRAM."""


@dataclass(frozen=True, eq=False)
class SampleRun:
    """One run of a program from its reset."""

    result: RunResult
    records: Mapping[int, LayerRecord]
    """What every layer of the chip wrote, by its number; of one that ran twice the last time."""
    complaints: tuple[Complaint, ...]
    outputs: tuple[IntArray, ...] | None
    """What `cnn_unload` gave the program, (C, pixels) each; None where the program did not come that far."""
    softmax: IntArray | None
    """Q15 integers, where the program computes them."""
    buffer: IntArray | None = None
    """What the rolling buffer holds in the end, (C, rows)."""

    @property
    def passed(self) -> bool:
        """Whether the program ended as it should, and the accelerator had nothing to complain about."""
        return self.ended and not self.complaints

    @property
    def ended(self) -> bool:
        """Whether `main` returned, which it does when the known-answer test passes."""
        return self.result.outcome is Outcome.RETURNED and not self.result.traps


@dataclass(frozen=True)
class Box:
    """A compiled project and the chip it is for.

    Every sample starts from a reset: the program initializes, loads weights, configures, loads the input, computes,
    compares with the known answer, unloads. Other samples than the project's own get into its tables in flash.
    """

    device: Device
    firmware: Firmware
    outputs: tuple[OutputTensor, ...] | None
    """The network's outputs, for a program that unloads them."""
    softmax: bool = False
    cycles: int = 0
    """Core cycles that an inference takes."""
    buffer: Area | None = None
    """Where a rolling buffer lies."""

    @property
    def image(self) -> Image:
        """The program of the core that runs the network."""
        return self.firmware.main

    def run(self, tables: Contents | None = None, accelerator: Accelerator | None = None,
            budget: int = BUDGET) -> SampleRun:
        """Run the program: on its own sample, or on the one in `tables`, for up to `budget` instruction words."""
        accelerator = accelerator or Accelerator(self.device)
        records: dict[int, LayerRecord] = {}
        accelerator.on_layer = lambda record: records.update({record.layer: record})
        chip = Chip(self.device, self.firmware, accelerator, network_cycles=self.cycles)
        if tables is not None:
            tables.put(chip)
        result = chip.run(budget)
        ran = result.outcome is Outcome.RETURNED
        outputs = tuple(unloaded(chip, self.image, self.outputs)) if ran and self.outputs is not None else None
        softmax = softmaxed(chip, self.image) if ran and self.softmax else None
        buffer = None if self.buffer is None else tensor_at(self.buffer, accelerator.data)
        return SampleRun(result, records, tuple(accelerator.complaints), outputs, softmax, buffer)


REPLACEABLE = ("CNN_SAMPLE=__attribute__((weak)) const",)
"""What keeps a compiler from computing with the sample's tables in advance: they may be replaced in the program."""


@contextmanager
def compiled(project: Path, device: Device, replaceable: bool = False,
             files: Mapping[str, bytes] | None = None) -> Iterator[Firmware]:
    """Compile a project, with some files replaced; the program is there as long as the context.

    `replaceable`: so that `Tables.put` can give it other samples.

    Raises `BadInput` for C that does not compile, `ToolMissing` without a compiler.
    """
    with TemporaryDirectory(prefix="bittrue-") as work:
        folder = project
        if files:
            folder = Path(work) / "sources"
            copytree(project, folder)
            for name, data in files.items():
                (folder / name).write_bytes(data)
        yield build(folder, device, Path(work) / "build", Options(defines=REPLACEABLE if replaceable else ()))
