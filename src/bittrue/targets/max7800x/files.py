"""What an import and a placement leave on disk; everything is made before anything is written."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...files import write_whole
from ...ir.onnx import to_bytes, to_model
from .ai8x import Imported, write_description
from .device import Device
from .plan import Max7800xPlan
from .plan_file import plan_json
from .to_graph import to_graph

MODEL, PLAN, DESCRIPTION, SAMPLE = "model.onnx", "plan.json", "network.yaml", "sample.npy"


def write_import(found: Imported, device: Device, folder: Path) -> list[str]:
    """Write the graph, the plan, the description and the sample of an import; returns the files' names.

    Raises `Unsupported` (BT5200, BT5240) and `BadInput` for a network that has no graph or no description, OSError.
    """
    files = {MODEL: to_bytes(to_model(to_graph(found.network).graph)),
             PLAN: json_bytes(plan_json(found.network, found.placement, device)),
             DESCRIPTION: write_description(found.network, found.placement, found.description.arch or "",
                                            found.description.dataset or "").encode()}
    if found.sample is not None:
        content = io.BytesIO()
        np.save(content, found.sample.astype(np.int64), allow_pickle=False)
        files[SAMPLE] = content.getvalue()
    return write_files(files, folder)


def placement_files(plan: Max7800xPlan, arch: str, dataset: str) -> dict[str, bytes]:
    """The plan and the description of a placed network. Raises `Unsupported` (BT5240)."""
    return {PLAN: json_bytes(plan.to_json()),
            DESCRIPTION: write_description(plan.network, plan.placement, arch, dataset).encode()}


def write_files(files: Mapping[str, bytes], folder: Path) -> list[str]:
    """Write files into a folder, which is made if needed; each completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return list(files)


def json_bytes(value: object) -> bytes:
    """JSON text, the same for the same value."""
    return (json.dumps(value, indent=1) + "\n").encode()
