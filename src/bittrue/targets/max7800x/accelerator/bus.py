"""The accelerator on the bus: what every read and write does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..device import (
    ADDRESSES,
    BiasByte,
    DataWord,
    Device,
    KernelPart,
    Nothing,
    Place,
    RegisterAt,
    TramWord,
)
from .complaints import Complaint, Complaints, Kind
from .control import Control
from .engine import Engine, LayerRecord
from .fifo import FAST, Fifos
from .memories import ALL, Memories, Words
from .mlator import Mlator
from .packing import KernelPort
from .registers import ONCE, Registers
from .snoop import unknown_result

WORD = 4
PAGE = 0x1000
AON_OFFSET = 0x1000
BYTE = 0xFF
HALF = 0xFFFF
FAST_FIFO_BYTES = 0x18


class Accelerator:
    """The CNN accelerator of a chip, driven by bus accesses alone.

    All memories hold garbage, always the same, until somebody writes them. What silicon could not do is in
    `complaints`; nothing raises.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.found = Complaints()
        self.addresses = ADDRESSES[device.name]
        self.registers = Registers(self.addresses)
        self.memories = Memories.of(device)
        self.fifos = Fifos()
        self.engine = Engine(device, self.registers, self.memories, self.fifos, self.found)
        self._fifo_at = {self.addresses.register(name): number for name, number in FIFO_DATA.items()}
        self.kernels = KernelPort(device, self.memories.kernels, self.found)
        self.mlators = tuple(Mlator(device, self.memories.data, self.found, g) for g in range(device.groups))
        self.control = Control(device, self.registers, self.memories, self.engine, self.kernels, self.mlators,
                               self.found)

    @property
    def regions(self) -> tuple[tuple[int, int], ...]:
        """(first address, bytes) of everything that answers: FIFOs, groups, fast FIFO."""
        data = self.device.data
        extent = data.base + self.device.group_processors // self.device.shared * data.pitch
        size = -(-extent // PAGE) * PAGE
        return ((self.device.base, AON_OFFSET + PAGE),
                *((self.addresses.group(g), size) for g in range(self.device.groups)),
                (self.device.fast_fifo_base, FAST_FIFO_BYTES))

    @property
    def complaints(self) -> list[Complaint]:
        """What silicon could not have done, in order; at most 20 of a kind per layer."""
        return self.found.kept

    @property
    def data(self) -> Words:
        """The data memories: (instances, words)."""
        return self.memories.data.words

    @property
    def on_layer(self) -> Callable[[LayerRecord], None] | None:
        """Called after every layer."""
        return self.engine.on_layer

    @on_layer.setter
    def on_layer(self, call: Callable[[LayerRecord], None] | None) -> None:
        self.engine.on_layer = call

    @property
    def interrupt(self) -> bool:
        """The interrupt line."""
        return any(self.registers.fields("CTL", group)["cnn_irq"] for group in range(self.device.groups))

    def power(self, groups: int) -> None:
        """The power switches of the groups outside of the accelerator: bit n for group n. All are on at first."""
        self.control.supply(groups)

    def write(self, address: int, value: int, size: int = WORD) -> None:
        """One write of 1, 2 or 4 bytes."""
        if size == WORD and not address % WORD and self._write_quickly(address, value & ALL):
            return
        place = self.addresses.decode(address)
        if size == 1 and isinstance(place, KernelPart) and address % WORD == 1:
            self._set_position(place, address)
        elif size != WORD or address % WORD:
            self._write_narrow(place, address, value, size)
        else:
            self._write_word(place, address, value & ALL)

    def _write_quickly(self, address: int, value: int) -> bool:
        """Write what comes in great numbers, input data and packed kernels; False for anything else or out of order."""
        fifo = self._fifo_at.get(address)
        if fifo is not None:
            self.fifos.push(fifo, value)
            self.engine.pushed()
            return True
        group, inner = divmod(address - self.addresses.group(0), self.device.group_pitch)
        if not 0 <= group < self.device.groups or not self.control.ready(group):
            return False
        number, offset = divmod(inner - self.device.data.base, self.device.data.pitch)
        per_group = self.device.group_processors // self.device.shared
        if 0 <= number < per_group and offset < self.device.data.bytes:
            self.memories.data.words[group * per_group + number, offset // WORD] = value
            self.memories.data.known[group * per_group + number, offset // WORD] = ALL
            return True
        number, offset = divmod(inner - self.device.kernels.base, self.device.kernels.pitch)
        if 0 <= number < self.device.group_processors and self.control.packed[group]:
            return self.kernels.append(group * self.device.group_processors + number, offset, value)
        return False

    def _set_position(self, place: KernelPart, address: int) -> None:
        if not self._packs(place.processor):
            self.found.add(Kind.PACKING, f"processor {place.processor}: CTL.mexpress is off", address)
        self.kernels.set_position(place.processor, address - self.addresses.kernel(place.processor, 0))

    def _packs(self, processor: int) -> bool:
        return self.control.packed[processor // self.device.group_processors]

    def _write_narrow(self, place: Place, address: int, value: int, size: int) -> None:
        self.found.add(Kind.SIZE, f"write of {size} bytes", address)
        if isinstance(place, DataWord):
            shift, mask = 8 * (address % WORD), (1 << 8 * size) - 1
            old = int(self.data[place.instance, place.word])
            self.data[place.instance, place.word] = (old & ~(mask << shift) | (value & mask) << shift) & ALL
            self.memories.data.known[place.instance, place.word] |= np.uint32(mask << shift & ALL)

    def _write_word(self, place: Place, address: int, value: int) -> None:
        match place:
            case DataWord(instance, word):
                self._check_access(instance // (self.device.group_processors // self.device.shared), address)
                self.memories.data.words[instance, word] = value
                self.memories.data.known[instance, word] = ALL
            case KernelPart():
                self._write_kernel(place, address, value)
            case BiasByte(group, index):
                self._check_access(group, address)
                self.memories.bias.write(group, index, value & BYTE)
            case TramWord(processor, word):
                self._check_access(processor // self.device.group_processors, address)
                self.memories.tram.words[processor, word] = value & HALF
                self.memories.tram.known[processor, word] = True
            case RegisterAt():
                self._write_register(place, address, value)
            case Nothing():
                self.found.add(Kind.NOTHING, f"write of {value:#x}", address)

    def _write_kernel(self, place: KernelPart, address: int, value: int) -> None:
        self._check_access(place.processor // self.device.group_processors, address, kernels=True)
        if self._packs(place.processor):
            offset = address - self.addresses.kernel(place.processor, 0)
            self.kernels.write_packed(place.processor, offset, value.to_bytes(WORD, "big"))
        else:
            self.kernels.write_part(place.processor, place.column, place.part, value)

    def _check_access(self, group: int, address: int, kernels: bool = False) -> None:
        """Complain about memories that are off, asleep, or without a clock."""
        if not self.control.clocked[group]:
            self.found.add(Kind.CLOCK, f"access to a memory of group {group}", address)
        off = self.control.asleep[group] or not self.control.powered[group]
        if off or (kernels and self.control.kernels_asleep[group]):
            self.found.add(Kind.ASLEEP, f"access to a memory of group {group}", address)

    def _write_register(self, place: RegisterAt, address: int, value: int) -> None:
        register = place.register
        if register.scope not in ONCE and not self.control.powered[place.group]:
            self.found.add(Kind.ASLEEP, f"{place.name} of group {place.group}, which has no power", address)
            return
        if all(field.read_only for field in register.fields):
            self.found.add(Kind.READ_ONLY, f"{place.name}, value {value:#x}", address)
            return
        if register.unknown(value):
            self.found.add(Kind.UNKNOWN_BITS, f"{place.name}, bits {register.unknown(value):#x}", address)
        self.control.write(place, value)

    def read(self, address: int, size: int = WORD) -> int:
        """One read of 1, 2 or 4 bytes."""
        word = self._read_word(self.addresses.decode(address), address)
        if size == WORD and address % WORD == 0:
            return word
        return word >> 8 * (address % WORD) & (1 << 8 * size) - 1

    def _read_word(self, place: Place, address: int) -> int:
        match place:
            case DataWord(instance, word):
                known = bool(self.memories.data.known[instance, word])
                self._check_known(known, f"data memory instance {instance}, word {word}", address)
                return int(self.memories.data.words[instance, word])
            case KernelPart(processor, column, part):
                return self.kernels.read_part(processor, column, part)
            case BiasByte(group, index):
                known = bool(self.memories.bias.known[group, index])
                self._check_known(known, f"bias memory of group {group}", address)
                return int(self.memories.bias.content[group, index])
            case TramWord(processor, tram_word):
                known = bool(self.memories.tram.known[processor, tram_word])
                self._check_known(known, f"TRAM of processor {processor}", address)
                return int(self.memories.tram.words[processor, tram_word])
            case RegisterAt():
                return self._read_register(place)
            case Nothing():
                self.found.add(Kind.NOTHING, "read", address)
        return 0

    def _check_known(self, known: bool, what: str, address: int) -> None:
        if not known:
            self.found.add(Kind.UNWRITTEN_READ, what, address)

    def _read_register(self, place: RegisterAt) -> int:
        if place.name == "MLAT":
            return self.mlators[place.group].read()
        if place.name == "FIFO_STAT":
            return self._fifo_status(place)
        if place.name.startswith("SNP") and unknown_result(self.registers, place.name, place.group):
            self.found.add(Kind.NOT_MODELLED, f"{place.name}: what this mode of snooping counts")
        return self.registers.word(place.name, place.group, place.layer)

    def _fifo_status(self, place: RegisterAt) -> int:
        """FIFOs are never full: what software pushes is taken, or kept until a network wants it."""
        empty = sum(1 << n for n in range(FAST) if not self.fifos.queues[n])
        return place.register.pack(empty=empty, fifos_empty=int(bool(empty)), wptr_eq=1, rptr_eq=1)

    def write_block(self, addresses: npt.NDArray[np.uint32], values: npt.NDArray[np.uint32]) -> None:
        """Many 32-bit writes in order: the same as one after the other, but faster where they lie side by side."""
        starts = np.flatnonzero(np.diff(addresses.astype(np.int64)) != WORD) + 1
        for run in np.split(np.arange(len(addresses)), starts):
            if len(run):
                self._write_run(int(addresses[run[0]]), values[run[0]:run[-1] + 1])

    def _write_run(self, address: int, values: npt.NDArray[np.uint32]) -> None:
        """Write words side by side."""
        first, last = self.addresses.decode(address), self.addresses.decode(address + WORD * (len(values) - 1))
        match first, last:
            case DataWord(instance, word), DataWord(other, _) if instance == other:
                self._check_access(instance // (self.device.group_processors // self.device.shared), address)
                self.memories.data.words[instance, word:word + len(values)] = values
                self.memories.data.known[instance, word:word + len(values)] = ALL
            case KernelPart(processor), KernelPart(other) if processor == other and self._packs(processor):
                self._check_access(processor // self.device.group_processors, address, kernels=True)
                offset = address - self.addresses.kernel(processor, 0)
                self.kernels.write_packed(processor, offset, values.astype(">u4").tobytes())
            case _:
                for i, value in enumerate(values):
                    self.write(address + WORD * i, int(value))


FIFO_DATA = {**{f"FIFO_WR{n}": n for n in range(FAST)}, "FAST_DR": FAST}
"""Data registers of the FIFOs."""
