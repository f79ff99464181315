"""Reads pickled data without running any of it: the part of the pickle language that checkpoints are written in.

A pickle is a program for a stack machine, and Python's own machine calls whatever a file names. This one knows the
opcodes of protocol 2 that plain data need; a global is a mere name (`Global`), which `Build` may turn into a value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Build = Callable[[str, Sequence[Any]], Any]
"""Makes the value of a call, by the called global's name and the arguments. Raises ValueError for what makes none."""

PROTOCOL = 2
"""The only one that PyTorch loads without trusting the file."""


class Forbidden(Exception):
    """A pickle names something that is not on the list of what is needed."""


@dataclass(frozen=True)
class Global:
    """A function or class that a pickle names; nothing but its name."""

    name: str


class Inert:
    """Stands for an object whose content nobody needs."""


def unpickle(data: bytes, start: int, allowed: Callable[[str], bool], build: Build,
             persistent: Callable[[Any], Any]) -> tuple[Any, int]:
    """The value of the pickle that starts at a byte, and where it ends.

    `persistent` gives the objects that the pickle refers to and does not hold. Raises `Forbidden` with the name of a
    global that is not allowed, ValueError, TypeError, LookupError or struct.error for damaged data.
    """
    machine = _Machine(data, start, allowed, build, persistent)
    while (code := data[machine.place]) != _STOP:
        machine.place += 1
        step = _STEPS.get(code)
        if step is None:
            raise ValueError(f"byte {machine.place - 1} is {code:#04x}, no opcode that data need")
        step(machine)
    return machine.stack.pop(), machine.place + 1


class _Machine:
    """The stack, the remembered values, and the place in the data."""

    def __init__(self, data: bytes, start: int, allowed: Callable[[str], bool], build: Build,
                 persistent: Callable[[Any], Any]) -> None:
        self.data, self.place = data, start
        self.allowed, self.build, self.persistent = allowed, build, persistent
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        """Stacks that wait below the marks."""
        self.memo: dict[int, Any] = {}

    def take(self, size: int) -> bytes:
        """The next bytes."""
        begin, self.place = self.place, self.place + size
        if self.place > len(self.data):
            raise ValueError("the data end too early")
        return self.data[begin:self.place]

    def number(self, form: str) -> Any:
        """The next number, in one of the forms of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """The text up to the next line break."""
        end = self.data.index(b"\n", self.place)
        begin, self.place = self.place, end + 1
        return self.data[begin:end].decode()

    def marked(self) -> list[Any]:
        """What was pushed since the last mark."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def last(self, count: int) -> list[Any]:
        """The last values, removed from the stack."""
        if len(self.stack) < count:
            raise ValueError("the stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items


def _protocol(machine: _Machine) -> None:
    if (version := machine.take(1)[0]) != PROTOCOL:
        raise ValueError(f"it is pickled by protocol {version}, not {PROTOCOL}")


def _mark(machine: _Machine) -> None:
    machine.outer.append(machine.stack)
    machine.stack = []


def _global(machine: _Machine) -> None:
    name = f"{machine.line()}.{machine.line()}"
    if not machine.allowed(name):
        raise Forbidden(name)
    machine.stack.append(Global(name))


def _call(machine: _Machine) -> None:
    function, arguments = machine.last(2)
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise ValueError(f"it calls {type(function).__name__}, which is no function")
    machine.stack.append(machine.build(function.name, arguments))


def _set_items(machine: _Machine, items: Sequence[Any]) -> None:
    """Enter keys and values in turn. Keys are plain values, so that none of them can do anything when it is hashed."""
    target = machine.stack[-1]
    if not isinstance(target, dict) or len(items) % 2:
        raise ValueError(f"it sets items of {type(target).__name__}")
    for key in items[::2]:
        require_plain(key)
    target.update(zip(items[::2], items[1::2], strict=True))


def require_plain(key: Any) -> None:
    """Raises ValueError for a key that is neither a plain value nor a tuple of some."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(part is None or isinstance(part, (str, int, float)) for part in parts):
        raise ValueError(f"a key of a dictionary is {type(key).__name__}")


def _append(machine: _Machine, items: Sequence[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise ValueError(f"it appends to {type(target).__name__}")
    target.extend(items)


def _remember(form: str) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.memo[machine.number(form)] = machine.stack[-1]
    return step


def _recall(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(machine.memo[machine.number(form)])


def _push(value: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        made = value(machine)  # may leave another stack behind
        machine.stack.append(made)
    return step


def _small(form: str) -> Callable[[_Machine], None]:
    return _push(lambda machine: machine.number(form))


_STOP = ord(".")
_STEPS: dict[int, Callable[[_Machine], None]] = {ord(code): step for code, step in {
    "\x80": _protocol, "(": _mark, "c": _global, "R": _call, "\x81": _call,
    "b": lambda machine: machine.last(1) and None,  # the state of an object: none has any
    "Q": _push(lambda machine: machine.persistent(machine.stack.pop())),
    "s": lambda machine: _set_items(machine, machine.last(2)),
    "u": lambda machine: _set_items(machine, machine.marked()),
    "a": lambda machine: _append(machine, machine.last(1)), "e": lambda machine: _append(machine, machine.marked()),
    "q": _remember("<B"), "r": _remember("<I"), "h": _recall("<B"), "j": _recall("<I"),
    "N": _push(lambda _: None), "\x88": _push(lambda _: True), "\x89": _push(lambda _: False),
    "K": _small("<B"), "M": _small("<H"), "J": _small("<i"), "G": _small(">d"),
    "\x8a": _push(lambda machine: int.from_bytes(machine.take(machine.number("<B")), "little", signed=True)),
    "X": _push(lambda machine: machine.take(machine.number("<I")).decode("utf-8", "surrogatepass")),
    "U": _push(lambda machine: machine.take(machine.number("<B")).decode("latin-1")),
    "}": _push(lambda _: {}), "]": _push(lambda _: []), ")": _push(lambda _: ()),
    "t": _push(lambda machine: tuple(machine.marked())), "\x85": _push(lambda machine: tuple(machine.last(1))),
    "\x86": _push(lambda machine: tuple(machine.last(2))), "\x87": _push(lambda machine: tuple(machine.last(3))),
}.items()}
"""What every opcode does."""
