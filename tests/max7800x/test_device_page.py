"""The generated page of both chips."""

from __future__ import annotations

from pathlib import Path

from bittrue.report.max7800x_device import device_page
from bittrue.targets.max7800x.device import ADDRESSES, LIMITS, Device

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "max7800x-device.md").read_text(encoding="utf-8") == device_page(), "run: make docs"


def test_the_page_holds_every_register_field_limit_and_meaning() -> None:
    page = device_page()
    for addresses in ADDRESSES.values():
        for name, register in addresses.registers.items():
            assert f"### {name}: {register.title}" in page or f"| {name} | {register.title}" in page
            assert all(field.meaning in page for field in register.fields)
    assert all(limit.what in page for limit in LIMITS.values())
    assert "| `depthwise` | convolution groups equal to the channels | no | yes |" in page
    records = {"data", "kernels", "bias", "tram", "fifo", "fast_fifo", "fast_fifo_spread"}
    assert all(f"| `{name}` |" in page for name in Device.meanings() if name not in records)
    feeds = "0, 1, 2, 3; 16, 17, 18, 19; 32, 33, 34, 35; 48, 49, 50, 51"
    assert f"| what the FIFOs feed | {feeds} | 0; 16; 32; 48 |" in page


def test_a_field_of_both_chips_is_one_row() -> None:
    rows = device_page().splitlines()
    assert "| `tptr_sad` | 27:16 | 29:16 | 0 | first word: behind the streaming layers in front; flattening: " \
           "passes x pixels - 1 |" in rows
    assert "| `rcnt_pad` | 17:16 |  | 0 | rows of padding above and below |" in rows
    assert "| `rcnt_pad` |  | 14:13 | 0 | rows of padding above and below, minus 1 |" in rows
