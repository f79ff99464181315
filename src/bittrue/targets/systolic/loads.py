"""The memory images of one sample: the tensors that the host loads, first of all the network's input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...engine.base import Trace
from ...ir import IntArray
from .images import hex_lines, packed_digits
from .memory import Lanes, Load
from .plan import SystolicPlan
from .program import ADDRESS, SIZE

FILE = "load.hex"
HEADER = f"// addr:{ADDRESS} lane:{SIZE} count:{SIZE} data, highest lane first\n".encode()


def load_files(plan: SystolicPlan, trace: Trace, image: int) -> Iterator[bytes]:
    """One file per layer that waits for the host, in order."""
    lanes = plan.geometry.lanes
    for layer in plan.layers:
        if layer.loads:
            yield HEADER + b"".join(_load(load, lanes, trace, image) for load in layer.loads)


def _load(load: Load, lanes: Lanes, trace: Trace, image: int) -> bytes:
    values = load.source.values(trace[load.source.tensor][image:image + 1])[0]
    flat = _by_lane(values.reshape(len(values), -1), load.place.width, lanes)
    return b"".join(_words(load, lanes, flat))


def _by_lane(channels: IntArray, width: int, lanes: Lanes) -> IntArray:
    """Values (C, positions) as what every lane holds: (C * width, positions), low parts first."""
    shifts = np.arange(width)[:, np.newaxis] * lanes.bits
    parts: IntArray = channels[:, np.newaxis] >> shifts & (1 << lanes.bits) - 1
    return parts.reshape(-1, channels.shape[1])


def _words(load: Load, lanes: Lanes, flat: IntArray) -> Iterator[bytes]:
    """One line per plane and position."""
    place, positions, done = load.place, flat.shape[1], 0
    addr, lane = place.addr, place.lane
    while done < len(flat):
        count = min(lanes.count - lane, len(flat) - done)
        data = np.zeros((positions, lanes.count), np.int64)
        data[:, :count] = flat[done:done + count].T
        fields = ((addr + np.arange(positions), ADDRESS), (np.full(positions, lane), SIZE),
                  (np.full(positions, count), SIZE), (data, lanes.bits))
        yield hex_lines(np.concatenate([packed_digits(values, bits, FILE) for values, bits in fields], axis=1))
        done, addr, lane = done + count, addr + place.plane, 0
