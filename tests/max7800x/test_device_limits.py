"""Limits: the manual's numbers, row by row."""

from __future__ import annotations

import pytest

from bittrue.targets.max7800x.device import ADDRESSES, DEVICES, LIMITS, MAX78000, MAX78002, Device
from bittrue.targets.max7800x.device.limits import SECTIONS

PRINTED = {
    "conv2d_kernel": ("1 or 3", "1 or 3"),
    "conv2d_pad": ("0 to 2", "0 to 2"),
    "conv2d_stride": ("1", "1"),
    "conv1d_kernel": ("1 to 9", "1 to 9"),
    "conv1d_pad": ("0 to 2", "0 to 2"),
    "conv1d_multipass_pad": ("0 to 2", "0"),
    "conv1d_dilation": ("1 to 1023", "1 to 2047"),
    "transpose_kernel": ("3", "3"),
    "transpose_stride": ("2", "2"),
    "transpose_output_pad": ("1", "1"),
    "pool_window": ("1 to 16", "1 to 16"),
    "pool_stride": ("1 to 16", "1 to 16"),
    "pool_dilation": ("1", "1 to 16"),
    "layers": ("1 to 32", "1 to 128"),
    "in_channels": ("1 to 1024", "1 to 1024"),
    "linear_outputs": ("1 to 1024", "1 to 1024"),
    "frame": ("1 to 2097151", "1 to 2097151"),
    "flatten_pixels": ("1 to 256", "1 to 256"),
    "flatten_inputs": ("1 to 16384", "1 to 16384"),
    "bias_channels": ("1 to 512", "1 to 1024"),
    "operands": ("2 to 16", "2 to 16"),
    "operands_pooled_last": ("2", "2"),
    "shift": ("-15 to 15", "-15 to 15"),
    "weight_bits": ("1, 2, 4 or 8", "1, 2, 4 or 8"),
    "output_width": ("8 or 32", "8 or 32"),
    "hwc_pixels": ("1 to 8192", "1 to 20480"),
    "chw_pixels": ("1 to 32768", "1 to 81920"),
    "kernel_columns": ("0 to 768", "0 to 5120"),
    "kernel_columns_small": ("0 to 768", "0 to 4096"),
    "streaming_layers": ("0 to 8", "0 to 8"),
    "fifo_channels_hwc": ("1 to 16", "1 to 16"),
    "fifo_channels_chw": ("1 to 4", "1 to 4"),
    "fast_fifo_channels_hwc": ("1 to 4", "1 to 4"),
    "fast_fifo_channels_chw": ("1", "1"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_what_the_manual_prints(name: str) -> None:
    assert (LIMITS[name].text(MAX78000), LIMITS[name].text(MAX78002)) == PRINTED[name]


@pytest.mark.parametrize("chip", DEVICES.values(), ids=DEVICES)
def test_dimensions_are_the_loaders_and_one_more_than_the_manuals(chip: Device) -> None:
    assert LIMITS["dim"].keeps(chip, chip.manual_dim + 1)
    assert not LIMITS["dim"].keeps(chip, chip.manual_dim + 2)


@pytest.mark.parametrize(("name", "inside", "outside"), [
    ("write_increment", 15, 16), ("stream_start", 16383, 16384), ("stream_row_step", 4095, 4096),
    ("rollover", 131071, 131072), ("stream_column_step", 31, 32), ("stream_tram", 4095, 4096),
    ("kernel_bits", 65535, 65536), ("padded_dim", 1024, 1025),
    ("conv1d_stretched", 8, 9), ("pool_reach", 15, 16), ("stream_passes", 15, 16)])
def test_edges_of_the_max78000(name: str, inside: int, outside: int) -> None:
    assert LIMITS[name].keeps(MAX78000, inside)
    assert not LIMITS[name].keeps(MAX78000, outside)


def test_limits_and_registers_agree() -> None:
    """A number that a register field holds directly has the field's range."""
    for name, chip in DEVICES.items():
        registers = ADDRESSES[name].registers
        for limit, register, field in (
                ("stream_start", "STREAM1", "strm_isval"), ("stream_column_step", "STREAM2", "strm_dsval1"),
                ("stream_row_step", "STREAM2", "strm_dsval2"), ("rollover", "FMAX", "fbuf_max"),
                ("fifo_frame", "IFRM", "ifrm_reg"), ("write_increment", "LCTL2", "wptr_inc"),
                ("stream_tram", "TPTR", "tptr_sad"), ("write_skip", "WPTR_CHOFFS", "wptr_choff")):
            assert LIMITS[limit].allowed(chip) == range(registers[register].by_name[field].limit + 1), limit


def test_every_limit_has_a_name_and_a_source() -> None:
    rows = [limit for section in SECTIONS.values() for limit in section]
    assert len({limit.name for limit in rows}) == len(rows) == len(LIMITS)
    assert all(limit.sources and limit.what for limit in rows)
    assert all(len(limit.allowed(chip)) for limit in rows for chip in DEVICES.values())
