"""What an import and a placement leave on disk; everything is made before anything is written."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...files import write_whole
from ...ir import Graph
from ...ir.onnx import to_bytes, to_model
from ..base import Options
from ..project import Manifest
from ..verification import emit_project
from .ai8x import Imported, write_description
from .device import Device
from .options import Max7800xOptions
from .plan import Max7800xPlan
from .plan_file import plan_json
from .project import project_kind

MODEL, PLAN, DESCRIPTION, SAMPLE = "model.onnx", "plan.json", "network.yaml", "sample.npy"


def import_files(found: Imported, graph: Graph, device: Device) -> dict[str, bytes]:
    """The graph (`to_graph` of the network), the plan, the description and the sample, by the names of their files.

    Raises `Unsupported` (BT5240) for a network that has no description.
    """
    files = {MODEL: to_bytes(to_model(graph)),
             PLAN: json_bytes(plan_json(found.network, found.placement, device)),
             DESCRIPTION: write_description(found.network, found.placement, found.description.arch or "",
                                            found.description.dataset or "").encode()}
    if found.sample is not None:
        content = io.BytesIO()
        np.save(content, found.sample.astype(np.int64), allow_pickle=False)
        files[SAMPLE] = content.getvalue()
    return files


def emit_import(found: Imported, graph: Graph, device: Device, files: Mapping[str, bytes], folder: Path,
                options: Options) -> Manifest:
    """Write the project of an import, with its sample or a random one (seed 0).

    The graph gives the same network and the plan file the same placement again (see `plan_file`), so neither is read.
    The network must keep the limits of the chip. Raises `BadInput` for wrong options, `Unsupported` for what is not
    emitted.
    """
    chosen = Max7800xOptions.parse(device.name, options)
    plan = Max7800xPlan.of(device, found.network, found.placement, chosen)
    (entry,) = (graph.types[node.name] for node in graph.inputs)
    sample = found.sample
    if sample is None:
        sample = np.random.default_rng(0).integers(entry.elem.min, entry.elem.max + 1, entry.shape)
    inputs = {graph.inputs[0].name: np.reshape(sample, (1, *entry.shape))}
    return emit_project(project_kind(device), graph, plan, inputs, folder, {MODEL: files[MODEL]})


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
