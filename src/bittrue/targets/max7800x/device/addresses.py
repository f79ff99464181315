"""Addresses of everything in the accelerator, and what lies at an address. All addresses are of bytes on the bus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from types import MappingProxyType

from .chips import DEVICES
from .device import Device
from .group_registers import FIFO_REGISTERS, GROUP_REGISTERS
from .layer_registers import LAYER_REGISTERS
from .places import BiasByte, DataWord, KernelPart, Nothing, Place, RegisterAt, TramWord
from .registers import Register, RegisterError, Scope

BUS = 4
"""Bytes of a bus word."""
COLUMN = 16
"""Bytes of address space for a column of kernel memory."""
SINGLE = (Scope.FIFO, Scope.FAST_FIFO)
"""Scopes of registers that exist once in the accelerator."""


class AddressError(ValueError):
    """A processor, offset, column, group or layer that does not exist."""


@dataclass(frozen=True)
class AddressMap:
    """The addresses of a chip; `decode` is the inverse of all others."""

    device: Device

    @cached_property
    def registers(self) -> Mapping[str, Register]:
        """Register by name."""
        name = self.device.name
        rows = chain(GROUP_REGISTERS[name], LAYER_REGISTERS[name], FIFO_REGISTERS)
        return MappingProxyType({register.name: register for register in rows})

    def register(self, name: str, group: int = 0, layer: int = 0) -> int:
        """Address of a register. Raises `RegisterError` for an unknown name, `AddressError` for a group or layer."""
        register = self.registers.get(name)
        if register is None:
            raise RegisterError(f"the {self.device.part} has no register {name}")
        _check("layer", layer, register.count)
        if register.scope in SINGLE:
            _check("group", group, 1)
        return self._base(register.scope, group) + register.offset + layer * register.pitch

    def _base(self, scope: Scope, group: int) -> int:
        if scope is Scope.FIFO:
            return self.device.base
        return self.device.fast_fifo_base if scope is Scope.FAST_FIFO else self.group(group)

    def group(self, group: int) -> int:
        """Address of a group's registers."""
        _check("group", group, self.device.groups)
        return self.device.base + self.device.group_base + group * self.device.group_pitch

    def data(self, processor: int, offset: int) -> int:
        """Address of a byte of the data memory instance that a processor reads, `offset` bytes from its start."""
        _check("offset", offset, self.device.data.bytes)
        group, inner = self._split(processor)
        return self.group(group) + self.device.data.base + inner // self.device.shared * self.device.data.pitch + offset

    def kernel(self, processor: int, column: int) -> int:
        """Address of a column of a processor's kernel memory."""
        return self._kernels(processor, column) + COLUMN * column

    def packed_kernel(self, processor: int, column: int) -> int:
        """Where packed writing (`CTL.mexpress`) of 9-byte columns to a processor's kernel memory starts."""
        return self._kernels(processor, column) + BUS * column

    def _kernels(self, processor: int, column: int) -> int:
        group, inner = self._split(processor)
        _check("column", column, self.device.kernels.columns(processor))
        return self.group(group) + self.device.kernels.base + inner * self.device.kernels.pitch

    def bias(self, group: int, index: int) -> int:
        """Address of a byte of a group's bias memory."""
        _check("bias", index, self.device.bias.bytes)
        return self.group(group) + self.device.bias.base + BUS * index

    def tram(self, processor: int, word: int) -> int:
        """Address of a word of a processor's TRAM."""
        _check("TRAM word", word, self.device.tram.words)
        group, inner = self._split(processor)
        return self.group(group) + self.device.tram.base + inner * self.device.tram.pitch + BUS * word

    def write_pointer(self, processor: int, offset: int) -> int:
        """The value of `WPTR_BASE.wptr_base` for a byte offset into the data memory instance of a processor."""
        _check("processor", processor, self.device.processors)
        _check("offset", offset, self.device.data.bytes)
        return processor // self.device.shared << self.device.pointer_word_bits | offset // BUS

    def _split(self, processor: int) -> tuple[int, int]:
        _check("processor", processor, self.device.processors)
        return divmod(processor, self.device.group_processors)

    def decode(self, address: int) -> Place:
        """What the bus word holds that contains this byte; `Nothing` for any other address."""
        word = address // BUS * BUS
        single = self._single.get(word)
        if single is not None:
            return single
        group, inner = divmod(word - self.device.base - self.device.group_base, self.device.group_pitch)
        if not 0 <= group < self.device.groups:
            return Nothing(address)
        found = self._in_group.get(inner)
        if found is not None:
            return RegisterAt(found[0], group, found[1])
        return self._memory(group, inner) or Nothing(address)

    @cached_property
    def _single(self) -> dict[int, RegisterAt]:
        return {self.register(name): RegisterAt(register)
                for name, register in self.registers.items() if register.scope in SINGLE}

    @cached_property
    def _in_group(self) -> dict[int, tuple[Register, int]]:
        return {register.offset + layer * register.pitch: (register, layer)
                for register in self.registers.values() if register.scope not in SINGLE
                for layer in range(register.count)}

    def _memory(self, group: int, inner: int) -> Place | None:
        decoders: tuple[Callable[[int, int], Place | None], ...] = (self._data, self._kernel, self._bias, self._tram)
        return next((place for decoder in decoders if (place := decoder(group, inner)) is not None), None)

    def _data(self, group: int, inner: int) -> Place | None:
        count = self.device.group_processors // self.device.shared
        found = _within(inner - self.device.data.base, self.device.data.pitch, count, self.device.data.bytes)
        return DataWord(group * count + found[0], found[1] // BUS) if found else None

    def _kernel(self, group: int, inner: int) -> Place | None:
        memory, count = self.device.kernels, self.device.group_processors
        found = _within(inner - memory.base, memory.pitch, count, COLUMN * memory.large)
        if found is None:
            return None
        processor, (column, byte) = group * count + found[0], divmod(found[1], COLUMN)
        return KernelPart(processor, column, byte // BUS) if column < memory.columns(processor) else None

    def _bias(self, group: int, inner: int) -> Place | None:
        size = BUS * self.device.bias.bytes
        found = _within(inner - self.device.bias.base, size, 1, size)
        return BiasByte(group, found[1] // BUS) if found else None

    def _tram(self, group: int, inner: int) -> Place | None:
        count = self.device.group_processors
        found = _within(inner - self.device.tram.base, self.device.tram.pitch, count, BUS * self.device.tram.words)
        return TramWord(group * count + found[0], found[1] // BUS) if found else None


def _within(offset: int, pitch: int, count: int, size: int) -> tuple[int, int] | None:
    """Index and offset in one of `count` blocks of `size` bytes, `pitch` bytes apart."""
    index, rest = divmod(offset, pitch)
    return (index, rest) if 0 <= index < count and rest < size else None


def _check(what: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        raise AddressError(f"{what} {value} does not exist: 0 to {count - 1}")


ADDRESSES: Mapping[str, AddressMap] = MappingProxyType({name: AddressMap(device) for name, device in DEVICES.items()})
"""Name of a target -> its addresses."""
