"""`vectors.json`: what a folder of vectors says about itself, so that it can be read without the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....errors import BadInput, BittrueError, declare, fail
from ...project import json_bytes
from .layout import RECORD_FILE, VectorPlan, require_unique
from .plan import MOST_LANES, Choice
from .shape import LayerShape
from .template import parse_template

declare({"BT5136": "a folder does not say which vectors it holds"})

FORMAT = 1


def recorded_choice(folder: Path) -> Choice | None:
    """What was chosen when a folder was written; None when it does not say. Raises `BadInput` (BT5136)."""
    if not (folder / RECORD_FILE).is_file():
        return None
    plan = read_record(folder)
    tiles = [tile for layer in plan.layers for tile in layer.tiles]
    return Choice(plan.template, plan.rows, plan.cols, tuple(layer.name for layer in plan.layers), plan.images,
                  itiles=tuple(sorted({ic for _, ic in tiles})), otiles=tuple(sorted({oc for oc, _ in tiles})))


def record_bytes(plan: VectorPlan, graph_digest: str) -> bytes:
    """The record of a plan, with the SHA-256 of the graph that the values come from."""
    template = {"name": plan.template.name, "tables": plan.template.source}
    return json_bytes({"format": FORMAT, "graph": graph_digest, "rows": plan.rows, "cols": plan.cols,
                       "images": list(plan.images), "template": template,
                       "layers": [layer.to_json() for layer in plan.layers]})


def read_record(folder: Path) -> VectorPlan:
    """The plan of a folder. Raises `BadInput` (BT5136) when there is none in it, or a damaged one."""
    path = folder / RECORD_FILE
    if not path.is_file():
        fail(BadInput, "BT5136", str(path), "there is no such file",
             "name a folder that `bittrue systolic vectors` wrote, or compare with a model: --check")
    try:
        return _plan(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BittrueError) as error:
        fail(BadInput, "BT5136", str(path), f"it is damaged: {error}", "write the vectors again")


def _plan(value: Mapping[str, Any]) -> VectorPlan:
    if value["format"] != FORMAT:
        raise ValueError(f"its format is {value['format']!r}, not {FORMAT}")
    template = parse_template(str(value["template"]["name"]), dict(value["template"]["tables"]))
    layers = tuple(map(LayerShape.from_json, value["layers"]))
    plan = VectorPlan(template, _count(value["rows"], 1, MOST_LANES), _count(value["cols"], 1, MOST_LANES),
                      tuple(_count(image, 0, 1 << 31) for image in value["images"]), layers)
    require_unique(plan.files)
    return plan


def _count(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r} is no number of the range")
    return value


def record_above(file: Path) -> tuple[Path, VectorPlan] | None:
    """The innermost folder above a file that has a record, and its plan."""
    found = next((folder for folder in file.resolve().parents if (folder / RECORD_FILE).is_file()), None)
    return None if found is None else (found, read_record(found))
