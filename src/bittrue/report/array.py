"""Tables of an array's report: work and stalls, traffic, schedules side by side; the same as CSV and HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from ..targets.systolic.report import STALLS, ArrayReport, Comparison, LayerCost
from ..targets.systolic.schedule import SCHEDULES
from .tables import plain_table, right_aligned

MISSING = "-"
"""Where a number has no meaning."""
LONGEST_NAME = 28
"""Longer ones go on in the next line."""
NUMBERS = ("macs", "cycles", "bound", "utilization")
FLAGS = ("subword", "unfolded")
TRAFFIC = {"activations": "acts", "weights": "weights", "psums": "psums", "sums": "sums", "accumulators": "accs",
           "outputs": "outs"}
"""Column headers of what moves."""


@dataclass(frozen=True)
class Rows:
    """A table as text, whatever it is printed with; the last `footers` rows are totals."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footers: int


def report_rows(report: ArrayReport) -> Iterator[Rows]:
    """All tables of a report."""
    layers, g = (*report.layers, report.total), report.geometry
    yield _work(f"{report.network} on {g.rows} x {g.cols}, {report.schedule} schedule: cycles, and what was waited for",
                layers)
    for title, kind in (("memory traffic in words", "words"), ("memory traffic in bytes", "bytes")):
        yield Rows(title, ("layer", *TRAFFIC.values()), tuple(
            (layer.name, *(f"{getattr(layer, kind)[name]:,}" for name in TRAFFIC)) for layer in layers), 1)
    yield _side_by_side((*report.comparisons, *report.comparison_totals))


def _work(title: str, layers: Sequence[LayerCost]) -> Rows:
    causes = [cause for cause in STALLS if layers[-1].stalls[cause]]
    rows = tuple((layer.name, ", ".join(flag for flag in FLAGS if getattr(layer, flag)), f"{layer.macs:,}",
                  f"{layer.cycles:,}", _share(layer.utilization), *(f"{layer.stalls[cause]:,}" for cause in causes))
                 for layer in layers)
    return Rows(title, ("layer", "", "MACs", "cycles", "util.", *causes), rows, 1)


def _share(value: float | None) -> str:
    return f"{value:.1%}" if value else MISSING


def _side_by_side(entries: Sequence[Comparison]) -> Rows:
    schedules = [name for name in reversed(SCHEDULES) if name in entries[-1].cycles]
    rows = tuple((entry.name, f"{entry.bound:,}", *(text for name in (*schedules, "scalesim")
                                                    for text in _cycles(entry, name))) for entry in entries)
    header = (text for name in (*schedules, "SCALE-Sim") for text in (name, "util."))
    return Rows("cycles by schedule; bound: all multipliers busy in every cycle", ("layer", "bound", *header), rows, 2)


def _cycles(entry: Comparison, name: str) -> tuple[str, str]:
    cycles = entry.scalesim if name == "scalesim" else entry.cycles[name]
    return (MISSING, MISSING) if cycles is None else (f"{cycles:,}", _share(entry.utilization()[name]))


def rich_table(rows: Rows) -> Table:
    """For a terminal."""
    table = plain_table(*rows.header, title=rows.title)
    table.columns[0].max_width = LONGEST_NAME
    for number, row in enumerate(rows.rows):
        table.add_row(*row, end_section=number == len(rows.rows) - rows.footers - 1)
    return right_aligned(table)


def csv_text(report: ArrayReport) -> str:
    """One line per layer with everything that is known of it."""
    rows = [_csv_row(layer, entry) for layer, entry in zip(report.layers, report.comparisons, strict=True)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _csv_row(layer: LayerCost, entry: Comparison) -> dict[str, object]:
    return {"layer": layer.name, "op": layer.op, **{name: getattr(layer, name) for name in NUMBERS},
            **{name: int(getattr(layer, name)) for name in FLAGS},
            **{f"stall_{cause}": cycles for cause, cycles in layer.stalls.items()},
            **{f"{name}_words": count for name, count in layer.words.items()},
            **{f"{name}_bytes": count for name, count in layer.bytes.items()},
            **{f"cycles_{name}": cycles for name, cycles in entry.cycles.items()}, "cycles_scalesim": entry.scalesim}


STYLE = ("body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;margin:0 0 2em}caption{text-align:left;"
         "font-weight:bold;padding:.4em 0}td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child"
         "{text-align:left}thead,tfoot{border:solid #888;border-width:1px 0}")


def html_page(report: ArrayReport) -> str:
    """A page that needs nothing else."""
    host = ", ".join(report.host) or "none"
    body = "".join(map(_html_table, report_rows(report)))
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(report.network)}</title>'
            f"<style>{STYLE}</style></head>\n<body>\n{body}<p>Nodes run by the host: {html.escape(host)}</p>\n"
            "</body></html>\n")


def _html_table(rows: Rows) -> str:
    split = len(rows.rows) - rows.footers
    head = _html_rows("th", [rows.header])
    return (f"<table><caption>{html.escape(rows.title)}</caption>\n<thead>{head}</thead>\n"
            f"<tbody>{_html_rows('td', rows.rows[:split])}</tbody>\n"
            f"<tfoot>{_html_rows('td', rows.rows[split:])}</tfoot></table>\n")


def _html_rows(cell: str, rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<{cell}>{html.escape(text)}</{cell}>" for text in row) for row in rows)
    return "\n".join(f"<tr>{row}</tr>" for row in cells)
