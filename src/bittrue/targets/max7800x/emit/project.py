"""A program as a C project for the vendor's SDK: one text for every file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...words import comment
from ..device import ADDRESSES, Device
from ..placement import Fifo
from ..program import Fill, Program, Step, Write
from . import softmax
from .about import About
from .effects import check_effects
from .options import EmitOptions
from .registers import Names, layer_tables, statements
from .samples import answer, answer_table, input_tables, inputs
from .size import require_room
from .templates import environment
from .text import project_name
from .unload import functions, offsets, words
from .weights import kernel_blocks, weight_tables

FLASH = 0x10000000
"""Where the flash memory begins. The RISC-V core's linker script wants to know its end."""
ENERGY_RUNS = 100
"""How often a phase is repeated for measuring its energy."""


def emit(program: Program, device: Device, about: About, options: EmitOptions | None = None) -> dict[str, bytes]:
    """The files of the project, by name. The same arguments give the same bytes.

    Raises `BadInput` (BT5481, BT5483) for options that change nothing for this program, or that it needs,
    `Unsupported` (BT5484, BT5485) for what does not fit into the chip's flash memory or SRAM.
    """
    options = EmitOptions() if options is None else options
    check_effects(options, about, program, device)
    require_room(program, device, options)
    context = _context(program, device, about, options)
    return {name: environment().get_template(template).render(context).encode() for name, template in _files(options)}


def _files(options: EmitOptions) -> Iterator[tuple[str, str]]:
    """Every file's name and template."""
    yield options.c_filename, "main_arm.c.j2" if options.riscv else "main.c.j2"
    if options.riscv:
        yield "main_riscv.c", "main.c.j2"
    yield from ((options.api_filename, "cnn.c.j2"), ("cnn.h", "cnn.h.j2"), (options.weight_filename, "weights.h.j2"),
                (options.sample_filename, "sampledata.h.j2"))
    if options.kat:
        yield options.sample_output_filename, "sampleoutput.h.j2"
    if options.softmax:
        yield "softmax.c", "softmax.c.j2"
    if options.riscv:
        yield from (("Makefile", "Makefile_both.j2"), ("Makefile.ARM", "Makefile_core.j2"),
                    ("Makefile.RISCV", "Makefile_riscv.j2"))
    else:
        yield "Makefile", "Makefile_core.j2"
    yield from (("project.mk", "project.mk.j2"), ("README.md", "README.md.j2"))


def _context(program: Program, device: Device, about: About, options: EmitOptions) -> dict[str, Any]:
    """Everything that the templates say."""
    return {
        "about": about, "device": device, "options": options, "project": project_name(about.name),
        "layers": tuple(map(comment, about.layers)), "energy_runs": ENERGY_RUNS,
        "flash_end": FLASH + device.flash_bytes,
        "pll": device.pll and options.pll and dict(options.registers).get("pipeline", True),
        "from_fifo": about.fifo is not Fifo.NONE, "fast_fifo": about.fifo in (Fifo.FAST, Fifo.QUAD),
        **_registers(program, device, options), **_memories(program, device, options),
        **_results(program, device, options),
    }


def _registers(program: Program, device: Device, options: EmitOptions) -> Mapping[str, Any]:
    names, registers = Names(device), program.registers
    single: tuple[Step, ...] = (*registers.init, *registers.configure_global, *registers.start)
    addresses = [step.address for step in single]
    addresses += [write.address for part in registers.configure for write in part.writes]
    addresses += [names.addresses.register("CTL")]
    if options.mlator:
        addresses += [names.addresses.register(name) for name in ("MLAT", "WPTR_BASE", "LCTL2")]
    return {
        "names": names, "defines": names.defines(addresses), "groups": registers.groups,
        "first_group": registers.first_group, "group_base": names.addresses.group(0),
        "init": statements(registers.init, names), "tables": layer_tables(registers.configure, names),
        "configure_global": statements(registers.configure_global, names),
        "start": statements(registers.start[:-1], names), "go": statements(registers.start[-1:], names),
        "clears": any(isinstance(step, Fill) for step in single),
        "acknowledge": _acknowledge(program, device, options),
        "control": names.addresses.registers["CTL"].by_name,
        "continues": _continues(program, device),
    }


def _acknowledge(program: Program, device: Device, options: EmitOptions) -> int:
    """The control bits that the interrupt handler clears: the interrupt itself, and unless the network goes on with the
    next layer what would start a group anew."""
    control = ADDRESSES[device.name].registers["CTL"]
    streaming = any(control.unpack(write.value)["stream_en"] for write in program.registers.start[-1:])
    fields = {"cnn_irq": 1} if options.one_shot else {"cnn_irq": 1, "cnn_en": 1, "stream_en": int(streaming)}
    return control.pack(**fields)


def _continues(program: Program, device: Device) -> int:
    """How often a network that stops after every layer has to go on; registers of unused layers do not count."""
    registers = program.registers
    addresses = ADDRESSES[device.name]
    count = addresses.register("LCNT_MAX", registers.first_group)
    values = [step.value for step in registers.init if isinstance(step, Write) and step.address == count]
    fields = addresses.registers["LCNT_MAX"].unpack(values[-1] if values else 0)
    layers = range(fields.get("start", 0), fields["lcnt"] + 1)
    return len({part.layer for part in registers.configure if part.layer in layers}) - 1


def _memories(program: Program, device: Device, options: EmitOptions) -> Mapping[str, Any]:
    return {
        "kernels": () if options.compact_weights else kernel_blocks(program, device),
        "weights": tuple(weight_tables(program, device, options.compact_weights)),
        "biases": tuple((block.group, ADDRESSES[device.name].bias(block.group, 0), len(block.data))
                        for block in program.biases),
        "inputs": inputs(program.inputs, not options.compact_data),
        "samples": tuple(input_tables(program.inputs)),
    }


def _results(program: Program, device: Device, options: EmitOptions) -> Mapping[str, Any]:
    kept = answer(program.expected, options.max_checklines)
    return {
        "outputs": program.outputs, "offsets": offsets(program.outputs),
        "functions": functions(program.outputs, device, options),
        "elements": sum(output.elements for output in program.outputs), "output_words": words(program.outputs),
        "answer": answer_table(kept), "answer_words": sum(len(block.words) for block in kept), "softmax": softmax,
    }
