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
    # 295 calls, median error 2.6%
    "conv": {"blocks_2": 79.1, "blocks_4": 53.7, "border": 46.5, "copy_bytes": 0.0, "copy_words": 1.8,
        "eight_words": 27.1, "eights": 99.2, "lines": 14.3, "misaligned_words": 5.0, "odd": 0.0, "one": 1017.5,
        "pairs": 526.9, "put_divide": 1229.8, "put_general": 1229.8, "put_narrow": 59.8, "put_narrow_even": 149.9,
        "put_none": 0.0, "put_parts": 85.5, "put_split": 923.9, "put_wide": 125.5, "rest": 474.1, "single_words": 14.4,
        "singles": 123.6, "slow_words": 14.6, "words_2": 71.7, "words_4": 36.7},
    # 283 calls, median error 2.1%
    "pointwise": {"blocks_2": 54.8, "blocks_4": 45.3, "eight_words": 26.6, "eights": 50.9, "odd": 0.0, "one": 986.2,
        "pairs": 324.2, "put_divide": 1224.8, "put_general": 1224.8, "put_narrow": 82.3, "put_narrow_even": 177.2,
        "put_none": 24.4, "put_parts": 103.1, "put_split": 953.0, "put_wide": 151.1, "rest": 416.1,
        "single_words": 14.2, "singles": 52.4, "slow_words": 13.7, "words_2": 72.2, "words_4": 35.9},
    # 300 calls, median error 3.4%
    "linear": {"blocks_2": 83.0, "blocks_4": 35.1, "eight_words": 26.2, "eights": 102.0, "misaligned_words": 2.4,
        "odd": 0.0, "one": 577.4, "pairs": 538.6, "put_divide": 1290.3, "put_general": 1290.3, "put_narrow": 68.8,
        "put_narrow_even": 169.0, "put_none": 0.0, "put_parts": 97.9, "put_split": 1024.9, "put_wide": 161.0,
        "rest": 316.2, "row": 341.3, "row_eight_words": 17.0, "row_four_words": 10.3, "row_pieces": 162.7,
        "row_put_divide": 115.0, "row_put_general": 115.0, "row_put_narrow": 34.9, "row_put_narrow_even": 34.5,
        "row_put_none": 44.8, "row_put_parts": 28.5, "row_put_split": 73.3, "row_put_wide": 42.2, "row_two_words": 5.8,
        "single_words": 11.9, "singles": 0.0, "slow_words": 14.5, "words_2": 75.3, "words_4": 37.9},
    # 299 calls, median error 3.8%
    "depthwise": {"any_divide": 127.8, "any_general": 127.8, "any_narrow": 32.8, "any_narrow_even": 68.2,
        "any_none": 57.5, "any_parts": 34.7, "any_split": 85.9, "any_wide": 54.5, "any_words": 15.3, "columns": 16.9,
        "fours_channels": 100.2, "fours_divide": 0.0, "fours_general": 0.0, "fours_narrow": 49.0,
        "fours_narrow_even": 0.0, "fours_none": 0.0, "fours_parts": 60.4, "fours_split": 0.0, "fours_wide": 83.8,
        "fours_words": 9.6, "lines": 229.8, "one": 1154.5, "one_channels": 0.0, "one_divide": 18.2, "one_general": 18.2,
        "one_narrow": 11.2, "one_narrow_even": 18.2, "one_none": 11.2, "one_parts": 12.7, "one_split": 18.2,
        "one_wide": 18.2, "partial_columns": 92.9, "thirds_divide": 33.7, "thirds_general": 33.7, "thirds_narrow": 17.9,
        "thirds_narrow_even": 33.7, "thirds_none": 17.9, "thirds_parts": 23.4, "thirds_split": 33.7,
        "thirds_wide": 33.7, "two_channels": 24.4, "two_divide": 33.7, "two_general": 33.7, "two_narrow": 17.5,
        "two_narrow_even": 33.7, "two_none": 17.5, "two_parts": 21.5, "two_split": 33.7, "two_wide": 33.7,
        "units": 418.8},
    # 300 calls, median error 3.2%
    "max_pool": {"last": 0.0, "last_lines": 31.4, "last_taps": 1.8, "one": 347.7, "passes": 73.4, "runs": 83.8,
        "words": 10.6},
    # 300 calls, median error 5.3%
    "avg_pool": {"any_lines": 0.0, "any_taps": 7.4, "fast_lines": 7.8, "fast_taps": 5.4, "last": 58.4,
        "last_taps": 16.9, "one": 355.7, "put_divide": 390.9, "put_general": 390.9, "put_narrow": 63.0,
        "put_narrow_even": 109.3, "put_none": 175.0, "put_parts": 89.2, "put_split": 390.9, "put_wide": 109.3,
        "runs": 200.1},
    # 209 calls, median error 1.4%
    "add": {"any": 260.4, "any_divide": 141.3, "any_general": 141.3, "any_narrow": 59.9, "any_narrow_even": 63.2,
        "any_none": 48.7, "any_parts": 72.2, "any_split": 80.5, "any_wide": 75.1, "flat_divide": 17.1,
        "flat_general": 17.1, "flat_narrow": 9.0, "flat_narrow_even": 17.1, "flat_none": 9.0, "flat_parts": 10.0,
        "flat_split": 17.1, "flat_wide": 17.1, "line_divide": 15.4, "line_general": 15.4, "line_narrow": 8.4,
        "line_narrow_even": 15.4, "line_none": 8.4, "line_parts": 10.2, "line_split": 15.4, "line_wide": 15.4,
        "lines": 112.6, "one": 493.7, "runs": 92.6},
    # 210 calls, median error 2.4%
    "requantize": {"any": 231.7, "any_divide": 105.2, "any_general": 105.2, "any_narrow": 105.2,
        "any_narrow_even": 49.8, "any_none": 36.1, "any_parts": 105.2, "any_split": 67.4, "any_wide": 105.2,
        "flat_divide": 14.3, "flat_general": 14.3, "flat_narrow": 6.5, "flat_narrow_even": 14.3, "flat_none": 6.5,
        "flat_parts": 8.5, "flat_split": 14.3, "flat_wide": 14.3, "line_divide": 13.4, "line_general": 13.4,
        "line_narrow": 6.0, "line_narrow_even": 13.4, "line_none": 6.0, "line_parts": 8.2, "line_split": 13.4,
        "line_wide": 13.4, "lines": 111.4, "one": 354.9, "runs": 72.6},
    # 300 calls, median error 3.2%
    "pad": {"misaligned_words": 3.6, "one": 163.8, "pixel_bytes": 2.3, "pixel_words": 2.3, "pixels": 47.0, "rows": 74.8,
        "words": 1.8},
    # 298 calls, median error 1.4%
    "lookup": {"one": 95.3, "words": 15.8},
    # 300 calls, median error 0.7%
    "leaky_relu": {"elements_divide": 22.0, "elements_general": 22.0, "elements_narrow": 10.0,
        "elements_narrow_even": 22.0, "elements_none": 10.0, "elements_parts": 22.0, "elements_split": 22.0,
        "elements_wide": 22.0, "one": 207.6},
})
"""By kernel and kind of work (`work`)."""
STEP = 260
"""Cycles of a step around its kernel: two barriers, the steps' table, waits for transfers that are done."""


def cycles(kernel: str, kind: Kind, values: Values, cores: int) -> Amount:
    """Cycles of a call; an array where values are arrays."""
    table = COEFFICIENTS[kernel]
    return sum(table[name] * amount for name, amount in WORK[kernel](values, kind, cores).items())
