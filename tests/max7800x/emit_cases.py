"""Small programs by hand, for the tests of the emitted project."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bittrue.targets.max7800x.device import ADDRESSES, DEVICES, Device
from bittrue.targets.max7800x.emit import About, EmitOptions, emit
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.program import (
    BiasBlock,
    Fill,
    InputBlock,
    KernelBlock,
    LayerWrites,
    OutputBlock,
    OutputTensor,
    Poll,
    Program,
    RegisterProgram,
    Write,
)

ABOUT = About("small net", "3x2x4, channel by channel (CHW)", ("conv: 3x2x4, Conv2d 3x3 pad 1x1 -> 5x2x4",))


def device(name: str = "max78000") -> Device:
    return DEVICES[name]


def registers(chip: Device) -> RegisterProgram:
    """Two layers in groups 0 and 2; values differ in one register."""
    at = ADDRESSES[chip.name].register
    init = (Write(at("AON_CTL"), 0, "always-on domain"),
            *(Write(at("CTL", group), 0x00100008, "stop the state machine") for group in (0, 2)),
            *(Write(at("LCNT_MAX", group), 1, "layers") for group in (0, 2)),
            Fill(ADDRESSES[chip.name].tram(3, 0), 7, "clear"),
            Poll(at("SRAM_TEST", 2), 0x40000, 0x40000, "wait for the test"),
            Poll(at("SRAM_TEST", 2), 0x4000, 0, "memory is broken", fails=True))
    layers = tuple(LayerWrites(layer, group, f"layer{layer}", (
        Write(at("RCNT", group, layer), 0x00010003 + layer, "rows"),
        Write(at("POST", group, layer), 0x00022000 + 0x1000 * (group == 0), "post processing"),
    )) for layer in (0, 1) for group in (0, 2))
    start = (Write(at("CTL", 0), 0x00100808, "enable group 0"), Write(at("CTL", 2), 0x00100809, "enable group 2"),
             Write(at("CTL", 0), 0x00100009, "start group 0"))
    return RegisterProgram(init, layers, (), start, 0, (0, 2))


def narrow(chip: Device, channels: int = 5, name: str = "out", dim: tuple[int, int] = (2, 4), first: int = 0,
           step: int = 4) -> OutputTensor:
    """8-bit channels on processors from `first` on."""
    address = ADDRESSES[chip.name].data
    return OutputTensor(name, tuple(address(c, 0x100) + c % 4 for c in range(first, first + channels)), dim, step,
                        False)


def wide(chip: Device, channels: int = 6, name: str = "sums", dim: tuple[int, int] = (1, 1)) -> OutputTensor:
    """32-bit channels, four side by side in an instance."""
    address = ADDRESSES[chip.name].data
    return OutputTensor(name, tuple(address(c, 0x200 + 4 * (c % 4)) for c in range(channels)), dim, 16, True)


def program(chip: Device, *outputs: OutputTensor) -> Program:
    """A program with kernels on two processors, biases of a group, three input channels, and these outputs."""
    data = np.random.default_rng(3).integers(0, 256, (5, 9)).astype(np.uint8)
    address = ADDRESSES[chip.name].data
    kernels = (KernelBlock(0, 4, data[:3]), KernelBlock(17, 8, data[3:]))
    inputs = tuple(InputBlock(f"channel {c}", address(4 * c, 0x40), np.array([0x01020304 + c, 0xFFFEFDFC], np.uint32))
                   for c in range(3))
    expected = (OutputBlock(address(0, 0x100), 0xFFFFFFFF, np.array([1, 2, 3], np.uint32)),
                OutputBlock(address(4, 0x100), 0x000000FF, np.array([4, 5], np.uint32), 8))
    return Program(registers(chip), kernels, (BiasBlock(2, np.array([1, 255, 3], np.uint8)),), inputs, expected,
                   outputs or (narrow(chip),))


def fifo_program(chip: Device, fifo: Fifo, *outputs: OutputTensor) -> tuple[Program, About]:
    """The same with an input that comes through FIFOs."""
    at = ADDRESSES[chip.name].register
    places = [at("FIFO_WR0"), at("FIFO_WR2")] if fifo is Fifo.STANDARD else [at("FAST_DR")]
    blocks = tuple(InputBlock(f"block {i}", place, np.arange(6, dtype=np.uint32) + i, 0)
                   for i, place in enumerate(places))
    return replace(program(chip, *outputs), inputs=blocks), replace(ABOUT, fifo=fifo)


def project(given: dict[str, object] | None = None, chip: str = "max78000", fifo: Fifo = Fifo.NONE,
            outputs: tuple[OutputTensor, ...] = ()) -> dict[str, str]:
    """The files of a small project as texts."""
    plain = program(device(chip), *outputs), ABOUT
    what, about = plain if fifo is Fifo.NONE else fifo_program(device(chip), fifo, *outputs)
    files = emit(what, device(chip), about, EmitOptions.parse(given))
    return {name: data.decode() for name, data in files.items()}
