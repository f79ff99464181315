"""Whether every requested option changes something for this network: one that does not is an error."""

from __future__ import annotations

from collections.abc import Callable

from ....errors import BadInput, Diagnostics, declare
from ..device import Device
from ..placement import Fifo
from ..program import Program
from .about import About
from .options import EmitOptions
from .unload import packs

declare({"BT5483": "the network's placement needs an option of the emitted project"})

FAST = (Fifo.FAST, Fifo.QUAD)
PLACE_ANEW = "place the network with it (the description's or the plan's FIFO), or leave the option out"


def check_effects(options: EmitOptions, about: About, program: Program, device: Device) -> None:
    """Raises `BadInput` with every option that has no effect (BT5481) or is missing (BT5483) for this program.

    Options of the register writes are checked where these are made.
    """
    found = Diagnostics()
    for name in options.follows:
        has, fix = FOLLOWS[name]
        if not has(about):
            found.add("BT5481", f"option {name}", f"network {about.name} is not placed or described so", fix)
    for name, (idle, why, fix) in EFFECTS.items():
        if idle(options, about, program):
            found.add("BT5481", f"option {name}", why, fix)
    if not options.pll and not device.pll:
        found.add("BT5481", "option no-pll", f"{device.part} has no PLL", "leave the option out")
    if about.fifo in FAST and not options.riscv:
        found.add("BT5483", "option riscv", f"the input of network {about.name} comes through the fast FIFO, which "
                  "only the RISC-V core can write", "give riscv, or place the network without the fast FIFO")
    found.raise_as(BadInput)


FOLLOWS: dict[str, tuple[Callable[[About], bool], str]] = {
    "fifo": (lambda about: about.fifo is not Fifo.NONE, PLACE_ANEW),
    "fast-fifo": (lambda about: about.fifo in FAST, PLACE_ANEW),
    "fast-fifo-quad": (lambda about: about.fifo is Fifo.QUAD, PLACE_ANEW),
    "avg-pool-rounding": (lambda about: about.round_average,
                          "train or import the network with rounding, or leave the option out"),
    "simple1b": (lambda about: about.simple_1b, "import the network with it, or leave the option out"),
}
"""Option -> whether the network has it, how to get it."""

Idle = Callable[[EmitOptions, About, Program], bool]


def _words(program: Program) -> int:
    return sum(len(block.words) for block in program.expected)


def _one_wide(program: Program) -> bool:
    return len(program.outputs) == 1 and program.outputs[0].wide


EFFECTS: dict[str, tuple[Idle, str, str]] = {
    "compact-data": (lambda options, about, _: not options.compact_data and about.fifo is not Fifo.NONE,
                     "the input goes into a FIFO from a table in any case", "leave the option out"),
    "mlator": (lambda options, _, program: options.mlator and not any(packs(program.outputs)),
               "no output has 8 bits, one pass without gaps, and a multiple of 4 pixels",
               "leave the option out"),
    "softmax": (lambda options, _, program: options.softmax and not _one_wide(program),
                "it needs a network with one output that is 32 bits wide",
                "give the last layer 32-bit output, or leave the option out"),
    "max-checklines": (lambda options, _, program: options.max_checklines is not None
                       and options.max_checklines >= _words(program),
                       "the known answer is not longer", "give a smaller number, or leave the option out"),
}
"""Option -> when it has no effect, why, what to do."""
