"""The choices that shape the emitted project, named as the vendor's network loader names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ....errors import BadInput, Diagnostics, declare
from ...base import Option
from ...choices import Read, number, read_choices, switch

declare({
    "BT5481": "an option of the emitted project has no effect",
    "BT5482": "options of the emitted project that exclude each other",
})

BOARD = "EvKit_V1"
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
C_FILE, H_FILE = ".c", ".h"
PORTS, PINS, TIMERS = 4, 32, 6
"""General purpose ports of the chips, pins of a port, timers."""
OWN_FILES = ("cnn.h", "softmax.c", "main_riscv.c")
"""Files whose names are fixed: no other file can have them."""


class Boost(NamedTuple):
    """The pin that switches on the boost of the accelerator's supply."""

    port: int
    pin: int


@dataclass(frozen=True)
class EmitOptions:
    """How the project is written. Everything that changes register writes is in `registers`."""

    compact_data: bool = True
    compact_weights: bool = True
    mexpress: bool = True
    mlator: bool = False
    mlator_noverify: bool = False
    softmax: bool = False
    kat: bool = True
    unload: bool = True
    verify_kernels: bool = False
    boost: Boost | None = None
    timer: int | None = None
    energy: bool = False
    wfi: bool = True
    one_shot: bool = False
    pll: bool = True
    riscv: bool = False
    riscv_debug: bool = False
    riscv_exclusive: bool = False
    deepsleep: bool = False
    board_name: str = BOARD
    c_filename: str = "main.c"
    api_filename: str = "cnn.c"
    weight_filename: str = "weights.h"
    sample_filename: str = "sampledata.h"
    sample_output_filename: str = "sampleoutput.h"
    max_checklines: int | None = None
    stop_after: int | None = None
    """Last layer that runs, by its number in the network."""
    registers: tuple[tuple[str, Any], ...] = ()
    """Names and values for the options of the register writes, without those that keep their defaults."""
    follows: tuple[str, ...] = ()
    """Requested options that the network and its placement decide, see `effects`."""

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> EmitOptions:
        """Options from names and values (numbers or texts).

        Raises `BadInput` with every unknown name, wrong value (BT5003), option without effect beside the others
        (BT5481) and contradiction (BT5482).
        """
        found = Diagnostics()
        options = cls.of(read_choices("max7800x", TABLE, given, found), found)
        found.raise_as(BadInput)
        return options

    @classmethod
    def of(cls, chosen: Mapping[str, Any], found: Diagnostics) -> EmitOptions:
        """Options from values that the table's rows have read; what is wrong between them goes to `found`."""
        options = cls._of(chosen)
        options._contradictions(found)
        options._file_names(found)
        return options

    @classmethod
    def _of(cls, chosen: Mapping[str, Any]) -> EmitOptions:
        """Rows that imply others switch them on."""
        values = {row.field: row.value(chosen[row.name]) for row in TABLE if row.feeds & PROJECT and row.name in chosen}
        if values.get("riscv_debug") or values.get("riscv_exclusive"):
            values["riscv"] = True
        registers = {row.field: row.value(chosen[row.name]) for row in TABLE
                     if row.feeds & REGISTERS and row.name in chosen and chosen[row.name] != row.default}
        follows = tuple(row.name for row in TABLE if row.feeds == PLAN and chosen.get(row.name))
        return cls(**values, registers=tuple(registers.items()), follows=follows)

    def _contradictions(self, found: Diagnostics) -> None:
        """What two options say against each other, or one without another."""
        for name, applies, code, why, fix in RULES:
            if applies(self):
                found.add(code, f"option {name}", why, fix)

    def _file_names(self, found: Diagnostics) -> None:
        names = (*OWN_FILES, self.c_filename, self.api_filename, self.weight_filename, self.sample_filename,
                 self.sample_output_filename)
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.add("BT5482", f"file {name}", "two files of the project have this name", "give them different names")


# ---- reading values

def _pin(text: str) -> Boost:
    port, _, pin = text.partition(".")
    if not (port.isdigit() and pin.isdigit() and int(port) < PORTS and int(pin) < PINS):
        raise ValueError(f"{text!r} is no pin; give port and pin as in 2.5: ports 0 to {PORTS - 1}, "
                         f"pins 0 to {PINS - 1}")
    return Boost(int(port), int(pin))


def _file(suffix: str) -> Read:
    def read(text: str) -> str:
        name = text if text.endswith(suffix) else text + suffix
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no name of a file in the project; use letters, digits, dots, - and _")
        return name
    return read


def _board(text: str) -> str:
    if not FILE_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a board; give the name of its folder in the SDK, such as {BOARD}")
    return text


# ---- the table

PROJECT, REGISTERS, PLAN = 1, 2, 4
"""What an option feeds: the project's text, the register writes, nothing (it follows from the network's placement)."""


class Row(NamedTuple):
    """An option by name: what reads it, its default, what it feeds, what it means."""

    name: str
    read: Read
    default: Any
    feeds: int
    meaning: str

    @property
    def negative(self) -> bool:
        """Whether the option switches something off that is on by default."""
        return self.name.startswith("no-")

    @property
    def field(self) -> str:
        """The name in `EmitOptions` or in the options of the registers."""
        return self.name.removeprefix("no-").replace("-", "_")

    def value(self, chosen: Any) -> Any:
        """What the field gets."""
        return not chosen if self.negative else chosen


def _flag(name: str, feeds: int, meaning: str) -> Row:
    return Row(name, switch, False, feeds, meaning)


MANY = 1 << 31
TABLE = (
    Row("compact-data", switch, True, PROJECT, "copy the sample input from a table; 0: one store for every word"),
    Row("compact-weights", switch, True, PROJECT, "all weights in one table; 0: a table for every block of kernels"),
    Row("mexpress", switch, True, PROJECT | REGISTERS, "write kernels as packed words; 0: column by column"),
    _flag("mlator", PROJECT, "let the hardware pack four 8-bit outputs of a channel when unloading"),
    _flag("mlator-noverify", PROJECT, "do not compare what the mlator unloads with the data memory"),
    _flag("softmax", PROJECT, "call the software softmax on the output, which has to be 32 bits wide"),
    _flag("no-kat", PROJECT, "leave out the known-answer test"),
    _flag("no-unload", PROJECT, "do not call cnn_unload() after the inference"),
    _flag("verify-kernels", PROJECT, "read the weights back after loading, with cnn_verify_weights()"),
    Row("boost", _pin, None, PROJECT, "switch on port.pin while the network runs, to boost the supply"),
    Row("timer", number(0, TIMERS - 1), None, PROJECT, "measure the inference with this timer"),
    _flag("energy", PROJECT, "repeat every phase for measuring its energy"),
    _flag("no-wfi", PROJECT, "wait in a loop instead of sleeping"),
    _flag("no-pll", PROJECT, "run the accelerator from the peripheral clock where there is a PLL"),
    _flag("riscv", PROJECT, "run everything on the RISC-V core"),
    _flag("riscv-debug", PROJECT, "set up the RISC-V core's debugger (implies riscv)"),
    _flag("riscv-exclusive", PROJECT, "give the RISC-V core its memory alone (implies riscv)"),
    _flag("deepsleep", PROJECT, "the Arm core sleeps deeply while the RISC-V core runs"),
    Row("board-name", _board, BOARD, PROJECT, "the board, as its folder in the SDK is called"),
    Row("c-filename", _file(C_FILE), "main.c", PROJECT, "name of the main file"),
    Row("api-filename", _file(C_FILE), "cnn.c", PROJECT, "name of the file with the API"),
    Row("weight-filename", _file(H_FILE), "weights.h", PROJECT, "name of the file with weights and biases"),
    Row("sample-filename", _file(H_FILE), "sampledata.h", PROJECT, "name of the file with the sample input"),
    Row("sample-output-filename", _file(H_FILE), "sampleoutput.h", PROJECT, "name of the file with the known answer"),
    Row("max-checklines", number(1, MANY), None, PROJECT, "compare only so many words of the known answer"),
    Row("stop-after", number(0, 127), None, PROJECT, "stop after this layer; its output is the known answer"),
    _flag("one-shot", PROJECT | REGISTERS, "stop after every layer, and continue by cnn_continue() (MAX78002)"),
    _flag("powerdown", REGISTERS, "switch off the kernel memories of groups that are not in use"),
    _flag("no-pipeline", REGISTERS, "switch off the pipeline (MAX78002)"),
    _flag("fifo-go", REGISTERS, "the first word in the FIFO starts the network (MAX78002)"),
    _flag("ext-rdy", REGISTERS, "wait for an external ready signal (MAX78002)"),
    _flag("link-layer", REGISTERS, "link every layer to the next one (MAX78002)"),
    _flag("write-zero-registers", REGISTERS, "write registers whose value is 0 as well"),
    _flag("zero-unused", REGISTERS, "write 0 to the registers of unused layers"),
    _flag("zero-sram", REGISTERS, "test all memories first, which leaves them empty"),
    _flag("init-tram", REGISTERS, "write 0 to the TRAM first"),
    Row("ready-sel", number(0, 3), 0, REGISTERS, "wait states of the memories"),
    Row("ready-sel-fifo", number(0, 3), 0, REGISTERS, "wait states of the FIFOs"),
    Row("ready-sel-aon", number(0, 3), 0, REGISTERS, "wait states of the always-on domain"),
    _flag("fifo", PLAN, "the input comes through the FIFOs: follows from the placement"),
    _flag("fast-fifo", PLAN, "the input comes through the fast FIFO: follows from the placement"),
    _flag("fast-fifo-quad", PLAN, "the input goes to all groups at once: follows from the placement"),
    _flag("avg-pool-rounding", PLAN, "average pooling rounds: follows from the network"),
    _flag("simple1b", PLAN, "1-bit weights by the simple circuit: follows from the network"),
)

EMIT_OPTIONS = tuple(
    Option(row.name, "none" if row.default is None else str(int(row.default) if isinstance(row.default, bool)
                                                           else row.default), row.meaning) for row in TABLE)
"""All options, for help texts."""

LEAVE_OUT = "leave it out, or leave out the other one"
RULES: tuple[tuple[str, Callable[[EmitOptions], bool], str, str, str], ...] = (
    ("mlator-noverify", lambda o: o.mlator_noverify and not o.mlator, "BT5481",
     "there is nothing to verify without the mlator", "give mlator, or leave the option out"),
    ("mlator", lambda o: o.mlator and not o.unload, "BT5482", "the mlator unloads, and no-unload says not to",
     LEAVE_OUT),
    ("softmax", lambda o: o.softmax and not o.unload, "BT5482",
     "softmax takes the unloaded output, and no-unload says not to unload", LEAVE_OUT),
    ("max-checklines", lambda o: o.max_checklines is not None and not o.kat, "BT5482",
     "no-kat leaves out everything that it shortens", LEAVE_OUT),
    ("deepsleep", lambda o: o.deepsleep and not o.riscv, "BT5482",
     "the Arm core cannot sleep deeply while it runs the network itself", "give riscv, or leave the option out"),
    ("deepsleep", lambda o: o.deepsleep and not o.wfi, "BT5482", "no-wfi says not to sleep", LEAVE_OUT),
    ("timer", lambda o: o.timer is not None and o.one_shot, "BT5482",
     "with one-shot the timer would measure single layers", LEAVE_OUT),
    ("energy", lambda o: o.energy and o.one_shot, "BT5482", "with one-shot a run stops after its first layer",
     LEAVE_OUT),
)
"""Option, when the rule is broken, code, why, fix."""
