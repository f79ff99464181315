"""The C project of a plan: what every file of it holds.

    model.onnx, ...             what was attached: the graph's file, its certificate
    plan.json                   layers, tiles, memory, options, hashes of what the project was made from
    inputs/{n}_{name}.npy       the samples, int64 (N, *shape); the first one is the sample of the C project
    main.c network.c ...        the program, by `emit`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.base import Trace
from ...ir import Graph, IntArray
from ..sources import Files, Project, ProjectFile, ProjectKind
from .emit import emit
from .network import DTYPES, Network, Tensor
from .plan import NAME, Gap9Plan, make_plan

Gap9Project = Project[Gap9Plan]


def project_files(graph: Graph, plan: Gap9Plan, trace: Trace) -> Files:
    """The files of the C project. `trace` holds every tensor of every sample; the first sample is the project's."""
    sample, answers = sample_bytes(plan.network, trace, 0), answer_bytes(plan.network, trace, 0)
    for name, data in emit(plan.program, sample, answers).items():
        yield ProjectFile(name, data)


def _planned(graph: Graph, options: Mapping[str, Any], path: Path) -> Gap9Plan:
    return make_plan(graph, options)


KIND = ProjectKind(NAME, _planned, project_files)
"""How projects come about."""


def sample_bytes(network: Network, trace: Trace, number: int) -> dict[str, bytes]:
    """The network's inputs of one sample, by tensor, as they lie in memory."""
    return {name: _bytes(network, trace, name, number) for name in network.inputs}


def answer_bytes(network: Network, trace: Trace, number: int) -> dict[str, bytes]:
    """What every layer gives for one sample, by its output tensor, dense."""
    return {layer.output: _bytes(network, trace, layer.output, number) for layer in network.layers}


def _bytes(network: Network, trace: Trace, name: str, number: int) -> bytes:
    values = tensor_values(network, trace, name)[number]
    return to_bytes(network.tensors[name], values)


def to_bytes(tensor: Tensor, values: IntArray) -> bytes:
    """Values (..., height, width, channels) as the tensor's elements."""
    return np.ascontiguousarray(values).astype(DTYPES[tensor.elem]).tobytes()


def from_bytes(tensor: Tensor, data: bytes) -> IntArray:
    """Elements of one sample as values (height, width, channels)."""
    elements = np.frombuffer(data, DTYPES[tensor.elem]).astype(np.int64)
    return elements.reshape(tensor.height, tensor.width, tensor.channels)


def tensor_values(network: Network, trace: Trace, name: str) -> IntArray:
    """All samples of a tensor in the order of the memory, (N, height, width, channels).

    A tensor that is no node of the graph is a slice of one that is.
    """
    tensor = network.tensors[name]
    if name in trace:
        return tensor.to_memory(trace[name])
    if tensor.within is None:
        raise KeyError(name)
    whole, first = tensor.within
    return tensor_values(network, trace, whole)[..., first:first + tensor.channels]
