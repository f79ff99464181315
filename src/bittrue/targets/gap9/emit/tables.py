"""The tables of steps in C: designated initialisers, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...words import comment
from ..kernels import RequantTable
from ..program import Area, Program, Step, Transfer
from .layers import LayerView

WIDTH = 116
_AREAS: Mapping[Area, str] = {Area.ARENA: "BT_ARENA", Area.CONSTANTS: "BT_CONSTANTS"}


@dataclass(frozen=True)
class Tables:
    """Makes the tables of a program's steps."""

    program: Program
    views: Sequence[LayerView]

    def name(self, number: int) -> str:
        """The table of a step in C."""
        view = self.views[self.program.steps[number].layer]
        return f"steps_{view.ident}[{number - view.first}]"

    def address(self, number: int) -> str:
        """Where the table of a step is read."""
        if number == len(self.program.steps):
            return "0"
        return f"BT_TABLE({self.name(number)}, {self.program.steps[number].table})"

    def first_loads(self) -> list[str]:
        """What is loaded before the first step: its table, and its early loads."""
        return [f"BT_LOAD_TABLE({self.name(0)}, {self.program.steps[0].table}), /* table */",
                *map(self.transfer, self.program.steps[0].early)]

    def transfer(self, transfer: Transfer) -> str:
        """One DMA command."""
        label = comment(transfer.label)
        if transfer.area is Area.STEPS:
            return f"BT_LOAD_TABLE({self.name(transfer.far)}, {transfer.near}), /* {label} */"
        far = f"{_AREAS[transfer.area]}({transfer.far})"
        return (f"{{{far}, BT_L1({transfer.near}), {transfer.size}, {transfer.length}, {transfer.stride}}}, "
                f"/* {label} */")

    def lines(self, number: int) -> Iterator[str]:
        """The table of a step."""
        step, following = self.program.steps[number], self.following(number)
        staging, staged = (len(step.staging), step.staged) if number else (0, 0)  # the first step's come before it
        view = self.views[step.layer]
        stores = self.program.steps[number - 1].stores if number else ()
        yield from wrapped((f".head = {{.following = {self.address(number + 1)},", f".stores = {len(stores)},",
                            f".late = {len(step.late)},", f".early = {len(following)},",
                            f".staging = {staging},", f".staged = {staged}}},"), " " * 9)
        yield ".transfers = {"
        for title, transfers in (("last step's ", stores), ("", step.late), ("next step's ", following)):
            yield from (f"    {self.transfer(found)}".replace("/* ", f"/* {title}", 1) for found in transfers)
        yield "},"
        yield ".params = {"
        yield from (f"    {line}" for line in self.parameters(number, step, view))
        yield "},"
        if view.parts:
            yield ".parts = {"
            yield from (f"    {line}" for line in _parts(step, view.parts))
            yield "},"

    def following(self, number: int) -> tuple[Transfer, ...]:
        """The early loads of the next step, which this step starts."""
        return self.program.steps[number + 1].early if number + 1 < len(self.program.steps) else ()

    def parameters(self, number: int, step: Step, view: LayerView) -> Iterator[str]:
        """The fields of the kernel's parameters: pointers, requantization, integers."""
        fields = view.kernel.fields
        pointers = [f".{field.name} = BT_L1({step.pointers[field.name]})," for field in fields
                    if field.is_pointer and field.name in step.pointers]
        if view.parts:
            pointers.append(f".parts = BT_PARTS(step_{view.ident}, {self.name(number)}, {step.table}),")
        yield from wrapped(pointers)
        if any(field.name == "requant" for field in fields):
            yield from wrapped(_requant(step, self.program.network.layers[step.layer].requant), "            ")
        yield from wrapped(f".{field.name} = {step.values[field.name]}," for field in fields
                           if field.type == "int32_t")


def _requant(step: Step, table: RequantTable) -> list[str]:
    pointers = [(name, place) for name, place in (("scales", step.scales), ("splits", step.splits))
                if place is not None]
    fields = [*(f".{name} = BT_L1({place})" for name, place in pointers),
              *(f".{name} = {value}" for name, value in table.fields().items())]
    return [f".requant = {{{fields[0]},", *(f"{field}," for field in fields[1:-1]), f"{fields[-1]}}},"]


def _parts(step: Step, count: int) -> Iterator[str]:
    for part in range(count):
        if f"data{part}" in step.pointers:
            yield (f"{{.data = BT_L1({step.pointers[f'data{part}']}), .channels = {step.values[f'channels{part}']}, "
                   f".pitch = {step.values[f'pitch{part}']}}},")


def wrapped(words: Iterable[str], indent: str = "") -> Iterator[str]:
    """Words in lines of at most `WIDTH`; `indent` begins every line but the first.

    >>> list(wrapped(["a,", "b,"]))
    ['a, b,']
    """
    line = ""
    for word in words:
        if line and len(line) + len(word) > WIDTH - 12:
            yield line
            line = f"{indent}{word}"
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line
