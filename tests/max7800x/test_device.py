"""Both chips' memories and features: the numbers that the manual prints."""

from __future__ import annotations

from dataclasses import fields

import pytest

from bittrue.targets.max7800x import placement
from bittrue.targets.max7800x.device import DEVICES, KERNEL_BYTES, MAX78000, MAX78002, Device

KIB = 1024


def test_the_chips_are_found_by_their_target() -> None:
    assert {name: chip.part for name, chip in DEVICES.items()} == {"max78000": "MAX78000", "max78002": "MAX78002"}


@pytest.mark.parametrize("chip", DEVICES.values(), ids=DEVICES)
def test_structure(chip: Device) -> None:
    assert (chip.processors, chip.groups, chip.group_processors, chip.shared) == (64, 4, 16, 4)
    assert (chip.processors, chip.group_processors, chip.shared) == (
        placement.PROCESSORS, placement.GROUP, placement.SHARED)
    assert chip.data_instances == 16
    assert chip.channels == 1024
    assert chip.streaming_layers == 8


@pytest.mark.parametrize(("chip", "instance", "data", "kernels", "bias", "tram"), [
    (MAX78000, 32 * KIB, 512 * KIB, 432 * KIB, 2 * KIB, 384 * KIB),
    (MAX78002, 80 * KIB, 1280 * KIB, 2340 * KIB, 8 * KIB, 1536 * KIB),
], ids=DEVICES)
def test_sizes_of_the_memories(chip: Device, instance: int, data: int, kernels: int, bias: int, tram: int) -> None:
    assert chip.data.bytes == instance
    assert chip.data_instances * chip.data.bytes == data
    assert sum(chip.kernels.columns(p) for p in range(64)) * KERNEL_BYTES == kernels
    assert chip.groups * chip.bias.bytes == bias
    assert 64 * chip.tram.words * 2 == tram


def test_kernel_memory_of_the_max78000() -> None:
    assert {MAX78000.kernels.columns(p) for p in range(64)} == {768}
    assert MAX78000.kernels.bounds(16) == (range(768),)
    assert (MAX78000.kernels.small, MAX78000.kernels.large) == (768, 768)


def test_kernel_memory_of_the_max78002() -> None:
    memory = MAX78002.kernels
    assert [p for p in range(64) if memory.columns(p) == 5120] == [0, 16, 32, 48]
    assert {memory.columns(p) for p in range(64)} == {4096, 5120}
    large = (range(1024), range(1024, 2048), range(2048, 3072), range(3072, 4096))
    small = (range(4096, 4352), range(4352, 4608), range(4608, 4864), range(4864, 5120))
    assert memory.bounds(17) == large
    assert memory.bounds(32) == large + small
    assert (memory.small, memory.large) == (4096, 5120)


def test_banks_of_the_data_memory() -> None:
    assert [MAX78002.data.bank(offset) for offset in (0, 0x3FFF, 0x4000, 0xFFFF, 0x13FFF)] == [0, 0, 1, 3, 4]
    assert MAX78000.data.bank(0x7FFF) == 0
    assert MAX78002.data.bank_bytes == 4096 * 4


def test_what_only_one_chip_has() -> None:
    flags = {f.name for f in fields(Device) if isinstance(getattr(MAX78000, f.name), bool)}
    only = {chip.name: {name for name in flags if getattr(chip, name)} for chip in DEVICES.values()}
    assert only["max78002"] - only["max78000"] >= {
        "depthwise", "kernel_bypass", "binary_weights", "calc_x4", "read_ahead", "link_layer", "snoop", "read_gaps",
        "unpadded_final_streaming", "average_pool_reset", "depthwise_in_one_instance"}
    assert only["max78000"] - only["max78002"] >= {
        "eltwise_conv_bias", "padded_multipass_conv1d", "streaming_passthrough", "emulates_multipass_eltwise",
        "flatten_bias_first"}


def test_clocks() -> None:
    assert [chip.clock_mhz for chip in DEVICES.values()] == [50, 200]


def test_every_field_says_what_it_means() -> None:
    assert list(Device.meanings()) == [f.name for f in fields(Device)]
    assert all(Device.meanings().values())


@pytest.mark.parametrize("chip", DEVICES.values(), ids=DEVICES)
def test_fifos(chip: Device) -> None:
    assert chip.fifo.processors(chw=False) == 0x000F_000F_000F_000F
    assert chip.fifo.processors(chw=True) == chip.fast_fifo_spread.processors(chw=False) == 0x0001_0001_0001_0001
    assert chip.fifo.feeds(chw=False)[2] == (32, 33, 34, 35)
    assert (chip.fast_fifo.processors(chw=False), chip.fast_fifo.processors(chw=True)) == (0xF, 1)
    assert [chip.fifo.channels(chw) for chw in (False, True)] == [16, 4]
