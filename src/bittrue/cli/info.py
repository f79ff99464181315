"""`bittrue info`: what is in a model file."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..api import load
from ..ir.text import print_graph
from ..report.layers import LayerRow, layer_rows
from ..report.tables import plain_table, right_aligned
from .console import Json, print_json, say
from .terminal import out


def info(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    text: Annotated[bool, typer.Option("--text", help="Print the whole graph in its text form.")] = False,
    as_json: Json = False,
) -> None:
    """Show a model's layers, types, value ranges, MACs and memory.

    Example: bittrue info out/demo/model.onnx
    """
    graph = load(model)
    if text:
        say(print_graph(graph))
        return
    rows = layer_rows(graph)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if as_json:
        print_json({"name": graph.name, "sha256": digest, "outputs": graph.outputs,
                    "macs": sum(row.macs for row in rows), "layers": [asdict(row) for row in rows]})
        return
    out.print(_table(graph.name, rows))
    out.print(f"{sum(r.macs for r in rows):,} MACs, {sum(r.constants for r in rows) // 8:,} bytes of constants, "
              f"outputs {', '.join(graph.outputs)}, sha256 {digest[:16]}")


def _table(title: str, rows: list[LayerRow]) -> Table:
    table = plain_table("layer", "op", "type", "values", "bits", "MACs", title=title)
    for row in rows:
        table.add_row(row.name, row.op, row.type, f"{row.lo}..{row.hi}", str(row.bits), f"{row.macs:,}")
    return right_aligned(table, 3)
