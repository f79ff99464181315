"""All register writes of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....errors import Diagnostics, Unsupported, declare
from ..device import AddressError, RegisterError, Scope
from ..plan import Max7800xPlan
from ..program import LayerWrites, RegisterProgram, Write
from .global_registers import configure_global, initialize, input_frame, start
from .layer_tables import LAYER_TABLES, RESET_LAYER, Row
from .layer_view import Fields, LayerView, Setting
from .register_options import RegisterOptions

declare({"BT5403": "a layer that does not fit its registers"})

UNUSED = "unused"
"""The name of layers that the network does not have."""


def register_program(plan: Max7800xPlan, options: RegisterOptions | None = None) -> RegisterProgram:
    """The register writes that configure and start a placed network.

    Layers are written by their numbers on the chip, every layer in all groups in use; a layer that is inserted comes
    before its own. Registers whose value is 0 are left out, unless options want them.
    Raises `BadInput` for options (BT5400 to BT5402), `Unsupported` with every layer and register that cannot hold a
    value (BT5403), which a plan that keeps the rules does not cause.
    """
    options = RegisterOptions() if options is None else options
    options.check(plan)
    setting, problems = Setting.of(plan, options), Diagnostics()
    layers = tuple(_layers(setting, problems))
    problems.raise_as(Unsupported)
    unused = tuple(_unused(setting)) if options.zero_unused else ()
    return RegisterProgram(tuple(initialize(setting)), layers + unused, tuple(configure_global(setting)),
                           tuple(start(setting)), setting.first_group, setting.groups)


def _layers(setting: Setting, problems: Diagnostics) -> Iterator[LayerWrites]:
    for index in setting.numbering.order:
        for group in setting.groups:
            view = LayerView(setting, index, group)
            if view.hardware.reset and view.leads:
                yield LayerWrites(view.number - 1, group, f"reset before {view.layer.name}",
                                  tuple(_writes(view, view.number - 1, RESET_LAYER, problems)))
            writes = (*_writes(view, view.number, LAYER_TABLES[setting.device.name], problems), *input_frame(view))
            yield LayerWrites(view.number, group, view.layer.name, writes)


def _writes(view: LayerView, number: int, rows: Iterable[Row], problems: Diagnostics) -> Iterator[Write]:
    """The writes of one layer in one group."""
    for name, values in rows:
        try:
            write = _write(view, number, name, values(view))
        except (RegisterError, AddressError) as error:
            problems.add("BT5403", f"layer {view.layer.name}", str(error), "place or import the network anew")
            continue
        if write is not None:
            yield write


def _write(view: LayerView, number: int, name: str, fields: Fields) -> Write | None:
    """The write of a register; None where its value is 0 and need not be written."""
    addresses, zeros = view.setting.addresses, view.setting.options.write_zero_registers
    register = addresses.registers[name]
    value = register.pack(**fields)
    if not value and not (zeros and number < register.count):
        return None
    return Write(addresses.register(name, view.group, number), value, register.title)


def _unused(setting: Setting) -> Iterator[LayerWrites]:
    """Zeros for the registers of all layers that the network does not have."""
    addresses, numbers = setting.addresses, setting.numbering
    rows = [r for r in addresses.registers.values() if r.scope in (Scope.LAYER, Scope.STREAM)]
    for number in sorted(set(range(setting.device.layers)) - {*numbers.numbers, *numbers.entries}):
        for group in setting.groups:
            yield LayerWrites(number, group, UNUSED, tuple(
                Write(addresses.register(r.name, group, number), 0, r.title) for r in rows if number < r.count))
