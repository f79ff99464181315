"""`bittrue systolic`: what only the systolic array can show."""

from __future__ import annotations

from .lazy import group

COMMANDS = {"report": "systolic_report:report", "timeline": "systolic_timeline:timeline", "area": "systolic_area:area",
            "vectors": "systolic_vectors:vectors", "view": "systolic_view:view"}
"""Name -> module and function."""

systolic = group("systolic", "Look into the systolic array: cycles, time, silicon, vectors.", COMMANDS)
