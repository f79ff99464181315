"""Why a file of vectors may be wrong: the mistakes that flows of this kind are known to make, each tried on the file.

A cause is named only when it explains *every* value of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from math import isqrt, prod

import numpy as np

from ....ir import IntArray
from .kinds import NAMES, Place
from .layout import VectorFile
from .values import LayerValues

MOST_PLACES = 4096
"""No more blocks are computed to find out where a wrong one belongs."""


@dataclass(frozen=True, eq=False)
class Case:
    """A file with what it must hold and what it holds, as lines (text order) and as blocks (lane 0 first)."""

    file: VectorFile
    values: LayerValues
    expected: IntArray
    found: IntArray

    @property
    def blocks(self) -> Iterator[tuple[IntArray, IntArray]]:
        """Expected and found blocks."""
        return zip(self.file.to_blocks(self.expected), self.file.to_blocks(self.found), strict=True)


def likely_cause(file: VectorFile, values: LayerValues, expected: IntArray, found: IntArray) -> str | None:
    """The first known mistake that explains all of a file."""
    case = Case(file, values, expected, found)
    return next((cause for mistake in MISTAKES if (cause := mistake(case)) is not None), None)


def _transposed(case: Case) -> str | None:
    if case.file.kind.name != "weight" or not all(np.array_equal(want.T, got) for want, got in case.blocks):
        return None
    return "every tile is transposed: a line must be a column of the array (an output channel), a field a row (an " \
        "input channel)"


def _other_tile(case: Case) -> str | None:
    """The first wrong block is what belongs elsewhere."""
    kind = case.file.kind
    places = case.file.layer.places(kind, tuple(case.values.samples), False)
    if len(places) > MOST_PLACES or kind.name not in ("weight", "activation", "psum"):
        return None
    for place, (want, got) in zip(case.file.places, case.blocks, strict=True):
        if not np.array_equal(want, got):
            same = (p for p in places if np.array_equal(case.values.block(kind.name, p), got))
            return next((_wrong_tile(place, other) for other in same), None)
    return None


def _wrong_tile(place: Place, other: Place) -> str:
    """How the two places differ, and the usual reason."""
    varying = {dim: name for dim, name in NAMES.items() if getattr(other, dim, None) is not None}
    here, there = (", ".join(f"{name} {getattr(p, dim)}" for dim, name in varying.items()) for p in (place, other))
    return f"where {here} must stand, there is {there}; a tile's number is otile * (number of itiles) + itile"


def _lanes_reversed(case: Case) -> str | None:
    if not np.array_equal(case.expected[:, ::-1], case.found):
        return None
    return "the fields stand in the opposite order: set `lanes` in the template, or turn them round"


def _line_order(case: Case) -> str | None:
    """The lines run in another order of what varies."""
    file = case.file
    usual = tuple(dim for dim in file.style.lines if np.ptp(file.column(dim)))
    for lines in permutations(usual):
        other = replace(file, style=replace(file.style, lines=lines))
        if np.array_equal(other.to_lines(file.to_blocks(case.expected)), case.found):
            return f"the lines run in the order {', '.join(lines)} (slowest first), not {', '.join(usual)}: set " \
                "`lines` in the template, or write them in its order"
    return None


def _positions_transposed(case: Case) -> str | None:
    """The image is run through column by column."""
    sizes = {"nij": case.file.layer.padded, "out": case.file.layer.out}
    if case.file.kind.step not in sizes or case.file.kind.name == "acc":
        return None
    shape = sizes[case.file.kind.step]
    if not all(np.array_equal(want.reshape(*shape, -1).swapaxes(0, 1).reshape(want.shape), got)
               for want, got in case.blocks):
        return None
    return "the positions run down the columns of the image; they must run along its rows"


def _addresses_of_outputs(case: Case) -> str | None:
    """kij * (number of output positions) + output position."""
    height, width = case.file.layer.out
    if not _has_addresses(case, lambda ky, kx, oy, ox: oy * width + ox, height * width):
        return None
    return "the addresses count output positions, but partial sums are stored per padded position: kij * n_nij + " \
        "(oy * stride_y + ky * dilation_y) * padded_width + ox * stride_x + kx * dilation_x"


def _addresses_of_square(case: Case) -> str | None:
    """The padded width taken as the square root of the number of positions."""
    positions = prod(case.file.layer.padded)
    width = isqrt(positions)
    if not _has_addresses(case, lambda ky, kx, oy, ox: (oy + ky) * width + ox + kx, positions):
        return None
    return "the addresses take the padded image for a square, with a stride of 1; its width is not the root of " \
        "the number of positions"


def _has_addresses(case: Case, position: Callable[[int, int, IntArray, IntArray], IntArray], per_kernel: int) -> bool:
    """Whether all addresses are kij * per_kernel + position(ky, kx, oy, ox)."""
    if case.file.kind.name != "acc":
        return False
    oy, ox = np.divmod(np.arange(prod(case.file.layer.out)), case.file.layer.out[1])
    for place, (_, got) in zip(case.file.places, case.blocks, strict=True):
        ky, kx = divmod(place.kij or 0, case.file.layer.kernel[1])
        if not np.array_equal((place.kij or 0) * per_kernel + position(ky, kx, oy, ox), got[:, 0]):
            return False
    return True


def _rescaled(case: Case) -> str | None:
    """Every value is replaced by another one that depends on it alone."""
    if case.file.kind.name not in ("activation", "psum", "acc_out"):
        return None
    pairs = np.unique(np.stack([case.expected.ravel(), case.found.ravel()]), axis=1)
    often = (case.expected != case.found).sum() >= 2 * (pairs[0] != pairs[1]).sum()
    if not often or not _is_function(pairs):
        return None  # values that do not repeat prove nothing
    return f"every value is replaced by another: {_examples(pairs)}; the integers were recovered with the scale of " \
        "another bit width, or cut to fewer bits"


def _other_output_stage(case: Case) -> str | None:
    """Every output follows from its accumulator, but not as the output stage says."""
    if case.file.kind.name != "out":
        return None
    channels = []
    for place, (_, got) in zip(case.file.places, case.blocks, strict=True):
        sums = case.values.acc_out(place)
        channels += [np.unique(np.stack([sums[:, col], got[:, col]]), axis=1) for col in range(got.shape[1])]
    few = 8 * (case.expected != case.found).sum() < case.found.size
    if few or not all(map(_is_function, channels)):
        return None
    return "every output follows from its accumulator, but not as the output stage says: rounded after " \
        "dequantization, or with another slope"


def _is_function(pairs: IntArray) -> bool:
    """Whether distinct pairs (from, to), sorted, are a function that never falls or never rises."""
    steps = np.diff(pairs, axis=1)
    return bool((steps[0] > 0).all() and ((steps[1] >= 0).all() or (steps[1] <= 0).all()))


def _examples(pairs: IntArray) -> str:
    """Some values that change."""
    changed = pairs[:, pairs[0] != pairs[1]]
    picked = changed[:, np.unique(np.linspace(0, changed.shape[1] - 1, 4).astype(int))]
    return ", ".join(f"{before} is {after}" for before, after in picked.T)


MISTAKES: tuple[Callable[[Case], str | None], ...] = (
    _transposed, _other_tile, _lanes_reversed, _line_order, _positions_transposed, _addresses_of_outputs,
    _addresses_of_square, _rescaled, _other_output_stage,
)
"""In the order in which they are tried."""
