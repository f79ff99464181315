"""What the array costs in silicon: cells of the core and of its parts, for a technology, as Yosys counts them.

A part is synthesized by itself, the core as a whole: what is optimized across parts makes the core smaller than their
sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import PurePosixPath
from typing import Any

from .emit import rtl_files
from .options import WIDEST, SystolicOptions
from .plan import MIN_DEPTH, Geometry
from .yosys import Counted, synthesize

WIDTH = 8
"""Bits of activations and weights, unless a model or an option says something else."""
DEPTH = 1024
"""Words of every memory, unless a model or an option says something else."""

Column = tuple[tuple[str, int], ...]
"""Patterns of cell types that count, and how often each does."""

COLUMNS: dict[str, dict[str, Column]] = {
    "generic": {"gates": ((r"\$_(?!.*FF)\w+_", 1),), "flip-flops": ((r"\$_\w*FF\w*_", 1),)},
    "xilinx": {"LUTs": ((r"LUT\d|INV|SRL\w+", 1), (r"RAM\d+X1D(_\d)?", 2), (r"RAM\d+M(_\d)?", 4)),
               "flip-flops": ((r"FD\w+|LD\w+", 1),), "CARRY4": ((r"CARRY4", 1),), "DSP48E1": ((r"DSP48E1", 1),),
               "RAMB18": ((r"RAMB18E1", 1), (r"RAMB36E1", 2))},
    "ice40": {"LUT4s": ((r"SB_LUT4", 1),), "flip-flops": ((r"SB_DFF\w*", 1),), "carries": ((r"SB_CARRY", 1),),
              "SB_MAC16": ((r"SB_MAC16", 1),), "SB_RAM40": ((r"SB_RAM40_4K\w*", 1),)},
}
"""What is counted, by technology."""


@dataclass(frozen=True)
class Part:
    """A module with its parameters, and how many of them the core has."""

    name: str
    module: str
    parameters: Mapping[str, int]
    count: int = 1


@dataclass(frozen=True)
class PartArea:
    """What one instance of a part takes."""

    part: str
    count: int
    numbers: Mapping[str, int]
    """By the names of the technology's columns."""
    memory_bits: int
    cells: Mapping[str, int]


@dataclass(frozen=True)
class Area:
    """One configuration: the core first, then its parts if they were asked for."""

    technology: str
    geometry: Geometry
    parts: tuple[PartArea, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


def area(geometry: Geometry, technology: str, *, with_parts: bool = False,
         progress: Callable[[str], None] = lambda what: None) -> Area:
    """Synthesize the core of this geometry, and its parts if wanted; `progress` is told what comes next.

    Raises what `yosys.synthesize` raises.
    """
    sources = {PurePosixPath(file.path).name: file.data for file in rtl_files()}
    del sources["tb.sv"]
    found = []
    for part in (core(geometry), *(parts(geometry) if with_parts else ())):
        progress(f"{part.name} of {geometry.rows} x {geometry.cols}, {technology}")
        counted = synthesize(sources, part.module, part.parameters, technology)
        found.append(PartArea(part.name, part.count, numbers(counted, technology), counted.memory_bits,
                              dict(sorted(counted.cells.items()))))
    return Area(technology, geometry, tuple(found))


def numbers(counted: Counted, technology: str) -> dict[str, int]:
    """The technology's columns."""
    return {name: sum(count * times for kind, count in counted.cells.items() for pattern, times in column
                      if re.fullmatch(pattern, kind)) for name, column in COLUMNS[technology].items()}


def core(geometry: Geometry) -> Part:
    """The whole accelerator."""
    return Part("core", "systolic_core", geometry.parameters())


def parts(geometry: Geometry) -> Iterator[Part]:
    """What the core is made of, with the parameters that it gives them."""
    g, lanes = geometry, geometry.lanes
    index_bits = max(1, (g.loads - 1).bit_length())
    multiplier = _given(g, "act_bits", "weight_bits", "psum_bits", "subword") | {"INDEX_BITS": index_bits}
    schedule = {"LANES": lanes.count, "WIDTH": lanes.parts * g.rows, "LOADS": g.loads, "INDEX_BITS": index_bits}
    yield Part("array", "systolic_array", multiplier | _given(g, "rows", "cols", "load_lanes") | {"LOADS": g.loads})
    yield Part("processing element", "pe", multiplier, g.rows * g.cols)
    stage = _given(g, "acc_bits", "mul_bits", "out_bits", "scaled_bits", "slope_bits")
    yield Part("output stage", "output_stage", stage, g.cols)
    yield Part("output writer", "output_writer", _given(g, "cols", "out_bits") | {
        "LANES": lanes.count, "LANE_BITS": lanes.bits, "PARTS": lanes.parts})
    yield Part("accumulators", "accumulator", _given(g, "cols", "psum_bits", "acc_bits") | {"DEPTH": g.acc_depth})
    yield Part("activation memory", "activation_memory", {
        "LANES": lanes.count, "LANE_BITS": lanes.bits, "READ_LANES": lanes.parts * g.rows, "DEPTH": g.act_depth})
    if g.overlapped:
        yield Part("schedule", "schedule_overlapped", schedule)
    else:
        yield Part("schedule", "schedule_plain", schedule | {"DRAIN": g.rows + g.cols})
        yield Part("psum memory", "memory", {"WIDTH": g.cols * g.psum_bits, "DEPTH": g.psum_depth})
    yield Part("controller", "controller", {})


def _given(geometry: Geometry, *names: str) -> dict[str, int]:
    return {name.upper(): getattr(geometry, name) for name in names}


def chosen_geometry(options: SystolicOptions, depth: int = DEPTH) -> Geometry:
    """The geometry that these options give without a model: widths that every network of so many bits fits."""
    act, weight = options.act_bits or WIDTH, options.weight_bits or WIDTH
    act += act % 2 * options.subword
    needed = act + weight + (options.width - 1).bit_length()
    return Geometry(
        rows=options.rows, cols=options.cols, act_bits=act, weight_bits=weight,
        psum_bits=options.psum_bits or max(16, needed), acc_bits=options.acc_bits or 32, mul_bits=32,
        out_bits=options.out_bits or 16, scaled_bits=options.scaled_bits or WIDEST["scaled_bits"],
        slope_bits=options.slope_bits or WIDEST["slope_bits"], subword=options.subword,
        overlapped=int(options.how.overlapped), load_lanes=options.lanes, act_depth=depth, acc_depth=depth,
        psum_depth=MIN_DEPTH if options.how.overlapped else depth)


def sweep(given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Every combination of options whose values are lists.

    >>> list(sweep({"rows": "4,8", "cols": "8"}))
    [{'rows': '4', 'cols': '8'}, {'rows': '8', 'cols': '8'}]
    """
    for values in product(*(value.split(",") for value in given.values())):
        yield dict(zip(given, values, strict=True))
