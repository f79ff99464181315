"""`bittrue systolic area`: what arrays take in silicon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInput, fail
from ..report.area import area_table
from ..targets.systolic.area import COLUMNS, DEPTH, chosen_geometry, sweep
from ..targets.systolic.area import area as synthesized
from ..targets.systolic.options import SystolicOptions
from ..targets.systolic.plan import Geometry
from .console import Json, print_json
from .options import Options, parse_options
from .systolic_plan import planned
from .terminal import err, print_table


def area(
    source: Annotated[Path | None, typer.Argument(help="A model or a project that gives what no option says: widths, "
                                                       "depths of memories.")] = None,
    option: Options = None,
    target: Annotated[str, typer.Option(help=f"The technology: {', '.join(COLUMNS)}.")] = "generic",
    parts: Annotated[bool, typer.Option("--parts", help="Count the parts of the core as well.")] = False,
    depth: Annotated[int, typer.Option(min=2, max=1 << 20,
                                       help="Words of the memories when there is no model.")] = DEPTH,
    as_json: Json = False,
) -> None:
    """Count the cells of the array for a technology with Yosys (the extra `area` of the package).

    An option may hold a list; every combination becomes a row. Memories are counted in bits, and for an FPGA in its
    blocks too. Without a model activations and weights have 8 bits. The first run takes minutes, the same one again
    none.

    Example: bittrue systolic area -O rows=8 -O act_bits=4 -O weight_bits=4 -O schedule=plain,overlapped --target xilinx
    """
    if target not in COLUMNS:
        fail(BadInput, "BT6002", f"--target {target}", "there is no such technology",
             f"use one of {', '.join(COLUMNS)}")
    geometries = list(_geometries(source, option, depth))
    with err.status("synthesizing ...") as status:
        areas = [synthesized(geometry, target, with_parts=parts,
                             progress=lambda what: status.update(f"synthesizing {what}")) for geometry in geometries]
    if as_json:
        print_json({"configurations": [found.to_json() for found in areas]})
        return
    print_table(area_table(areas))


def _geometries(source: Path | None, option: list[str] | None, depth: int) -> Iterator[Geometry]:
    for given in sweep(parse_options(option)):
        if source is None:
            yield chosen_geometry(SystolicOptions.parse(given), depth)
        else:
            yield planned(source, [f"{name}={value}" for name, value in given.items()])[1].geometry
