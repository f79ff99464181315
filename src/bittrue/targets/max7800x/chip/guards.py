"""Finds writes beyond arrays: everything between a program's variables is watched."""

from __future__ import annotations

from bisect import bisect_right

from ...elf_image import Image, Symbol
from .layout import GUARD
from .regions import SRAM

WORD = 4
END = "_end"


def guards(image: Image) -> list[tuple[int, int]]:
    """(First address, end) of the unused bytes between variables."""
    return [(address, image.symbols[name + END]) for name, address in image.symbols.items()
            if name.startswith(GUARD) and not name.endswith(END)]


def describe(image: Image, address: int, size: int) -> str:
    """What a write of `size` bytes into a guard overruns, in words."""
    variables = [symbol for symbol in image.objects if symbol.address >= SRAM]
    index = bisect_right(variables, address, key=lambda symbol: symbol.address)
    before = variables[index - 1] if index else None
    after = variables[index] if index < len(variables) else None
    if before is not None and (after is None or address - _end(before) <= after.address - address):
        return f"write beyond {_name(before)} by {address + size - _end(before)} bytes"
    if after is not None:
        return f"write {after.address - address} bytes before {_name(after)}"
    return f"write between variables, at 0x{address:08x}"


def _end(symbol: Symbol) -> int:
    return symbol.address + symbol.size


def _name(symbol: Symbol) -> str:
    words, rest = divmod(symbol.size, WORD)
    return f"{symbol.name} ({symbol.size} bytes)" if rest else f"{symbol.name}[] ({words} words)"
