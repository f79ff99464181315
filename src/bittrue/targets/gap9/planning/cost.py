"""Cycles of kernel calls on the cluster: amounts of work times cycles of each kind of work.

The coefficients are fitted (least squares of relative errors, none negative) against calls of every kernel on the
simulated cluster, with random sizes, all kinds of requantization and all widths of weights, 80 to 240 calls a kernel.
The median error of a call is 1 to 3 %; the largest ones are calls of a few hundred cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..kernels import Kind
from .arrays import Amount, Values
from .work import WORK

COEFFICIENTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "conv": {"blocks_2": 62.8, "blocks_4": 4.4, "border": 21.7, "copy_bytes": 5.2, "copy_words": 1.8,
        "eight_words": 27.1, "lines": 48.2, "misaligned_words": 5.2, "odd": 540.1, "one": 594.4, "pairs": 393.2,
        "put_even": 227.1, "put_narrow": 113.9, "put_none": 78.1, "put_slow": 1136.4, "put_wide": 181.6, "rest": 540.9,
        "single_words": 13.1, "singles": 201.7, "slow_words": 14.0, "words_2": 71.6, "words_4": 37.1},
    "pointwise": {"blocks_2": 55.1, "blocks_4": 36.0, "eight_words": 26.5, "eights": 65.7, "odd": 601.3, "one": 255.4,
        "pairs": 424.2, "put_even": 176.1, "put_narrow": 88.1, "put_none": 26.6, "put_slow": 1084.3, "put_wide": 159.7,
        "rest": 570.0, "single_words": 14.8, "singles": 64.0, "slow_words": 14.6, "words_2": 74.2, "words_4": 36.9},
    "linear": {"blocks_2": 105.1, "blocks_4": 108.5, "eight_words": 26.1, "eights": 128.1, "misaligned_words": 2.2,
        "odd": 615.6, "one": 572.8, "pairs": 29.4, "put_even": 160.4, "put_narrow": 131.2, "put_none": 6.2,
        "put_slow": 1087.5, "put_wide": 147.5, "rest": 447.5, "row": 366.4, "row_eights": 420.6,
        "row_narrow_put_narrow": 247.6, "row_narrow_put_none": 202.8, "row_narrow_put_slow": 281.7,
        "row_narrow_put_wide": 307.8, "row_put_even": 8.8, "row_put_narrow": 10.6, "row_put_slow": 39.2,
        "row_put_wide": 19.2, "row_words": 17.0, "row_words_2": 60.8, "row_words_4": 31.5, "single_words": 14.4,
        "singles": 1.4, "slow_words": 14.9, "words_2": 74.7, "words_4": 37.8},
    "depthwise": {"any_columns": 6.0, "any_even": 70.7, "any_narrow": 65.7, "any_none": 51.6, "any_slow": 116.3,
        "any_wide": 73.0, "any_words": 9.6, "byte_columns": 151.5, "columns": 21.3, "fast_channels": 60.5,
        "fast_narrow": 15.8, "fast_wide": 22.9, "one": 571.4, "partial_columns": 80.5, "units": 614.5},
    "max_pool": {"last": 65.7, "last_taps": 24.6, "lines": 8.4, "one": 142.3, "runs": 221.6, "taps": 6.7,
        "words": 11.7},
    "avg_pool": {"any_last": 15.8, "any_lines": 19.3, "any_taps": 17.7, "last": 320.7, "last_taps": 32.2, "lines": 16.0,
        "one": 150.6, "put_none": 276.7, "put_slow": 573.2, "put_wide": 378.6, "runs": 222.4, "taps": 9.3,
        "words": 50.4},
    "add": {"any_even": 70.8, "any_narrow": 65.8, "any_slow": 85.1, "any_wide": 72.7, "bytes": 14.7, "one": 207.0,
        "runs": 301.2},
    "requantize": {"any_even": 72.8, "any_narrow": 68.5, "any_slow": 96.5, "any_wide": 71.2, "byte": 18.5, "one": 211.4,
        "runs": 88.4, "word": 27.6},
    "pad": {"misaligned_words": 4.4, "one": 118.1, "pixel_bytes": 6.5, "pixel_words": 2.4, "pixels": 43.7, "rows": 93.8,
        "words": 1.8},
    "lookup": {"one": 89.5, "words": 35.5},
    "leaky_relu": {"narrow": 10.0, "one": 109.9, "wide": 10.0},
})
"""By kernel and kind of work (`work`)."""
STEP = 260
"""Cycles of a step around its kernel: two barriers, the steps' table, waits for transfers that are done."""


def cycles(kernel: str, kind: Kind, values: Values, cores: int) -> Amount:
    """Cycles of a call; an array where values are arrays."""
    table = COEFFICIENTS[kernel]
    return sum(table.get(name, 0.0) * amount for name, amount in WORK[kernel](values, kind, cores).items())
