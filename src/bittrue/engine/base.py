"""What an executor is: something that runs a graph on a batch and hands back every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ..errors import BadInput, Diagnostics, declare
from ..ir import Graph, IntArray

declare({
    "BT4001": "an input of the graph is missing or unknown",
    "BT4002": "an input has the wrong shape",
    "BT4003": "an input holds values outside of its integer type",
})

Trace = dict[str, IntArray]
"""Every tensor of a run by node name: int64, (batch, *shape of one sample)."""


class Executor(Protocol):
    """Runs one graph."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        """All tensors of the graph (inputs included) for a batch of inputs by name.

        Inputs are integer arrays (batch, *shape). Raises `BadInput` (BT4001..BT4003) for inputs that do not fit.
        """
        ...


def checked_inputs(graph: Graph, inputs: Mapping[str, IntArray]) -> Trace:
    """The inputs as int64 in graph order. Raises `BadInput` naming every input that is missing, misshapen or out of
    range."""
    found = Diagnostics()
    expected = {node.name: graph.types[node.name] for node in graph.inputs}
    for name in expected.keys() ^ inputs.keys():
        found.add("BT4001", f"input {name}", "it is not given" if name in expected else "the graph has no such input",
                  f"give exactly {', '.join(expected)}")
    batches = {inputs[name].shape[:1] for name in expected.keys() & inputs.keys()}
    for name in sorted(expected.keys() & inputs.keys()):
        tensor, array = expected[name], inputs[name]
        if array.shape[1:] != tensor.shape or array.ndim == 0 or len(batches) > 1:
            found.add("BT4002", f"input {name}", f"its shape is {array.shape}, not (batch, "
                      f"{', '.join(map(str, tensor.shape))}) with one batch size for all inputs", "reshape it")
        elif array.dtype.kind not in "iu" or not tensor.elem.holds(array):
            found.add("BT4003", f"input {name}", f"it holds {array.dtype} values beyond {tensor.elem} "
                      f"({tensor.elem.min}..{tensor.elem.max})", "quantize it with the input's scale first")
    found.raise_as(BadInput)
    return {name: inputs[name].astype(np.int64) for name in expected}
