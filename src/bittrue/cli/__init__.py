"""The command line: one module per command, one table that lists them."""

from __future__ import annotations

from .lazy import group

COMMANDS = {
    "demo": "demo:demo", "train": "train:train", "freeze": "freeze:freeze", "evaluate": "evaluate:evaluate",
    "info": "info:info", "check": "check:check", "compile": "compile:compile_", "verify": "verify:verify",
    "run": "run:run", "diff": "diff:diff",
}
"""Name -> module and function."""
GROUPS = {"import": "import_:import_", "systolic": "systolic:systolic", "max7800x": "max7800x:max7800x",
          "gap9": "gap9:gap9"}
"""Name -> module and group of commands."""

app = group("bittrue", "Quantized neural networks from PyTorch to silicon without losing a bit.", COMMANDS | GROUPS,
            epilog="Exit codes: 0 all exact, 1 a difference was found, 2 bad input, 3 not supported or does not fit, "
                   "4 a tool is missing.")


def main() -> None:
    """Entry point of the `bittrue` script."""
    app()
