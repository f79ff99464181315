"""The page of all diagnostic codes, generated from their declarations."""

from __future__ import annotations

import importlib
import pkgutil

import bittrue

from ..errors import catalogue

_GROUPS = {
    "BT10": "The integer graph", "BT11": "ONNX files", "BT12": "Text form", "BT13": "Passes",
    "BT20": "Quantizing, training, data", "BT21": "Freezing",
    "BT30": "Requantization and proof", "BT31": "Certificates",
    "BT40": "Executors", "BT41": "ONNX Runtime", "BT42": "Fast executor", "BT43": "Comparing",
    "BT50": "Targets", "BT51": "Systolic array", "BT52": "MAX7800x: descriptions, memories, limits",
    "BT53": "MAX7800x: layers, training, placement", "BT54": "MAX7800x: projects, the emulated chip",
    "BT55": "GAP9: the cluster simulator, kernels, planner", "BT60": "Command line",
}


HEAD = """# Diagnostics

Every problem that a user can cause is printed with a stable code, where it is, why, and what to do. Checks report all
problems at once. Exit codes: 0 all exact, 1 a difference was found, 2 bad input, 3 not supported or does not fit, 4 a
tool is missing."""


def diagnostics_page() -> str:
    """Markdown: every code with its title, grouped by the first two digits."""
    for module in pkgutil.walk_packages(bittrue.__path__, "bittrue."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    lines = [HEAD]
    group = ""
    for code, title in catalogue().items():
        if code[:4] != group:
            group = code[:4]
            lines += ["", f"## {_GROUPS[group]}", "", "| code | meaning |", "|---|---|"]
        lines.append(f"| {code} | {title} |")
    return "\n".join(lines) + "\n"
