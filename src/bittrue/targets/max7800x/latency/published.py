"""Times and energies of networks on the chips that others have measured and published, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

AN7664 = "Analog Devices, application note 7664 (Developing Power-Optimized Applications on the MAX78002)"
SDK = "MAX78000 SDK of June 2021, README of the example"
ISSUE = "MAX78000 SDK repository, issue 74"
KWS = "Ultra-Low Power Keyword Spotting at the Edge, arXiv:2111.04988, abstract"
BED = "BED: A Real-Time Object Detection System for Edge Devices, arXiv:2202.07503, abstract"
TINYISSIMO = "TinyissimoYOLO (2023), abstract"


@dataclass(frozen=True)
class Published:
    """One published figure."""

    network: str
    """Name that the source gives it."""
    chip: str
    phase: str
    value: float
    unit: str
    source: str
    conditions: str = ""
    """Clock and voltage, where the source names them."""


# Table 4 of the application note, core voltage 1 V: load weights (ms, µJ), load input (ms, µJ), load input and
# inference together (ms, µJ), inference alone, which the note calculates (ms, µJ). None: not given, behind a FIFO.
_Row = tuple[float | None, ...]

_TABLE_4: dict[str, _Row] = {
    "aisegment_unet": (19.9, 839, 7.8, 327, 16, 2931, 8.20, 2604),
    "camvid_unet": (20.1, 856, 7.8, 333, 16.4, 3055, 8.60, 2722),
    "cats-dogs": (4.1, 176, 4.6, 197, 8.5, 948, 3.90, 751),
    "cifar-10": (21.4, 911, 0.2775, 12, 1.6, 409, 1.32, 397),
    "cifar-100-effnet2": (53.8, 2229, 0.2776, 12, 11.9, 5977, 11.62, 5965),
    "cifar-100-mixed": (11.8, 498, 0.2779, 12, 1.2, 190, 0.92, 178),
    "cifar-100-mobilenet-v2-0.75": (96.6, 4134, 0.2777, 12, 14.4, 1369, 14.12, 1357),
    "cifar-100-residual": (27, 1153, 0.2779, 12, 1.3, 235, 1.02, 223),
    "cifar-100-simplewide2x-mixed": (22.1, 934, 0.2775, 12, 1.5, 277, 1.22, 265),
    "faceid": (12.4, 533, None, None, 7.4, 1271, None, None),
    "imagenet-effnet2": (120.6, 5146, 3.5, 149, 38.4, 14328, 34.90, 14179),
    "kws20_v2_1": (26.4, 1130, 1.1, 47, 1.6, 256, 0.50, 209),
    "kws20_v3_1": (10.9, 467, 1.1, 47, 1.5, 196, 0.40, 149),
    "mnist": (5, 212, 0.0527, 2, 0.467, 101, 0.41, 99),
    "mnist-riscv": (20.9, 931, 0.2038, 9, 0.6244, 110, 0.42, 101),
    "svhn_tinierssd": (23.6, 993, 1.5, 66, 5.9, 1075, 4.40, 1009),
}

_COLUMNS = tuple(product(("load weights", "load input", "load input and inference", "inference"), ("ms", "µJ")))

# Figures 6 to 9: milliseconds with the accelerator's clock from the PLL, by its MHz.
_LOADING = {
    ("cifar-100-mobilenet-v2-0.75", "load weights"): {200: 60.7, 100: 72.1, 50: 94.7, 25: 140.9, 12.5: 223.3},
    ("cifar-100-mobilenet-v2-0.75", "load input"): {200: 0.1693, 100: 0.2032, 50: 0.2683, 25: 0.409, 12.5: 0.6548},
    ("kws20_v3_1", "load weights"): {200: 6.9, 100: 8.2, 50: 10.7, 25: 16, 12.5: 25.3},
    ("kws20_v3_1", "load input"): {200: 0.6834, 100: 0.8193, 50: 1.1, 25: 1.6, 12.5: 2.6},
}

# Figures 10 and 11: milliseconds of the inference, by the accelerator's MHz; without the pipeline up to 30 MHz.
_INFERENCE = {
    "cifar-100-mobilenet-v2-0.75": {200: 3.53, 100: 7.10, 30: 20.53, 15: 41.09, 7.5: 82.10},
    "kws20_v3_1": {200: 0.42, 100: 0.78, 30: 2.30, 15: 4.70, 7.5: 9.30},
}

_SDK_US = {"mnist": 1410, "mnist-riscv": 1423, "cifar-10": 1712, "cifar-100": 2593, "kws20_v3": 1442,
           "cats-vs-dogs": 2549}
_ISSUE_US = {"cats-dogs": 12481, "faceid": 14001}

_PAPERS = (
    Published("keyword spotting, 12 classes", "max78000", "inference", 251, "µJ", KWS),
    Published("tiny object detection, 300 KB", "max78000", "inference", 91.9, "ms", BED),
    Published("tiny object detection, 300 KB", "max78000", "inference", 1845, "µJ", BED),
    Published("TinyissimoYOLO", "max78000", "inference", 196, "µJ", TINYISSIMO),
)


def _table_4() -> list[Published]:
    return [Published(network, "max78002", phase, value, unit, f"{AN7664}, table 4", "1 V")
            for network, row in _TABLE_4.items() for (phase, unit), value in zip(_COLUMNS, row, strict=True)
            if value is not None]


def _figures() -> list[Published]:
    loading = [Published(network, "max78002", phase, value, "ms", f"{AN7664}, figures 6 to 9", f"PLL, {mhz} MHz")
               for (network, phase), row in _LOADING.items() for mhz, value in row.items()]
    return loading + [
        Published(network, "max78002", "inference", value, "ms", f"{AN7664}, figures 10 and 11",
                  f"{'pipeline' if mhz >= 100 else 'no pipeline'}, {mhz} MHz")
        for network, row in _INFERENCE.items() for mhz, value in row.items()]


def _printed() -> list[Published]:
    return ([Published(network, "max78000", "inference", us, "µs", SDK, "50 MHz") for network, us in _SDK_US.items()]
            + [Published(network, "max78000", "load input and inference", us, "µs", ISSUE, "50 MHz, FIFO")
               for network, us in _ISSUE_US.items()])


PUBLISHED: tuple[Published, ...] = (*_table_4(), *_figures(), *_printed(), *_PAPERS)
"""All published figures."""
