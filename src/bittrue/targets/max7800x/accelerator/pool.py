"""Pooling of windows, and element-wise operations on operands, as they come before the convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .fetch import Image
from .layer import LayerProgram
from .memories import Flags

Values = npt.NDArray[np.signedinteger]

OPERANDS, ELEMENTS = 2, -1
"""Axes of what `fetch` returns."""

LOW, HIGH = -128, 127


def pooled(program: LayerProgram, image: Image) -> Image:
    """The image that is convolved or written: (processors, passes, rows, columns), 8 bits unless results are wide."""
    if program.elementwise and not program.pool_first and program.pool != "none":
        return _pool(program, _combine(program, image))
    return _combine(program, _pool(program, image))


def _pool(program: LayerProgram, image: Image) -> Image:
    known = _all(image.known, ELEMENTS)
    if program.pool == "none" or image.values.shape[ELEMENTS] == 1:
        return Image(image.values[..., 0], known)
    if program.pool == "maximum":
        return Image(image.values.max(ELEMENTS), known)
    return Image(average(image.values, program.rounds).astype(np.int8), known)


def average(values: Values, rounds: bool) -> Values:
    """The mean over the last axis: towards zero, or to the nearest (half away from zero).

    >>> import numpy as np
    >>> average(np.array([[-1, -2], [1, 2]]), False), average(np.array([[-1, -2], [1, 2]]), True)
    (array([-1,  1]), array([-2,  2]))
    """
    sums, count = values.sum(ELEMENTS, dtype=np.int32), values.shape[ELEMENTS]
    sizes = (2 * np.abs(sums) + count) // (2 * count) if rounds else np.abs(sums) // count
    return np.asarray(np.sign(sums) * sizes, np.int64)


def _subtract(values: Values, axis: int) -> Values:
    first = values.take(0, axis).astype(np.int32)
    return np.asarray(2 * first - values.sum(axis, dtype=np.int32), np.int64)


OPERATIONS: Mapping[str, Callable[[Values, int], Values]] = MappingProxyType({
    "add": lambda values, axis: np.asarray(values.sum(axis, dtype=np.int32), np.int64),
    "sub": _subtract,
    "or": lambda values, axis: np.asarray(np.bitwise_or.reduce(values, axis), np.int64),
    "xor": lambda values, axis: np.asarray(np.bitwise_xor.reduce(values, axis), np.int64),
})
"""Operation -> all operands combined; the first minus all others for a subtraction."""


def _combine(program: LayerProgram, image: Image) -> Image:
    if not program.elementwise:
        return Image(image.values[:, :, 0], None if image.known is None else image.known[:, :, 0])
    combined = OPERATIONS[program.elementwise](image.values, OPERANDS)
    return Image(np.clip(combined, LOW, HIGH).astype(np.int8), _all(image.known, OPERANDS))


def _all(known: Flags | None, axis: int) -> Flags | None:
    return None if known is None else np.asarray(known.all(axis), np.bool_)
