"""The page of both MAX7800x chips, generated from their data: comparison, memory map, limits, registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields

from ..targets.max7800x.device import ADDRESSES, DEVICES, AddressMap, Device, Field, Register, Scope
from ..targets.max7800x.device.fifos import Feeds
from ..targets.max7800x.device.limits import SECTIONS, Limit

CHIPS = tuple(DEVICES.values())
PARTS = tuple(chip.part for chip in CHIPS)
MAPS = tuple(ADDRESSES[chip.name] for chip in CHIPS)

HEAD = """# MAX78000 and MAX78002: the device

Generated from `bittrue.targets.max7800x.device`, the tables that checker, placement and generated code share. Sources
are the manual's chapters on limitations and addresses, the register chapter of the MAX78000 user guide, and the checks
and register values of the existing network loader (`ai8xize`). What no public source says is left out or called not
published.

64 processors in four groups (quadrants) of 16. Every processor has a kernel memory and a TRAM of its own and reads the
data memory instance that it shares with three others; every group has a bias memory. Outputs go to any instance."""

LIMIT_HEAD = """Sources: the *manual*'s limitations, checks of the existing *loader*, the width of a field in the
*registers*, the size of a *memory*. Where they differ, the note says how."""

REGISTER_HEAD = """Names are those of the existing loader; the user guide's stand beside them where they differ. Bits
that are not listed are reserved on the MAX78000 and not published on the MAX78002. The MAX78002's layer registers have
to be cleared before use (`SRAM_TEST`); the reset values of its other registers are taken from the MAX78000. A field
marked * may end earlier than stated: where, is not published."""

HEXADECIMAL = ("base", "group_base", "group_pitch", "fast_fifo_base", "riscv_sram")
"""Numbers of a device that people write in hexadecimal."""

SIZES: tuple[tuple[str, Callable[[Device], str]], ...] = (
    ("data memory", lambda d: f"{d.data_instances} instances of {d.data.words:,} x 32 bits in {d.data.banks} "
                              f"bank{'s' * (d.data.banks > 1)}, {d.data_instances * d.data.bytes // 1024:,} KiB"),
    ("kernel memory, per processor", lambda d: f"{d.kernels.small:,} columns of 72 bits in {len(d.kernels.instances)} "
                                               f"instance{'s' * (len(d.kernels.instances) > 1)}"),
    ("processors 0, 16, 32, 48", lambda d: f"{d.kernels.large:,} columns" +
     (f", the last {sum(d.kernels.extra):,} in {len(d.kernels.extra)} instances of {d.kernels.extra[0]}"
      if d.kernels.extra else "")),
    ("kernel memory, all", lambda d: f"{_kernel_bytes(d) // 1024:,} KiB"),
    ("bias memory, per group", lambda d: f"{d.bias.bytes:,} bytes"),
    ("TRAM, per processor", lambda d: f"{d.tram.words:,} words of 16 bits"),
)

SCOPES = {Scope.FIFO: "once", Scope.FAST_FIFO: "once", Scope.GROUP: "per group", Scope.LAYER: "per group and layer",
          Scope.STREAM: "per group and streaming layer"}


def device_page() -> str:
    """Markdown: everything that the device tables hold."""
    return "\n\n".join((HEAD, *_comparison(), *_memories(), *_fifos(), *_limits(), *_registers())) + "\n"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (headers, ["---"] * len(headers), *rows))


def _comparison() -> Iterator[str]:
    yield "## The two chips"
    rows = [(f"`{f.name}`", Device.meanings()[f.name], *(_scalar(f.name, getattr(chip, f.name)) for chip in CHIPS))
            for f in fields(Device) if isinstance(getattr(CHIPS[0], f.name), int | str)]
    yield _table(("", "", *PARTS), rows)


def _scalar(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in HEXADECIMAL:
        return f"0x{value:08X}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _kernel_bytes(device: Device) -> int:
    return sum(9 * device.kernels.columns(processor) for processor in range(device.processors))


def _memories() -> Iterator[str]:
    yield "## Memories"
    yield _table(("", *PARTS), [(what, *(size(chip) for chip in CHIPS)) for what, size in SIZES])
    for chip, addresses in zip(CHIPS, MAPS, strict=True):
        yield f"### Addresses of the {chip.part}"
        yield _table(("group", "registers", "data memory", "kernel memory", "bias memory", "TRAM"),
                     [_group_row(addresses, group) for group in range(chip.groups)])
        yield _steps(chip)


def _group_row(addresses: AddressMap, group: int) -> tuple[str, ...]:
    device = addresses.device
    first, last = device.group_processors * group, device.group_processors * (group + 1) - 1
    ends = (
        (addresses.data(first, 0), addresses.data(last, device.data.bytes - 1)),
        (addresses.kernel(first, 0), addresses.kernel(last, device.kernels.columns(last) - 1) + 15),
        (addresses.bias(group, 0), addresses.bias(group, device.bias.bytes - 1) + 3),
        (addresses.tram(first, 0), addresses.tram(last, device.tram.words - 1) + 3),
    )
    return str(group), f"0x{addresses.group(group):08X}", *(f"0x{start:08X} - 0x{end:08X}" for start, end in ends)


def _steps(device: Device) -> str:
    return f"""* Data memory: an instance of 0x{device.data.bytes:X} bytes for every {device.shared} processors, every \
0x{device.data.pitch:X} bytes.
* Kernel memory: one for every processor, every 0x{device.kernels.pitch:X} bytes; 16 bytes of address space per column:
  byte 0 in the first word, bytes 1 to 4 and 5 to 8 in the next two (the first on top), a zero that stores the column.
* Bias memory: 4 bytes of address space per byte.
* TRAM: one for every processor, every 0x{device.tram.pitch:X} bytes; 4 bytes of address space per word of 16 bits."""


def _fifos() -> Iterator[str]:
    yield "## FIFOs"
    rows = ((Device.meanings()[name], getattr(CHIPS[0], name)) for name in ("fifo", "fast_fifo", "fast_fifo_spread"))
    yield _table(("both chips", "processors, HWC", "processors, CHW"),
                 [(what, _feeds(fifo.feeds(chw=False)), _feeds(fifo.feeds(chw=True))) for what, fifo in rows])


def _feeds(feeds: Feeds) -> str:
    return "; ".join(", ".join(map(str, fifo)) for fifo in feeds)


def _limits() -> Iterator[str]:
    yield "## Limits of a layer"
    yield LIMIT_HEAD
    for heading, limits in SECTIONS.items():
        yield f"### {heading}"
        yield _table(("", *PARTS, "source", "note"), [_limit_row(limit) for limit in limits])


def _limit_row(limit: Limit) -> tuple[str, ...]:
    return limit.what, *(limit.text(chip) for chip in CHIPS), ", ".join(limit.sources), limit.note


def _registers() -> Iterator[str]:
    yield "## Registers"
    yield REGISTER_HEAD
    names = dict.fromkeys(name for addresses in MAPS for name in addresses.registers)
    words = [name for name in names if _plain(name)]
    for name in names:
        if name not in words:
            yield from _register(name)
    yield "### Registers of one word"
    yield _table(("register", "", *PARTS, "meaning"), [_word_row(name) for name in words])


def _both(name: str) -> tuple[Register | None, ...]:
    return tuple(addresses.registers.get(name) for addresses in MAPS)


def _some(name: str) -> Register:
    return next(register for register in _both(name) if register)


def _plain(name: str) -> bool:
    only = _some(name).fields
    return len(only) == 1 and only[0].width == 32 and not only[0].open_ended


def _word_row(name: str) -> tuple[str, ...]:
    register = _some(name)
    return name, f"{register.title}; {SCOPES[register.scope]}", *_places(name), register.fields[0].meaning


def _places(name: str) -> tuple[str, ...]:
    return tuple(_place(addresses, name) for addresses in MAPS)


def _place(addresses: AddressMap, name: str) -> str:
    register = addresses.registers.get(name)
    if register is None:
        return "-"
    step = f" + 0x{register.pitch:X} x layer" if register.pitch else ""
    return f"0x{addresses.register(name):08X}{step}"


def _register(name: str) -> Iterator[str]:
    register = _some(name)
    guide = f" User guide: `{register.guide}`." if register.guide else ""
    places = "; ".join(f"{part}: {place}" for part, place in zip(PARTS, _places(name), strict=True) if place != "-")
    yield f"### {name}: {register.title}"
    yield f"{SCOPES[register.scope].capitalize()}. {places}.{guide}"
    yield _table(("field", *PARTS, "reset", "meaning"), _field_rows(_both(name)))


def _field_rows(both: Sequence[Register | None]) -> list[tuple[str, ...]]:
    rows: dict[tuple[str, str], list[Field | None]] = {}
    for chip, register in enumerate(both):
        for field in register.fields if register else ():
            rows.setdefault((field.name, field.meaning), [None] * len(both))[chip] = field
    return [_field_row(found) for found in sorted(rows.values(), key=_position)]


def _position(found: Sequence[Field | None]) -> tuple[int, int]:
    return min((field.lsb, chip) for chip, field in enumerate(found) if field)


def _field_row(found: Sequence[Field | None]) -> tuple[str, ...]:
    field = next(field for field in found if field)
    bits = (f"{one.bits}{'*' * one.open_ended}" if one else "" for one in found)
    codes = f" ({', '.join(f'{i}: {text}' for i, text in enumerate(field.values))})" if field.values else ""
    access = " (read only)" if field.read_only else ""
    return f"`{field.name}`", *bits, str(field.reset), f"{field.meaning}{codes}{access}"
