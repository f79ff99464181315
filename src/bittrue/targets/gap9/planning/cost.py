"""Cycles of kernel calls on the cluster: amounts of work times cycles of each kind of work.

The coefficients are fitted (least squares of relative errors, none negative) against calls of every kernel on the
simulated cluster, with random sizes, all kinds of requantization and all widths of weights, 200 to 300 calls a kernel.
The median error of a call is 1 to 4 %; the largest ones are calls of a few hundred cycles. `gap9.planning_measure` of
the tests measures, and prints the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..kernels import Kind
from .arrays import Amount, Values
from .work import WORK

COEFFICIENTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    # 283 calls, median error 3.1%
    "conv": {"blocks_2": 121.8, "blocks_4": 71.8, "border": 54.1, "copy_bytes": 0.8, "copy_words": 2.7,
        "eight_words": 26.5, "eights": 108.4, "kept_pairs": 0.0, "lines": 13.7, "misaligned_words": 1.7, "odd": 0.0,
        "one": 1308.7, "pairs": 98.1, "pieces": 499.3, "put_divide": 1230.8, "put_general": 1230.8, "put_narrow": 53.3,
        "put_narrow_even": 158.5, "put_none": 0.0, "put_parts": 89.0, "put_split": 1019.6, "put_wide": 123.1,
        "rest": 551.9, "single_words": 13.5, "singles": 71.3, "slow_words": 14.3, "words_2": 70.6, "words_4": 36.4},
    # 283 calls, median error 2.4%
    "pointwise": {"blocks_2": 100.1, "blocks_4": 95.8, "eight_words": 26.4, "eights": 115.7, "odd": 0.0, "one": 944.7,
        "pairs": 105.0, "pieces": 441.0, "put_divide": 1290.2, "put_general": 1290.2, "put_narrow": 44.9,
        "put_narrow_even": 158.4, "put_none": 0.3, "put_parts": 69.5, "put_split": 1009.2, "put_wide": 109.3,
        "rest": 451.6, "single_words": 14.5, "singles": 70.7, "slow_words": 13.5, "words_2": 72.8, "words_4": 35.8},
    # 300 calls, median error 3.2%
    "linear": {"blocks_2": 119.7, "blocks_4": 83.1, "eight_words": 26.3, "eights": 135.1, "misaligned_words": 2.1,
        "odd": 0.0, "one": 574.4, "pairs": 182.3, "pieces": 670.0, "put_divide": 1331.8, "put_general": 1331.8,
        "put_narrow": 37.5, "put_narrow_even": 153.0, "put_none": 0.0, "put_parts": 67.2, "put_split": 1077.6,
        "put_wide": 110.8, "rest": 312.9, "row": 375.4, "row_eight_words": 16.8, "row_four_words": 10.0,
        "row_pieces": 235.5, "row_put_divide": 102.2, "row_put_general": 102.2, "row_put_narrow": 24.4,
        "row_put_narrow_even": 23.8, "row_put_none": 41.3, "row_put_parts": 22.3, "row_put_split": 82.1,
        "row_put_wide": 26.1, "row_two_words": 5.4, "single_words": 12.3, "singles": 0.0, "slow_words": 14.1,
        "words_2": 77.2, "words_4": 38.0},
    # 299 calls, median error 4.0%
    "depthwise": {"any_divide": 126.7, "any_general": 126.7, "any_narrow": 31.9, "any_narrow_even": 69.4,
        "any_none": 58.7, "any_parts": 36.7, "any_split": 86.9, "any_wide": 57.3, "any_words": 15.3, "columns": 17.0,
        "fours_channels": 110.9, "fours_divide": 0.0, "fours_general": 0.0, "fours_narrow": 45.3,
        "fours_narrow_even": 0.0, "fours_none": 0.0, "fours_parts": 62.5, "fours_split": 0.0, "fours_wide": 88.6,
        "fours_words": 9.9, "lines": 308.5, "one": 1010.4, "one_channels": 0.0, "one_divide": 18.3, "one_general": 18.3,
        "one_narrow": 11.1, "one_narrow_even": 18.3, "one_none": 11.1, "one_parts": 12.6, "one_split": 18.3,
        "one_wide": 18.3, "partial_columns": 94.7, "thirds_divide": 35.9, "thirds_general": 35.9, "thirds_narrow": 17.7,
        "thirds_narrow_even": 35.9, "thirds_none": 17.7, "thirds_parts": 24.3, "thirds_split": 35.9,
        "thirds_wide": 35.9, "two_channels": 29.0, "two_divide": 33.6, "two_general": 33.6, "two_narrow": 17.8,
        "two_narrow_even": 33.6, "two_none": 17.8, "two_parts": 21.5, "two_split": 33.6, "two_wide": 33.6,
        "units": 416.4},
    # 300 calls, median error 2.9%
    "max_pool": {"last": 0.0, "last_lines": 26.8, "last_taps": 2.9, "one": 392.8, "passes": 71.3, "runs": 71.3,
        "words": 10.4},
    # 300 calls, median error 5.6%
    "avg_pool": {"any_lines": 0.0, "any_taps": 6.8, "fast_lines": 31.1, "fast_taps": 2.2, "last": 48.8,
        "last_taps": 17.6, "one": 442.6, "put_divide": 387.3, "put_general": 387.3, "put_narrow": 25.8,
        "put_narrow_even": 74.4, "put_none": 182.3, "put_parts": 57.2, "put_split": 387.3, "put_wide": 74.4,
        "runs": 174.5},
    # 209 calls, median error 1.9%
    "add": {"any": 278.4, "any_divide": 136.1, "any_general": 136.1, "any_narrow": 59.9, "any_narrow_even": 63.5,
        "any_none": 48.6, "any_parts": 72.3, "any_split": 80.5, "any_wide": 75.7, "flat_divide": 17.0,
        "flat_general": 17.0, "flat_narrow": 8.4, "flat_narrow_even": 17.0, "flat_none": 8.4, "flat_parts": 9.7,
        "flat_split": 17.0, "flat_wide": 17.0, "line_divide": 15.4, "line_general": 15.4, "line_narrow": 8.5,
        "line_narrow_even": 15.4, "line_none": 8.5, "line_parts": 10.3, "line_split": 15.4, "line_wide": 15.4,
        "lines": 113.8, "one": 581.5, "runs": 94.8},
    # 210 calls, median error 2.7%
    "requantize": {"any": 268.4, "any_divide": 103.6, "any_general": 103.6, "any_narrow": 103.6,
        "any_narrow_even": 49.7, "any_none": 36.1, "any_parts": 103.6, "any_split": 67.7, "any_wide": 103.6,
        "flat_divide": 14.0, "flat_general": 14.0, "flat_narrow": 5.8, "flat_narrow_even": 14.0, "flat_none": 5.8,
        "flat_parts": 7.8, "flat_split": 14.0, "flat_wide": 14.0, "line_divide": 13.6, "line_general": 13.6,
        "line_narrow": 6.1, "line_narrow_even": 13.6, "line_none": 6.1, "line_parts": 8.4, "line_split": 13.6,
        "line_wide": 13.6, "lines": 107.8, "one": 488.0, "runs": 72.2},
    # 300 calls, median error 3.3%
    "pad": {"misaligned_words": 3.8, "one": 163.1, "pixel_bytes": 2.0, "pixel_words": 2.2, "pixels": 47.9, "rows": 76.3,
        "words": 1.8},
    # 298 calls, median error 1.2%
    "lookup": {"one": 85.9, "words": 15.8},
    # 300 calls, median error 0.8%
    "leaky_relu": {"elements_divide": 22.0, "elements_general": 22.0, "elements_narrow": 10.0,
        "elements_narrow_even": 22.0, "elements_none": 10.0, "elements_parts": 22.0, "elements_split": 22.0,
        "elements_wide": 22.0, "one": 204.9},
})
"""By kernel and kind of work (`work`)."""
STEP = 260
"""Cycles of a step around its kernel: two barriers, the steps' table, waits for transfers that are done."""
WARM: Mapping[str, int] = MappingProxyType({
    "conv": 700, "pointwise": 650, "linear": 530, "depthwise": 350, "avg_pool": 180, "add": 170, "requantize": 80})
"""Cycles that a call takes less if the step before was the same kernel, as its instructions are in the caches: medians
over calls with random sizes, the second one of two."""


def next_cycles(kernel: str, first: Amount) -> Amount:
    """Cycles of a call behind one like it, from those of a call alone."""
    return np.maximum(first - WARM.get(kernel, 0), first / 2)


def cycles(kernel: str, kind: Kind, values: Values, cores: int) -> Amount:
    """Cycles of a call; an array where values are arrays."""
    table = COEFFICIENTS[kernel]
    return sum(table[name] * amount for name, amount in WORK[kernel](values, kind, cores).items())
