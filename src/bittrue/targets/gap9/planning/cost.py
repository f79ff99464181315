"""Cycles of kernel calls on the cluster: amounts of work times cycles of each kind of work.

The coefficients are fitted (least squares of relative errors, none negative) against calls of every kernel on the
simulated cluster, with random sizes, all kinds of requantization and all widths of weights, 200 to 300 calls a kernel.
The median error of a call is 1 to 3 %; the largest ones are calls of a few hundred cycles. `gap9.planning_measure` of
the tests measures, and prints the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..kernels import Kind
from .arrays import Amount, Values
from .work import WORK

COEFFICIENTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "conv": {"blocks_2": 80.3, "blocks_4": 68.6, "border": 33.7, "copy_bytes": 8.2, "copy_words": 1.3,
        "eight_words": 27.2, "eights": 125.6, "lines": 34.4, "misaligned_words": 5.3, "odd": 502.5, "one": 406.2,
        "pairs": 477.4, "put_divide": 1573.9, "put_general": 1573.9, "put_narrow": 55.9, "put_narrow_even": 124.8,
        "put_none": 0.0, "put_parts": 87.4, "put_split": 946.6, "put_wide": 119.1, "rest": 570.3, "single_words": 16.1,
        "singles": 47.2, "slow_words": 15.1, "words_2": 72.9, "words_4": 37.0},
    "pointwise": {"blocks_2": 47.5, "blocks_4": 31.5, "eight_words": 27.2, "eights": 0.0, "odd": 558.1, "one": 225.5,
        "pairs": 408.3, "put_divide": 1486.0, "put_general": 1486.0, "put_narrow": 103.1, "put_narrow_even": 192.0,
        "put_none": 64.6, "put_parts": 126.7, "put_split": 1019.4, "put_wide": 185.7, "rest": 554.8,
        "single_words": 13.0, "singles": 206.9, "slow_words": 13.6, "words_2": 72.4, "words_4": 36.0},
    "linear": {"blocks_2": 83.1, "blocks_4": 27.7, "eight_words": 26.6, "eights": 51.6, "misaligned_words": 2.0,
        "odd": 524.4, "one": 588.9, "pairs": 0.0, "put_divide": 1301.9, "put_general": 1301.9, "put_narrow": 100.7,
        "put_narrow_even": 158.4, "put_none": 0.0, "put_parts": 100.8, "put_split": 931.8, "put_wide": 159.7,
        "rest": 327.9, "row": 503.3, "row_eights": 192.8, "row_narrow_put_divide": 263.4,
        "row_narrow_put_general": 263.4, "row_narrow_put_narrow": 202.5, "row_narrow_put_narrow_even": 191.1,
        "row_narrow_put_none": 174.4, "row_narrow_put_parts": 209.3, "row_narrow_put_split": 208.2,
        "row_narrow_put_wide": 203.4, "row_put_divide": 91.3, "row_put_general": 91.3, "row_put_narrow": 8.4,
        "row_put_narrow_even": 13.4, "row_put_none": 0.0, "row_put_parts": 22.0, "row_put_split": 35.7,
        "row_put_wide": 21.7, "row_words": 16.9, "row_words_2": 70.5, "row_words_4": 33.8, "single_words": 14.1,
        "singles": 0.0, "slow_words": 15.4, "words_2": 75.4, "words_4": 38.5},
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
    "max_pool": {"last": 55.7, "last_taps": 23.8, "lines": 6.1, "one": 138.9, "runs": 208.5, "taps": 7.1,
        "words": 15.1},
    "avg_pool": {"any_last": 20.4, "any_lines": 10.8, "any_taps": 18.3, "last": 283.2, "last_taps": 32.3, "lines": 39.5,
        "one": 147.8, "put_divide": 433.9, "put_general": 433.9, "put_narrow": 323.1, "put_narrow_even": 338.5,
        "put_none": 244.3, "put_parts": 323.1, "put_split": 433.9, "put_wide": 338.5, "runs": 206.0, "taps": 5.2,
        "words": 10.2},
    "add": {"any_divide": 120.9, "any_general": 120.9, "any_narrow": 55.1, "any_narrow_even": 58.9, "any_none": 44.6,
        "any_parts": 66.7, "any_split": 78.1, "any_wide": 70.1, "bytes": 14.0, "one": 173.5, "runs": 280.8},
    "requantize": {"any_divide": 120.9, "any_general": 120.9, "any_narrow": 48.6, "any_narrow_even": 50.9,
        "any_none": 35.6, "any_parts": 60.5, "any_split": 68.5, "any_wide": 60.4, "byte": 14.2, "one": 218.1,
        "runs": 200.5, "word": 25.2},
    "pad": {"misaligned_words": 4.7, "one": 116.8, "pixel_bytes": 7.2, "pixel_words": 2.3, "pixels": 44.0, "rows": 89.7,
        "words": 1.8},
    "lookup": {"one": 62.7, "words": 32.1},
    "leaky_relu": {"elements_divide": 21.9, "elements_general": 21.9, "elements_narrow": 17.9,
        "elements_narrow_even": 21.9, "elements_none": 17.9, "elements_parts": 21.9, "elements_split": 21.9,
        "elements_wide": 21.9, "one": 195.5},
})
"""By kernel and kind of work (`work`)."""
STEP = 260
"""Cycles of a step around its kernel: two barriers, the steps' table, waits for transfers that are done."""


def cycles(kernel: str, kind: Kind, values: Values, cores: int) -> Amount:
    """Cycles of a call; an array where values are arrays."""
    table = COEFFICIENTS[kernel]
    return sum(table[name] * amount for name, amount in WORK[kernel](values, kind, cores).items())
