"""What the terminal shows in colours and tables. It loads slowly; plain lines need `console` only."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from ..errors import Diagnostic

WIDEST = 1000
"""Characters of the longest line of a table."""

out = Console(highlight=False, markup=False, emoji=False)
"""What the user asked for. Names of layers and files are printed as they are: `[x]` and `:x:` mean nothing."""
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
"""Progress and diagnostics."""


def show_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """One block per problem on standard error, then their number."""
    for problem in diagnostics:
        err.print(f"[bold red]{problem.code}[/] [bold]{escape(problem.where)}[/]: {escape(problem.why)}\n"
                  f"       [green]fix:[/] {escape(problem.fix)}", soft_wrap=True, markup=True)
    if len(diagnostics) > 1:
        err.print(f"{len(diagnostics)} problems")


def print_table(table: Table) -> None:
    """A table on standard output, in lines as long as its numbers need."""
    needed = Measurement.get(out, out.options.update(max_width=WIDEST), table).maximum
    Console(highlight=False, markup=False, emoji=False, width=max(out.width, needed)).print(table)
