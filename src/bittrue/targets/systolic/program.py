"""The memory images that do not depend on a sample: program, segments, weights, channels.

Every table is in the order in which the hardware reads it: layer after layer, output tile after output tile, input tile
after input tile, kernel position after kernel position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ir import Graph, IntArray, Rounding
from ...ir.graph import Node
from ...ir.ops import AvgPool, Requant
from .images import WordFormat, hex_lines, packed
from .layers import ROUNDINGS, LayerConstants
from .plan import LayerPlan, SystolicPlan

ADDRESS, SIZE, FLAG = 24, 16, 4

PROGRAM = WordFormat((
    *((name, FLAG) for name in ("last", "host", "take_max", "act_signed", "subword", "store", "store_half",
                                "rounding")),
    ("drain", SIZE), ("passes", ADDRESS),
    *((name, SIZE) for name in ("in_h", "in_w", "out_h", "out_w", "kernel_h", "kernel_w", "stride_y", "stride_x",
                                "dilation_y", "dilation_x", "pad_top", "pad_left", "padded_h", "padded_w")),
    *((name, ADDRESS) for name in ("in_plane", "in_origin", "stride_pitch", "kernel_pitch", "n_nij", "gather_pitch",
                                   "gather_kernel", "gather_step", "out_addr")),
    ("out_lane", SIZE), ("out_plane", ADDRESS), ("channels", SIZE), ("tile_channels", SIZE),
    ("slope_multiplier", 32), ("slope_shift", 8), ("lo", 40), ("hi", 40)))
"""The fields of `layer_t` in rtl/systolic_pkg.sv."""

SEGMENT = WordFormat((("last", FLAG), ("steps", SIZE), ("lane", SIZE), ("addr", ADDRESS)))
"""The fields of `segment_t`."""


def program_file(graph: Graph, plan: SystolicPlan) -> bytes:
    """One word per layer."""
    rows = [_entry(graph, plan, layer) for layer in plan.layers]
    values = {name: np.array([row[name] for row in rows], np.int64) for name, _ in PROGRAM.fields}
    return PROGRAM.header + PROGRAM.lines(values, "program.hex")


def _entry(graph: Graph, plan: SystolicPlan, entry: LayerPlan) -> dict[str, int]:
    layer = entry.lowered.layer
    (_, in_h, in_w), (channels, out_h, out_w), window = layer.in_shape, layer.out_shape, layer.window
    (padded_h, padded_w), (top, left) = layer.padded, window.pads[:2]
    store, parts = entry.store, plan.geometry.lanes.parts
    return {
        "last": entry is plan.layers[-1], "host": bool(entry.loads), "take_max": layer.takes_max,
        "act_signed": layer.act.signed, "subword": entry.subword, "store": store is not None,
        "store_half": store is not None and store.width < parts, "drain": entry.cycles.drain,
        "passes": entry.work.passes,
        "in_h": in_h, "in_w": in_w, "out_h": out_h, "out_w": out_w,
        "kernel_h": window.kernel[0], "kernel_w": window.kernel[1],
        "stride_y": window.stride[0], "stride_x": window.stride[1],
        "dilation_y": window.dilation[0], "dilation_x": window.dilation[1], "pad_top": top, "pad_left": left,
        "padded_h": padded_h, "padded_w": padded_w, "in_plane": entry.sources[0].plane,
        "in_origin": -(top * in_w + left) % (1 << ADDRESS), "stride_pitch": window.stride[0] * in_w,
        "kernel_pitch": window.dilation[0] * in_w, "n_nij": layer.n_nij, "gather_pitch": window.stride[0] * padded_w,
        "gather_kernel": window.dilation[0] * padded_w + window.kernel[1] * layer.n_nij,
        "gather_step": window.dilation[1] + layer.n_nij, "out_addr": store.addr if store else 0,
        "out_lane": store.lane if store else 0, "out_plane": store.plane if store else 0,
        "channels": channels, "tile_channels": len(entry.tiles[0].outputs),
        **output_stage(graph, entry),
    }


def output_stage(graph: Graph, entry: LayerPlan) -> dict[str, int]:
    """What the output stages of all channels share: slope, rounding, limits."""
    layer = entry.lowered.layer
    if layer.requant is None or layer.out is None:
        return {"slope_multiplier": 1, "slope_shift": 0, "rounding": 0, "lo": 0, "hi": 0}
    node = graph.node[layer.requant]
    if isinstance(node.op, Requant):
        op = node.op
        return {"slope_multiplier": op.slope_multiplier, "slope_shift": op.slope_shift,
                "rounding": ROUNDINGS.index(op.rounding), "lo": op.lo, "hi": op.hi}
    return {"slope_multiplier": 1, "slope_shift": 0, "rounding": _own_rounding(node), "lo": layer.out.min,
            "hi": layer.out.max}


def _own_rounding(node: Node) -> int:
    return ROUNDINGS.index(node.op.rounding if isinstance(node.op, AvgPool) else Rounding.FLOOR)


def segments_file(plan: SystolicPlan) -> bytes:
    """One word per segment of every output tile: where its channels are."""
    rows = [row for layer in plan.layers for row in _segment_rows(plan, layer)]
    table = np.array(rows, np.int64)
    return SEGMENT.header + SEGMENT.lines({name: table[:, i] for i, (name, _) in enumerate(SEGMENT.fields)},
                                          "segments.hex")


def _segment_rows(plan: SystolicPlan, entry: LayerPlan) -> Iterator[tuple[int, int, int, int]]:
    for tile in entry.tiles:
        for segment in tile.segments:
            addr, lane = entry.sources[segment.source].of_channel(segment.first, plan.geometry.lanes.count)
            yield segment is tile.segments[-1], segment.steps, lane, addr


def weights_file(graph: Graph, plan: SystolicPlan) -> bytes:
    """`loads` words per pass: weights of `load_lanes` columns, each with the rows' weights."""
    bits = plan.geometry.weight_bits
    words = (weight_words(plan, entry, entry.lowered.constants(graph).weights) for entry in plan.layers)
    return b"// columns of a pass: segment, row, part\n" + b"".join(packed(w, bits, "weights.hex") for w in words)


def weight_words(plan: SystolicPlan, entry: LayerPlan, weights: IntArray) -> IntArray:
    """The words of a layer from weights (O, I, n_kij): (passes * loads, load_lanes * rows * parts)."""
    geometry, channels = plan.geometry, entry.lowered.layer.in_shape[0]
    parts, used = geometry.lanes.parts, 2 if entry.subword else 1
    columns = geometry.loads * geometry.load_lanes
    steps = [(tile.outputs, inputs) for tile in entry.tiles for inputs in tile.inputs(channels)]
    table = np.zeros((len(steps), weights.shape[2], columns, geometry.rows * used), np.int64)
    for i, (outputs, inputs) in enumerate(steps):
        block = weights[outputs.start:outputs.stop, inputs.start:inputs.stop]
        table[i, :, :len(outputs), :len(inputs)] = block.transpose(2, 0, 1)
    spread = np.zeros((len(steps) * weights.shape[2], geometry.load_lanes, geometry.loads, geometry.rows, parts),
                      np.int64)
    spread[..., :used] = table.reshape(*spread.shape[:4], used)
    return spread.transpose(0, 2, 1, 3, 4).reshape(-1, geometry.load_lanes * geometry.rows * parts)


def channels_file(graph: Graph, plan: SystolicPlan) -> bytes:
    """One word per output tile: bias, multiplier, offset and shift of every column."""
    g = plan.geometry
    word = WordFormat((("bias", g.acc_bits), ("multiplier", g.mul_bits), ("offset", g.scaled_bits), ("shift", 6)))
    words = (_channel_words(word, plan, entry, entry.lowered.constants(graph)) for entry in plan.layers)
    return word.header + b"".join(words)


def _channel_words(word: WordFormat, plan: SystolicPlan, entry: LayerPlan, constants: LayerConstants) -> bytes:
    cols, tiles = plan.geometry.cols, len(entry.tiles)
    columns = np.concatenate([i * cols + np.arange(len(tile.outputs)) for i, tile in enumerate(entry.tiles)])
    values = {"bias": start_values(plan, entry, constants), "multiplier": constants.multiplier,
              "offset": constants.offset, "shift": constants.shift}
    spread = np.zeros((len(values), tiles * cols), np.int64)
    spread[:, columns] = list(values.values())
    digits = word.digits(dict(zip(values, spread, strict=True)), "channels.hex")
    return hex_lines(digits.reshape(tiles, cols, -1)[:, ::-1].reshape(tiles, -1))


def start_values(plan: SystolicPlan, entry: LayerPlan, constants: LayerConstants) -> IntArray:
    """What the accumulators start with: the bias, or less than anything for a maximum."""
    if entry.lowered.layer.takes_max:
        return np.full(entry.lowered.layer.out_shape[0], -1 << plan.geometry.acc_bits - 1, np.int64)
    return constants.bias

