"""The device that models are written for, and the one choice of its arithmetic that training has to know."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadInput, declare, fail

declare({"BT5340": "there is no such device"})

ACTIVATION_BITS = DATA_BITS = BIAS_BITS = 8
FRACTION = 7
"""Binary places of data: an integer q means q / 2**FRACTION."""

LARGEST = 1 - 2.0**-FRACTION
"""The largest value of data; the smallest is -1."""

SHIFTS = (-15, 15)
"""Range of the shift that the hardware applies to a layer's sums: the programmed output shift plus 8 - weight bits."""


@dataclass(frozen=True)
class Device:
    """A device, with the names under which model files ask for its sizes.

    `round_avg` says that average pooling rounds (half away from zero) instead of dropping the fraction.
    """

    name: str
    device: int
    """ai8x's number: 85 for MAX78000, 87 for MAX78002."""
    WEIGHT_DEPTH: int
    """Kernels of 3x3 weights of 8 bits per processor."""
    round_avg: bool = False
    WEIGHT_INPUTS: int = 256
    WEIGHT_BITS: int = 8
    DATA_BITS: int = DATA_BITS
    ACTIVATION_BITS: int = ACTIVATION_BITS
    MAX_AVG_POOL: int = 16


DEVICES = (Device("MAX78000", 85, 768), Device("MAX78002", 87, 5120))

_state: dict[str, Device] = {"current": DEVICES[0]}


def current() -> Device:
    """The device that was set last; MAX78000 at first."""
    return _state["current"]


def set_device(device: str | int, simulate: bool = False, round_avg: bool = False, verbose: bool = True) -> Device:
    """Choose the device by name (`MAX78000`) or ai8x's number (85). `round_avg` holds for layers that are made
    afterwards. `simulate` and `verbose` are accepted for the sake of existing calls: whether a model computes in
    integers is a property of the model here (see `quantize`). Raises `BadInput` (BT5340).

    >>> set_device("max78002").WEIGHT_DEPTH, set_device(85).name
    (5120, 'MAX78000')
    """
    found = next((d for d in DEVICES if str(device).upper() in (d.name, str(d.device))), None)
    if found is None:
        fail(BadInput, "BT5340", f"device {device!r}", "it does not exist",
             f"use one of {', '.join(d.name for d in DEVICES)}")
    _state["current"] = Device(found.name, found.device, found.WEIGHT_DEPTH, bool(round_avg))
    return current()
