"""Bus accesses of the accelerator model: memories, packed kernels, self test, power, and what it complains about."""

from __future__ import annotations

import numpy as np
import pytest

from bittrue.targets.max7800x.accelerator import MEANINGS, Accelerator, Complaint, Kind
from bittrue.targets.max7800x.device import DEVICES

from .chip_by_hand import Chip

BOTH = pytest.mark.parametrize("name", ["max78000", "max78002"])
COLUMNS = [bytes(range(16 * i, 16 * i + 9)) for i in range(5)]


def parts(column: bytes) -> list[int]:
    """The four bus words of a column."""
    return [column[0], int.from_bytes(column[1:5], "big"), int.from_bytes(column[5:9], "big"), 0]


def columns(chip: Chip, processor: int, first: int) -> list[list[int]]:
    """Kernel memory as software reads it."""
    address = chip.addresses.kernel(processor, first)
    return [[chip.bus.read(address + 16 * i + 4 * part) for part in range(4)] for i in range(len(COLUMNS))]


@BOTH
@pytest.mark.parametrize("block", [False, True])
def test_packed_and_column_writing_give_the_same(name: str, block: bool) -> None:
    chip = Chip(name)
    chip.reg("CTL", 1, clk_en=1, mexpress=1)
    packed = b"".join(COLUMNS) + bytes(3)
    words = np.frombuffer(packed, ">u4").astype(np.uint32)
    first = chip.addresses.packed_kernel(17, 12)
    addresses = np.arange(len(words), dtype=np.uint32) * 4 + first
    chip.bus.write(first | 1, 1, 1)
    if block:
        chip.bus.write_block(addresses, words)
    else:
        for address, value in zip(addresses.tolist(), words.tolist(), strict=True):
            chip.bus.write(address, value)
    chip.reg("CTL", 1, clk_en=1)
    for i, column in enumerate(COLUMNS):
        for part, value in enumerate(parts(column)):
            chip.bus.write(chip.addresses.kernel(18, 12 + i) + 4 * part, value)
    assert columns(chip, 17, 12) == columns(chip, 18, 12) == [parts(column) for column in COLUMNS]
    assert chip.bus.complaints == []


def test_packed_writing_starts_again_at_a_new_column() -> None:
    chip = Chip()
    chip.boot()
    chip.kernels(3, range(9), column=4)
    chip.kernels(3, range(9, 18), column=40)
    assert chip.bus.read(chip.addresses.kernel(3, 4)) == 8
    assert chip.bus.read(chip.addresses.kernel(3, 40)) == 17
    assert chip.bus.complaints == []


@BOTH
def test_blocks_are_single_writes(name: str) -> None:
    """Data, bias and TRAM in one block, out of order."""
    one, many = Chip(name), Chip(name)
    at = one.addresses
    addresses = [at.data(4, 8 * i) for i in range(5)] + [at.data(20, 4 * i) for i in range(6)] + [at.bias(0, 3),
                 at.bias(0, 4), at.tram(9, 7)]
    values = [0x01020304 * (i + 1) & 0xFFFFFFFF for i in range(len(addresses))]
    for chip in (one, many):
        chip.boot((0, 1))
    for address, value in zip(addresses, values, strict=True):
        one.bus.write(address, value)
    many.bus.write_block(np.array(addresses, np.uint32), np.array(values, np.uint32))
    assert [one.bus.read(a) for a in addresses] == [many.bus.read(a) for a in addresses]
    assert one.bus.read(at.data(20, 8)) == values[7]
    assert one.bus.read(at.bias(0, 3)) == values[11] & 0xFF
    assert (one.bus.data == many.bus.data).all()
    assert one.bus.complaints == many.bus.complaints == []


@BOTH
def test_regions_cover_every_address(name: str) -> None:
    chip = Chip(name)
    at, device = chip.addresses, chip.device
    addresses = [at.register(n, layer=r.count - 1) for n, r in at.registers.items()]
    addresses += [at.data(63, device.data.bytes - 4), at.kernel(63, device.kernels.columns(63) - 1) + 12,
                  at.bias(3, device.bias.bytes - 1), at.tram(63, device.tram.words - 1)]
    for address in addresses:
        assert any(first <= address < first + size for first, size in chip.bus.regions)


@BOTH
def test_self_test_clears_memories_and_says_so(name: str) -> None:
    chip = Chip(name)
    chip.reg("CTL", 0, clk_en=1)
    chip.reg("SRAM_TEST", sbistrun=1)
    status = chip.read("SRAM_TEST")
    assert (status["sallbdone"], status["bistdone"], status["sallbfail"]) == (1, 1, 0)
    chip.reg("SRAM_TEST", mramz=1)
    assert chip.read("SRAM_TEST")["mallzdone"] == chip.read("SRAM_TEST")["zerodone"] == 1
    chip.reg("SRAM_TEST")
    assert chip.read("SRAM_TEST")["sallbdone"] == 0
    assert chip.bus.read(chip.addresses.data(15, 4 * 77)) == 0
    assert chip.bus.read(chip.addresses.kernel(15, 3) + 4) == 0
    assert chip.bus.complaints == []


def test_register_clear_of_the_max78002() -> None:
    chip = Chip("max78002")
    chip.reg("CTL", 0, clk_en=1)
    chip.reg("RCNT", 0, 3, rcnt_stop=9)
    chip.bias(0, [5])
    chip.reg("SRAM_TEST", bistsel=0x18, bramz=1)
    assert (chip.read("RCNT", 0, 3)["rcnt_stop"], chip.bus.read(chip.addresses.bias(0, 0))) == (0, 5)
    chip.reg("SRAM_TEST")
    chip.reg("SRAM_TEST", bistsel=0x1C, bramz=1)
    assert chip.bus.read(chip.addresses.bias(0, 0)) == 0
    assert chip.read("CTL")["clk_en"] == 1


def test_power_down_loses_kernels_sleep_does_not() -> None:
    chip = Chip()
    chip.boot()
    chip.kernels(0, range(9))
    chip.reg("AON_CTL", dsleep=1)
    chip.reg("AON_CTL")
    assert chip.bus.read(chip.addresses.kernel(0, 0)) == 8
    assert chip.bus.complaints == []
    chip.reg("AON_CTL", pd=1)
    chip.reg("AON_CTL")
    chip.bus.read(chip.addresses.kernel(0, 0))
    assert chip.kinds() == {Kind.UNWRITTEN_READ}


def test_groups_without_power_lose_everything() -> None:
    chip = Chip()
    chip.boot((0, 1))
    for group in (0, 1):
        chip.data(16 * group, [5])
        chip.kernels(16 * group, range(9))
        chip.reg("RCNT", group, rcnt_max=4)
    chip.bus.power(0b1101)
    chip.data(16, [6])
    chip.reg("RCNT", 1, rcnt_max=4)
    assert chip.kinds() == {Kind.ASLEEP, Kind.CLOCK}
    chip.bus.power(0b1111)
    assert chip.read("RCNT", 1)["rcnt_max"] == 0
    assert chip.read("CTL", 1) == chip.addresses.registers["CTL"].unpack(chip.addresses.registers["CTL"].reset)
    assert (chip.bus.read(chip.addresses.data(0, 0)), chip.bus.read(chip.addresses.kernel(0, 0))) == (5, 8)
    before = len(chip.bus.complaints)
    chip.bus.read(chip.addresses.kernel(16, 0))
    assert [c.kind for c in chip.bus.complaints[before:]] == [Kind.UNWRITTEN_READ]


def provoke(kind: Kind) -> Chip:
    """A chip on which one wrong access was made."""
    chip = Chip()
    at = chip.addresses
    chip.boot()
    wrong = {
        Kind.NOTHING: lambda: chip.bus.write(at.group(0) + 0x2000, 1),
        Kind.READ_ONLY: lambda: chip.bus.write(at.register("MLAT"), 1),
        Kind.UNKNOWN_BITS: lambda: chip.bus.write(at.register("RCNT"), 1 << 31),
        Kind.SIZE: lambda: chip.bus.write(at.data(0, 0), 1, 2),
        Kind.CLOCK: lambda: chip.bus.write(at.data(16, 0), 1),
        Kind.ASLEEP: lambda: (chip.reg("SRAM", ds=1), chip.bus.write(at.data(0, 0), 1)),
        Kind.UNWRITTEN_READ: lambda: [chip.bus.read(a) for a in (at.data(0, 4), at.bias(0, 1), at.tram(0, 1))],
        Kind.PACKING: lambda: chip.bus.write(at.kernel(5, 0), 1),
        Kind.MLAT: lambda: chip.bus.read(at.register("MLAT")),
        Kind.KERNEL_RANGE: lambda: (chip.kernels(0, range(18), column=767), chip.bus.read(at.kernel(0, 767))),
    }
    wrong[kind]()
    return chip


@pytest.mark.parametrize("kind", [Kind.NOTHING, Kind.READ_ONLY, Kind.UNKNOWN_BITS, Kind.SIZE, Kind.CLOCK, Kind.ASLEEP,
                                  Kind.UNWRITTEN_READ, Kind.PACKING, Kind.MLAT, Kind.KERNEL_RANGE])
def test_wrong_accesses(kind: Kind) -> None:
    assert provoke(kind).kinds() == {kind}


def test_every_kind_has_a_meaning_and_a_code_of_its_own() -> None:
    assert set(MEANINGS) == set(Kind)
    assert len({kind.value for kind in Kind}) == len(Kind)
    assert str(Complaint(Kind.NOTHING, "read", 3, 0x50100000)) == "BT5420 layer 3 at 0x50100000: read"


def test_complaints_of_one_kind_are_counted_but_not_all_kept() -> None:
    chip = Chip()
    for _ in range(50):
        chip.bus.read(chip.addresses.group(0) + 0x2000)
    assert (len(chip.bus.complaints), chip.bus.found.counts[Kind.NOTHING]) == (20, 50)


def test_memories_hold_the_same_garbage_after_every_power_up() -> None:
    one, two = (Accelerator(DEVICES["max78000"]) for _ in range(2))
    assert (one.data == two.data).all()
    assert len(np.unique(one.data)) > 1000


def test_bytes_are_read_from_words() -> None:
    chip = Chip()
    chip.boot()
    chip.data(0, [0x44332211])
    address = chip.addresses.data(0, 0)
    assert [chip.bus.read(address + i, 1) for i in range(4)] == [0x11, 0x22, 0x33, 0x44]
    assert chip.bus.read(address + 2, 2) == 0x4433
