"""What the busiest core does in one call of a kernel, as amounts of a few kinds of work.

Every kernel splits its work in equal shares over the cores (`bt_share_of`); the amounts follow from the loops of its C
file. `cost` has the cycles of each kind. Values may be arrays of the same shape: one element for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from ..kernels import Columns, Kind, pairs_at_once, row_bytes
from .arrays import Amount, Values, ceil_div

Work = dict[str, Amount]
KINDS: Mapping[Kind, str] = MappingProxyType({kind: kind.name.lower() for kind in Kind})
"""Requantizations by what they cost."""
FAST = (Kind.NARROW, Kind.PARTS, Kind.WIDE)


def _shares(units: Amount, blocks: Amount, cores: int, room: Amount) -> tuple[Amount, Amount, Amount, Amount]:
    """Most blocks, pairs of rows, pairs of whole blocks and pieces (up to `room` pairs at once) that one core does."""
    units, blocks = np.broadcast_arrays(np.asarray(units), np.asarray(blocks))
    chunk = ceil_div(units, cores)
    core = np.arange(cores).reshape(-1, *[1] * units.ndim)
    begin = np.minimum(core * chunk, units)
    count = np.minimum(begin + chunk, units) - begin
    into = begin % blocks
    first = np.where(into == 0, 0, np.minimum(count, blocks - into))
    whole = (count - first) // blocks
    last = count - first - whole * blocks
    pairs = (first > 0) * 1 + whole + (last > 0)
    eights = first // 2 + whole * (blocks // 2) + last // 2
    pieces = (first > 0) * 1 + ceil_div(whole, room) + (last > 0)
    return count.max(0), pairs.max(0), eights.max(0), pieces.max(0)


def _matrix(v: Values, kind: Kind, rows: Amount, length: Amount, cores: int, room: Amount = 1 << 30) -> Work:
    """Rows times a blocked matrix, two rows at a time."""
    bits = int(np.max(v["weight_bits"]))
    words, blocks = ceil_div(length * bits, 32), ceil_div(v["out_c"], 4)
    count, pairs, eights, pieces = _shares(ceil_div(rows, 2) * blocks, blocks, cores, room)
    fast = kind <= Kind.WIDE
    eights = eights if bits == 8 and fast else eights * 0
    work = {"one": 1, "pieces": pieces, "pairs": pairs, f"put_{KINDS[kind]}": count,
            "odd": (rows % 2) * np.minimum(blocks, count) * fast,
            "rest": (np.asarray(v["out_c"]) % 4 > 0) * pairs * fast}
    if bits != 8:
        return {**work, f"blocks_{bits}": count, f"words_{bits}": count * words}
    if not fast:
        return {**work, "slow_words": count * words}
    singles = count - 2 * eights
    return {**work, "eights": eights, "eight_words": eights * words, "singles": singles,
            "single_words": singles * words}


def _conv(v: Values, kind: Kind, cores: int) -> Work:
    run, height = v["kernel_w"] * v["in_c"], v["kernel_h"]
    own, row = v["columns"] == Columns.OWN, row_bytes(height * run, int(np.max(v["weight_bits"])))
    work = _matrix(v, kind, v["out_h"] * v["out_w"], height * run, cores, pairs_at_once(row) if own else 1 << 30)
    if v["columns"] == Columns.KEPT:
        return {**work, "pairs": 0, "kept_pairs": work["pairs"]}
    lines = 2 * work["pairs"] * height
    dense = (np.asarray(v["in_c"]) % 4 > 0) * 1
    return {**work, "lines": lines, "copy_words": lines * (run // 4), "copy_bytes": lines * (run % 4),
            "misaligned_words": lines * (run // 4) * dense, "border": lines * (1 - _inside(v, "h") * _inside(v, "w"))}


def _inside(v: Values, axis: str) -> Amount:
    """The share of windows that lie within the image along an axis."""
    stride, pad = v[f"stride_{axis}"], v["pad_top" if axis == "h" else "pad_left"]
    reach = (v[f"kernel_{axis}"] - 1) * v[f"dilation_{axis}"] + 1
    last = np.minimum(v[f"out_{axis}"], (v[f"in_{axis}"] - reach + pad) // stride + 1)
    return np.maximum(last - ceil_div(pad, stride), 0) / v[f"out_{axis}"]


def _pointwise(v: Values, kind: Kind, cores: int) -> Work:
    return _matrix(v, kind, v["out_h"] * v["out_w"], v["in_c"], cores)


def _linear(v: Values, kind: Kind, cores: int) -> Work:
    many = _matrix(v, kind, v["rows"], v["in_c"], cores)
    many["misaligned_words"] = (many.get("eight_words", 0) + many.get("single_words", 0)) * (
        np.asarray(v["in_c"]) % 4 > 0)
    if int(np.max(v["weight_bits"])) != 8:
        return many
    alone, single = _single_row(v, kind, cores), np.asarray(v["rows"]) == 1
    return {**{name: amount * ~single for name, amount in many.items()},
            **{name: amount * single for name, amount in alone.items()}}


def _single_row(v: Values, kind: Kind, cores: int) -> Work:
    """A core's channels by eights, by four, by two."""
    channels, words = 2 * ceil_div(ceil_div(v["out_c"], 2), cores), ceil_div(v["in_c"], 4)
    left = channels % 8
    fours, twos = (left == 4) | (left == 6), (left == 2) | (left == 6)
    return {"row": 1, "row_pieces": channels // 8 + fours + twos, "row_eight_words": channels // 8 * words,
            "row_four_words": fours * words, "row_two_words": twos * words, f"row_put_{KINDS[kind]}": channels}


def _depthwise(v: Values, kind: Kind, cores: int) -> Work:
    """Units of four channels of a row (two rows, where one transposition serves both), in one of three ways."""
    height, width, step = (int(np.max(v[name])) for name in ("kernel_h", "kernel_w", "stride_h"))
    fast = kind in FAST and int(np.max(v["dilation_w"])) == 1
    three = fast and height <= 4 and width == 3
    two = three and height <= 3 and step == int(np.max(v["stride_w"])) == int(np.max(v["dilation_h"])) == 1
    groups, words = ceil_div(v["channels"], 4), -(-height // 4)
    units = ceil_div(ceil_div(v["out_h"], 2 if two else 1) * groups, cores)
    columns = (v["out_w"] - 1) * v["stride_w"] + (width - 1) * v["dilation_w"] + 1
    seen = units * np.minimum(columns, v["in_w"]) * words
    outputs = units * v["channels"] / groups * v["out_w"]
    work: Work = {"one": 1, "units": units, "lines": ceil_div(units, groups), "columns": seen,
                  "partial_columns": seen / groups * (np.asarray(v["channels"]) % 4 > 0)}
    return {**work, **_windows(v, kind, three, two, fast, units * v["channels"] / groups, outputs, width * words)}


def _windows(v: Values, kind: Kind, three: bool, two: bool, fast: bool, channels: Amount, outputs: Amount,
             words: int) -> Work:
    """Sums of windows: three words each, one or two rows; fours of them; one by one."""
    name, wide = KINDS[kind], np.asarray(v["out_w"])
    if three:
        many = (wide >= 12) * two
        way = "two" if two else "one"
        return {f"{way}_channels": channels, f"{way}_{name}": outputs * (1 - many), f"thirds_{name}": outputs * many}
    fours = fast * (wide >= 4) * channels * ceil_div(wide, 4)
    alone = outputs * (1 - fast * (wide >= 4))
    return {"fours_channels": fast * channels, "fours_words": fours * words, f"fours_{name}": fours,
            f"any_{name}": alone, "any_words": alone * words}


def _pool(v: Values, cores: int) -> tuple[Amount, Amount, Amount, Amount]:
    """Words of four channels, runs of them in one pixel, taps of a window, channels that are a part of a word."""
    words = ceil_div(v["channels"], 4)
    units = ceil_div(v["out_h"] * v["out_w"] * words, cores)
    runs = np.maximum(1, np.minimum(units, ceil_div(units, words) + (units % words > 0)))
    return units, runs, v["kernel_h"] * v["kernel_w"], units / words * (np.asarray(v["channels"]) % 4)


def _max_pool(v: Values, kind: Kind, cores: int) -> Work:
    """Four taps of a window at a time."""
    words, runs, taps, last = _pool(v, cores)
    passes = ceil_div(taps, 4)
    return {"one": 1, "runs": runs, "passes": runs * passes, "words": words * passes, "last": last,
            "last_taps": last * taps, "last_lines": last * v["kernel_h"]}


def _avg_pool(v: Values, kind: Kind, cores: int) -> Work:
    words, runs, taps, last = _pool(v, cores)
    way = "fast" if kind in FAST else "any"
    return {"one": 1, "runs": runs, f"put_{KINDS[kind]}": words, f"{way}_lines": words * v["kernel_h"],
            f"{way}_taps": words * taps, "last": last, "last_taps": last * taps}


def _lines(v: Values, kind: Kind, fast: bool, cores: int) -> Work:
    """Elements one by one: in a row, or one channel of some pixels after the other."""
    name, pixels, channels = KINDS[kind], np.asarray(v["pixels"]), np.asarray(v["channels"])
    total = ceil_div(pixels * channels, cores)
    if not fast:
        return {"any": 1, "runs": ceil_div(total, channels), f"any_{name}": total}
    if int(np.max(pixels)) == 1:
        return {"one": 1, f"flat_{name}": total}
    lines = np.where(channels > pixels, ceil_div(channels, cores), channels)
    long = np.where(channels > pixels, pixels, ceil_div(pixels, cores))
    return {"one": 1, "lines": lines, f"line_{name}": lines * long}


def _add(v: Values, kind: Kind, cores: int) -> Work:
    types = {v["a_type"], v["b_type"]}
    return _lines(v, kind, kind in FAST and (types == {0, 1} or (len(types) == 1 and types != {3})), cores)


def _requantize(v: Values, kind: Kind, cores: int) -> Work:
    return _lines(v, kind, kind in FAST, cores)


def _pad(v: Values, kind: Kind, cores: int) -> Work:
    rows = ceil_div(v["pad_top"] + v["in_h"] + v["pad_bottom"], cores)
    pixel = v["pad_front"] + v["in_c"] + v["pad_back"]
    if int(np.max(pixel - v["in_c"])) > 0:
        pixels = rows * v["in_w"]
        words, rest = (v["in_c"] // 4 + v["pad_front"] // 4 + v["pad_back"] // 4,
                       v["in_c"] % 4 + v["pad_front"] % 4 + v["pad_back"] % 4)
        return {"one": 1, "rows": rows, "pixels": pixels, "pixel_words": pixels * words, "pixel_bytes": pixels * rest}
    words = rows * ((v["pad_left"] + v["in_w"] + v["pad_right"]) * pixel) // 4
    return {"one": 1, "rows": rows, "words": words, "misaligned_words": words * (np.asarray(pixel) % 4 > 0)}


def _lookup(v: Values, kind: Kind, cores: int) -> Work:
    return {"one": 1, "words": ceil_div(v["count"], 4 * cores)}


def _leaky_relu(v: Values, kind: Kind, cores: int) -> Work:
    return {"one": 1, f"elements_{KINDS[kind]}": ceil_div(v["count"], cores)}


WORK: Mapping[str, Callable[[Values, Kind, int], Work]] = MappingProxyType({
    "conv": _conv, "pointwise": _pointwise, "linear": _linear, "depthwise": _depthwise, "max_pool": _max_pool,
    "avg_pool": _avg_pool, "add": _add, "requantize": _requantize, "pad": _pad, "lookup": _lookup,
    "leaky_relu": _leaky_relu})
"""By kernel."""
