"""Cycles of kernel calls on the cluster: amounts of work times cycles of each kind of work.

The coefficients are fitted (least squares of relative errors, none negative) against calls of every kernel on the
simulated cluster, with random sizes, all kinds of requantization and all widths of weights, 200 to 300 calls a kernel.
The median error of a call is 1 to 4 %; the largest ones are calls of a few hundred cycles. `gap9.planning_measure` of
the tests measures, and prints the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..kernels import Kind
from .arrays import Amount, Values
from .work import WORK

COEFFICIENTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "conv": {"blocks_2": 82.2, "blocks_4": 73.6, "border": 49.1, "copy_bytes": 1.2, "copy_words": 1.6,
        "eight_words": 27.0, "eights": 126.2, "lines": 29.7, "misaligned_words": 6.2, "odd": 8.5, "one": 361.5,
        "pairs": 546.8, "put_divide": 1546.6, "put_general": 1546.6, "put_narrow": 55.3, "put_narrow_even": 123.8,
        "put_none": 0.0, "put_parts": 75.6, "put_split": 963.5, "put_wide": 113.5, "rest": 479.6, "single_words": 14.9,
        "singles": 108.4, "slow_words": 15.0, "words_2": 72.1, "words_4": 37.2},
    "pointwise": {"blocks_2": 42.3, "blocks_4": 24.2, "eight_words": 26.9, "eights": 0.0, "odd": 0.0, "one": 378.3,
        "pairs": 305.1, "put_divide": 1250.2, "put_general": 1250.2, "put_narrow": 109.9, "put_narrow_even": 195.0,
        "put_none": 60.5, "put_parts": 130.7, "put_split": 1003.3, "put_wide": 175.9, "rest": 465.8,
        "single_words": 12.8, "singles": 166.4, "slow_words": 12.9, "words_2": 70.9, "words_4": 36.0},
    "linear": {"blocks_2": 51.5, "blocks_4": 23.3, "eight_words": 26.9, "eights": 24.6, "misaligned_words": 1.9,
        "odd": 0.0, "one": 151.7, "pairs": 485.7, "put_divide": 1532.6, "put_general": 1532.6, "put_narrow": 96.2,
        "put_narrow_even": 165.3, "put_none": 0.0, "put_parts": 106.7, "put_split": 952.2, "put_wide": 157.6,
        "rest": 601.3, "row": 188.1, "row_eight_words": 17.5, "row_four_words": 9.2, "row_pieces": 214.8,
        "row_put_divide": 106.1, "row_put_general": 106.1, "row_put_narrow": 17.5, "row_put_narrow_even": 40.8,
        "row_put_none": 27.7, "row_put_parts": 23.9, "row_put_split": 65.5, "row_put_wide": 28.3, "row_two_words": 4.9,
        "single_words": 13.5, "singles": 0.0, "slow_words": 16.0, "words_2": 74.6, "words_4": 37.7},
    "depthwise": {"any_divide": 133.1, "any_general": 133.1, "any_narrow": 33.1, "any_narrow_even": 68.6,
        "any_none": 58.6, "any_parts": 39.8, "any_split": 86.2, "any_wide": 56.6, "any_words": 15.5, "columns": 17.1,
        "fours_channels": 90.8, "fours_divide": 0.0, "fours_general": 0.0, "fours_narrow": 41.3,
        "fours_narrow_even": 0.0, "fours_none": 0.0, "fours_parts": 52.9, "fours_split": 0.0, "fours_wide": 77.2,
        "fours_words": 10.2, "lines": 139.6, "one": 757.3, "one_channels": 0.0, "one_divide": 18.6, "one_general": 18.6,
        "one_narrow": 11.6, "one_narrow_even": 18.6, "one_none": 11.6, "one_parts": 12.8, "one_split": 18.6,
        "one_wide": 18.6, "partial_columns": 96.8, "thirds_divide": 33.0, "thirds_general": 33.0, "thirds_narrow": 18.3,
        "thirds_narrow_even": 33.0, "thirds_none": 18.3, "thirds_parts": 22.0, "thirds_split": 33.0,
        "thirds_wide": 33.0, "two_channels": 17.1, "two_divide": 34.1, "two_general": 34.1, "two_narrow": 21.8,
        "two_narrow_even": 34.1, "two_none": 21.8, "two_parts": 22.3, "two_split": 34.1, "two_wide": 34.1,
        "units": 434.1},
    "max_pool": {"last": 0.0, "last_lines": 24.1, "last_taps": 3.5, "one": 349.9, "passes": 69.0, "runs": 82.4,
        "words": 10.4},
    "avg_pool": {"any_lines": 0.0, "any_taps": 6.3, "fast_lines": 14.5, "fast_taps": 4.5, "last": 57.6,
        "last_taps": 17.2, "one": 345.5, "put_divide": 434.4, "put_general": 434.4, "put_narrow": 49.4,
        "put_narrow_even": 95.8, "put_none": 182.3, "put_parts": 74.8, "put_split": 434.4, "put_wide": 95.8,
        "runs": 174.1},
    "add": {"any": 186.2, "any_divide": 144.6, "any_general": 144.6, "any_narrow": 60.1, "any_narrow_even": 63.4,
        "any_none": 48.8, "any_parts": 72.1, "any_split": 80.9, "any_wide": 75.0, "flat_divide": 16.2,
        "flat_general": 16.2, "flat_narrow": 8.1, "flat_narrow_even": 16.2, "flat_none": 8.1, "flat_parts": 10.0,
        "flat_split": 16.2, "flat_wide": 16.2, "line_divide": 15.1, "line_general": 15.1, "line_narrow": 8.0,
        "line_narrow_even": 15.1, "line_none": 8.0, "line_parts": 10.7, "line_split": 15.1, "line_wide": 15.1,
        "lines": 122.8, "one": 396.6, "runs": 101.8},
    "requantize": {"any": 178.1, "any_divide": 109.3, "any_general": 109.3, "any_narrow": 109.3,
        "any_narrow_even": 49.9, "any_none": 36.2, "any_parts": 109.3, "any_split": 67.3, "any_wide": 109.3,
        "flat_divide": 14.2, "flat_general": 14.2, "flat_narrow": 5.8, "flat_narrow_even": 14.2, "flat_none": 5.8,
        "flat_parts": 8.1, "flat_split": 14.2, "flat_wide": 14.2, "line_divide": 14.8, "line_general": 14.8,
        "line_narrow": 5.8, "line_narrow_even": 14.8, "line_none": 5.8, "line_parts": 8.1, "line_split": 14.8,
        "line_wide": 14.8, "lines": 116.8, "one": 349.7, "runs": 72.3},
    "pad": {"misaligned_words": 4.1, "one": 149.5, "pixel_bytes": 2.2, "pixel_words": 2.3, "pixels": 46.4, "rows": 76.1,
        "words": 1.9},
    "lookup": {"one": 84.2, "words": 15.8},
    "leaky_relu": {"elements_divide": 22.0, "elements_general": 22.0, "elements_narrow": 10.0,
        "elements_narrow_even": 22.0, "elements_none": 10.0, "elements_parts": 22.0, "elements_split": 22.0,
        "elements_wide": 22.0, "one": 194.7},
})
"""By kernel and kind of work (`work`)."""
STEP = 260
"""Cycles of a step around its kernel: two barriers, the steps' table, waits for transfers that are done."""


def cycles(kernel: str, kind: Kind, values: Values, cores: int) -> Amount:
    """Cycles of a call; an array where values are arrays."""
    table = COEFFICIENTS[kernel]
    return sum(table[name] * amount for name, amount in WORK[kernel](values, kind, cores).items())
