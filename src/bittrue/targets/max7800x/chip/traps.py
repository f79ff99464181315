"""What stops a program that does what the chip cannot do, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ....errors import Diagnostic, declare

declare({
    "BT5465": "the program accesses memory that does not exist, or writes to flash",
    "BT5466": "the program writes beyond an array",
    "BT5467": "the stack overflows",
    "BT5468": "the program executes what is no instruction, or faults",
    "BT5469": "the program does not end",
    "BT5470": "an interrupt has no handler",
})


class TrapKind(str, Enum):
    """Kinds of traps."""

    UNMAPPED = "access to memory that does not exist"
    READ_ONLY = "write to flash"
    OVERRUN = "write beyond an array"
    STACK = "stack overflow"
    FAULT = "fault"
    BUDGET = "too many instructions"
    ENDLESS = "endless loop"
    ASLEEP = "asleep for ever"
    NO_HANDLER = "interrupt without a handler"


CODES = {TrapKind.UNMAPPED: "BT5465", TrapKind.READ_ONLY: "BT5465", TrapKind.OVERRUN: "BT5466",
         TrapKind.STACK: "BT5467", TrapKind.FAULT: "BT5468", TrapKind.BUDGET: "BT5469", TrapKind.ENDLESS: "BT5469",
         TrapKind.ASLEEP: "BT5469", TrapKind.NO_HANDLER: "BT5470"}

FIXES = {
    "BT5465": "look at the pointer that is used there",
    "BT5466": "make the array larger, or write less",
    "BT5467": "use smaller local arrays, or less recursion",
    "BT5468": "look at the function pointers and the vector table",
    "BT5469": "look at what the loop waits for; give more instructions if it only needs time",
    "BT5470": "set a vector before the interrupt is enabled",
}


@dataclass(frozen=True)
class Trap:
    """What stopped a core, and where: `where` is the function with file and line, as far as known."""

    kind: TrapKind
    text: str
    where: str
    pc: int
    address: int | None = None

    def diagnostic(self) -> Diagnostic:
        """The trap as a diagnostic."""
        code = CODES[self.kind]
        return Diagnostic(code, self.where, self.text, FIXES[code])

    def __str__(self) -> str:
        return f"{self.text}, at {self.where}"
