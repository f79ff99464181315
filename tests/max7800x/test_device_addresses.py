"""Addresses: the manual's tables by hand, and decoding as the inverse of every address, for any address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import (
    ADDRESSES,
    AddressError,
    AddressMap,
    BiasByte,
    DataWord,
    KernelPart,
    Nothing,
    RegisterAt,
    RegisterError,
    Scope,
    TramWord,
)

OLD, NEW = ADDRESSES["max78000"], ADDRESSES["max78002"]
MAPS = st.sampled_from((OLD, NEW))
BOTH = pytest.mark.parametrize("addresses", [OLD, NEW], ids=ADDRESSES)


@pytest.mark.parametrize(("processor", "first", "last"), [
    (0, 0x50400000, 0x50407FFF), (7, 0x50408000, 0x5040FFFF), (12, 0x50418000, 0x5041FFFF),
    (16, 0x50800000, 0x50807FFF), (47, 0x50C18000, 0x50C1FFFF), (48, 0x51000000, 0x51007FFF),
    (63, 0x51018000, 0x5101FFFF)])
def test_data_memory_of_the_max78000(processor: int, first: int, last: int) -> None:
    assert (OLD.data(processor, 0), OLD.data(processor, 32767)) == (first, last)


@pytest.mark.parametrize(("processor", "first", "last"), [
    (0, 0x51800000, 0x51813FFF), (4, 0x51820000, 0x51833FFF), (15, 0x51860000, 0x51873FFF),
    (31, 0x52860000, 0x52873FFF), (32, 0x53800000, 0x53813FFF), (63, 0x54860000, 0x54873FFF)])
def test_data_memory_of_the_max78002(processor: int, first: int, last: int) -> None:
    assert (NEW.data(processor, 0), NEW.data(processor, 81919)) == (first, last)


@pytest.mark.parametrize(("addresses", "processor", "first", "last"), [
    (OLD, 0, 0x50180000, 0x50182FFF), (OLD, 1, 0x50184000, 0x50186FFF), (OLD, 15, 0x501BC000, 0x501BEFFF),
    (OLD, 16, 0x50580000, 0x50582FFF), (OLD, 34, 0x50988000, 0x5098AFFF), (OLD, 63, 0x50DBC000, 0x50DBEFFF),
    (NEW, 0, 0x51400000, 0x51413FFF), (NEW, 1, 0x51420000, 0x5142FFFF), (NEW, 15, 0x515E0000, 0x515EFFFF),
    (NEW, 16, 0x52400000, 0x52413FFF), (NEW, 49, 0x54420000, 0x5442FFFF), (NEW, 63, 0x545E0000, 0x545EFFFF)])
def test_kernel_memory(addresses: AddressMap, processor: int, first: int, last: int) -> None:
    columns = addresses.device.kernels.columns(processor)
    assert addresses.kernel(processor, 0) == first
    assert addresses.kernel(processor, columns - 1) + 15 == last


@pytest.mark.parametrize(("addresses", "processor", "first", "last"), [
    (OLD, 0, 0x50110000, 0x50112FFF), (OLD, 13, 0x50144000, 0x50146FFF), (OLD, 39, 0x5092C000, 0x5092EFFF),
    (OLD, 63, 0x50D4C000, 0x50D4EFFF), (NEW, 0, 0x51200000, 0x5120BFFF), (NEW, 21, 0x52250000, 0x5225BFFF),
    (NEW, 63, 0x542F0000, 0x542FBFFF)])
def test_tram(addresses: AddressMap, processor: int, first: int, last: int) -> None:
    assert addresses.tram(processor, 0) == first
    assert addresses.tram(processor, addresses.device.tram.words - 1) + 3 == last


@pytest.mark.parametrize(("addresses", "group", "first", "last"), [
    (OLD, 0, 0x50108000, 0x501087FF), (OLD, 3, 0x50D08000, 0x50D087FF),
    (NEW, 0, 0x51180000, 0x51181FFF), (NEW, 2, 0x53180000, 0x53181FFF)])
def test_bias_memory(addresses: AddressMap, group: int, first: int, last: int) -> None:
    assert addresses.bias(group, 0) == first
    assert addresses.bias(group, addresses.device.bias.bytes - 1) + 3 == last


@pytest.mark.parametrize(("name", "layer", "address"), [
    ("CTL", 0, 0x50500000), ("SRAM", 0, 0x50500004), ("LCNT_MAX", 0, 0x50500008), ("SRAM_TEST", 0, 0x5050000C),
    ("RCNT", 0, 0x50500010), ("RCNT", 21, 0x50500064), ("CCNT", 31, 0x5050010C), ("ONED", 0, 0x50500110),
    ("PRCNT", 0, 0x50500190), ("PCCNT", 0, 0x50500210), ("STRIDE", 0, 0x50500290), ("WPTR_BASE", 0, 0x50500310),
    ("WPTR_TOFFS", 0, 0x50500390), ("WPTR_MOFFS", 0, 0x50500410), ("WPTR_CHOFFS", 0, 0x50500490),
    ("RPTR_BASE", 0, 0x50500510), ("LCTL", 0, 0x50500590), ("MCNT", 0, 0x50500610), ("TPTR", 0, 0x50500690),
    ("ENA", 0, 0x50500710), ("POST", 31, 0x5050080C), ("STREAM1", 5, 0x50500824), ("STREAM2", 0, 0x50500890),
    ("FMAX", 7, 0x5050092C), ("IFRM", 0, 0x50500990), ("LCTL2", 0, 0x50500A10), ("LCTL2", 31, 0x50500A8C),
    ("MLAT", 0, 0x50501000)])
def test_registers_of_the_max78000(name: str, layer: int, address: int) -> None:
    """Group 1: the user guide's offsets behind 0x50500000."""
    assert OLD.register(name, 1, layer) == address


@pytest.mark.parametrize(("name", "layer", "address"), [
    ("CTL", 0, 0x54000000), ("NXTLYR", 0, 0x54100000), ("RCNT", 0, 0x54100004), ("CCNT", 3, 0x54100308),
    ("POST", 127, 0x54107F4C), ("STREAM1", 0, 0x54108000), ("STREAM2", 1, 0x54108024), ("FMAX", 7, 0x5410805C),
    ("IFRM", 0, 0x54108060), ("SNP1_A1", 0, 0x54108080), ("SNP2_AM", 0, 0x541080DC), ("MLAT", 0, 0x54110000)])
def test_registers_of_the_max78002(name: str, layer: int, address: int) -> None:
    assert NEW.register(name, 3, layer) == address


@BOTH
def test_fifos(addresses: AddressMap) -> None:
    names = ["FIFO_CTL", "FIFO_STAT", "FIFO_WR0", "FIFO_WR3", "AON_CTL", "FAST_CR", "FAST_DR"]
    assert [addresses.register(name) for name in names] == [
        0x50000000, 0x50000004, 0x50000008, 0x50000014, 0x50001000, 0x400C0400, 0x400C0410]


def test_packed_writing_starts_at_a_word_per_column() -> None:
    assert OLD.packed_kernel(17, 5) == 0x50584000 + 4 * 5
    assert NEW.packed_kernel(17, 4095) == 0x52420000 + 4 * 4095


def test_write_pointers_select_instance_and_word() -> None:
    assert OLD.write_pointer(5, 0x2000) == (1 << 13) + 0x800
    assert OLD.write_pointer(63, 0x7FFC) == (1 << 17) - 1
    assert NEW.write_pointer(5, 0x4000) == (1 << 15) + 0x1000
    assert NEW.write_pointer(63, 0) == 15 << 15


@given(st.data(), MAPS)
def test_data_addresses_decode_to_themselves(data: st.DataObject, addresses: AddressMap) -> None:
    processor = data.draw(st.integers(0, 63))
    offset = data.draw(st.integers(0, addresses.device.data.bytes - 1))
    assert addresses.decode(addresses.data(processor, offset)) == DataWord(processor // 4, offset // 4)


@given(st.data(), MAPS, st.integers(0, 15))
def test_kernel_addresses_decode_to_themselves(data: st.DataObject, addresses: AddressMap, byte: int) -> None:
    processor = data.draw(st.sampled_from((*range(64), 0, 16, 32, 48)))
    column = data.draw(st.integers(0, addresses.device.kernels.columns(processor) - 1))
    found = addresses.decode(addresses.kernel(processor, column) + byte)
    assert found == KernelPart(processor, column, byte // 4)


@given(st.data(), MAPS, st.integers(0, 3))
def test_bias_and_tram_addresses_decode_to_themselves(data: st.DataObject, addresses: AddressMap, byte: int) -> None:
    group, processor = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 63))
    index = data.draw(st.integers(0, addresses.device.bias.bytes - 1))
    word = data.draw(st.integers(0, addresses.device.tram.words - 1))
    assert addresses.decode(addresses.bias(group, index) + byte) == BiasByte(group, index)
    assert addresses.decode(addresses.tram(processor, word) + byte) == TramWord(processor, word)


@BOTH
def test_every_register_has_an_address_of_its_own(addresses: AddressMap) -> None:
    seen: dict[int, tuple[str, int, int]] = {}
    for name, register in addresses.registers.items():
        once = register.scope in (Scope.FIFO, Scope.FAST_FIFO)
        for group in range(1 if once else 4):
            for layer in range(register.count):
                address = addresses.register(name, group, layer)
                assert seen.setdefault(address, (name, group, layer)) == (name, group, layer)
                assert addresses.decode(address) == RegisterAt(register, group, layer)
    assert all(address % 4 == 0 for address in seen)


@given(MAPS, st.one_of(st.integers(0x50000000, 0x55000000), st.integers(-8, 1 << 32)))
def test_any_address_is_something_or_nothing(addresses: AddressMap, address: int) -> None:
    """What is found has the address that it was found at."""
    match addresses.decode(address):
        case DataWord(instance, word):
            back = addresses.data(4 * instance, 4 * word)
        case KernelPart(processor, column, part):
            back = addresses.kernel(processor, column) + 4 * part
        case BiasByte(group, index):
            back = addresses.bias(group, index)
        case TramWord(processor, word):
            back = addresses.tram(processor, word)
        case RegisterAt(register, group, layer):
            back = addresses.register(register.name, group, layer)
        case Nothing(at):
            assert at == address
            return
    assert back == address // 4 * 4


@pytest.mark.parametrize(("addresses", "address"), [
    (OLD, 0x50183000), (OLD, 0x50113000), (OLD, 0x50108800), (OLD, 0x51020000), (OLD, 0x50000018), (OLD, 0x50100830),
    (OLD, 0x51100000), (OLD, 0x400C0418), (OLD, 0), (NEW, 0x50100000), (NEW, 0x51814000), (NEW, 0x51430000),
    (NEW, 0x51414000), (NEW, 0x5120C000), (NEW, 0x51182000), (NEW, 0x51100050), (NEW, 0x51108064), (NEW, 0x55000000)])
def test_gaps_hold_nothing(addresses: AddressMap, address: int) -> None:
    assert addresses.decode(address) == Nothing(address)


@pytest.mark.parametrize("call", [
    lambda a: a.data(64, 0), lambda a: a.data(0, a.device.data.bytes), lambda a: a.data(0, -1),
    lambda a: a.kernel(1, a.device.kernels.small), lambda a: a.packed_kernel(0, a.device.kernels.large),
    lambda a: a.bias(4, 0), lambda a: a.bias(0, a.device.bias.bytes), lambda a: a.tram(0, a.device.tram.words),
    lambda a: a.register("RCNT", 4), lambda a: a.register("RCNT", 0, a.device.layers),
    lambda a: a.register("STREAM1", 0, 8), lambda a: a.register("CTL", 0, 1), lambda a: a.register("FIFO_CTL", 1),
    lambda a: a.write_pointer(64, 0)])
@BOTH
def test_what_does_not_exist_has_no_address(addresses: AddressMap, call: object) -> None:
    assert callable(call)
    with pytest.raises(AddressError, match="does not exist"):
        call(addresses)


def test_unknown_registers_are_named() -> None:
    with pytest.raises(RegisterError, match="MAX78000 has no register NXTLYR"):
        OLD.register("NXTLYR")
