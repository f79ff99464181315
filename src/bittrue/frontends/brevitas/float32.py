"""The trained model as PyTorch runs it, in float32, against the graph: how often it differs, and why.

A float32 sum depends on the order of its terms, so the model does not even agree with itself between two batch sizes.
Here its own modules run, every quantizer's integers are recovered exactly, and each difference to the graph is
explained: the real value lies so near to a rounding boundary that float32 cannot tell the sides (a bound on the error
of every step says how near), or an earlier tensor of the same sample already differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from brevitas.quant_tensor import IntQuantTensor
from numpy.typing import NDArray
from torch import Tensor

from ...engine.oracle import Oracle
from ...ir import IntArray, Rounding
from .capture import evaluation, output_tensors, plain
from .freeze import Frozen
from .model import Quantize, Step
from .reference import along, batch_of, dequantized, evaluate, input_integers
from .rounding_error import UNIT, error_bound


@dataclass(frozen=True)
class Float32Layer:
    """Differences between the float32 model and the graph in one tensor of `elements` integers.

    `layer_by_layer` counts them when the layer is fed with the graph's exact inputs, `near_tie` those of them that the
    bound on float32's error explains. `end_to_end` counts them when the whole model runs in float32, `propagated` those
    of them in samples where an earlier tensor differs; the others lie near a tie (`end_to_end_near_tie`).
    """

    name: str
    elements: int
    layer_by_layer: int
    near_tie: int
    end_to_end: int
    propagated: int
    end_to_end_near_tie: int

    @property
    def unexplained(self) -> int:
        """Differences that neither rounding errors nor an earlier difference explain."""
        return self.layer_by_layer - self.near_tie + self.end_to_end - self.propagated - self.end_to_end_near_tie


@dataclass(frozen=True)
class Float32Report:
    """The float32 model against the graph, per tensor; and against itself.

    `disagreements` holds, for every batch size but the last of `batch_sizes`, in how many integers the float32 model
    differs from itself with the last batch size.
    """

    layers: tuple[Float32Layer, ...]
    samples: int
    batch_sizes: tuple[int, ...]
    disagreements: tuple[int, ...]

    @property
    def layer_by_layer(self) -> int:
        """All differences with exact inputs to every layer."""
        return sum(layer.layer_by_layer for layer in self.layers)

    @property
    def elements(self) -> int:
        """All integers behind quantizers that were compared."""
        return sum(layer.elements for layer in self.layers)

    @property
    def end_to_end(self) -> int:
        """All differences of the whole float32 model."""
        return sum(layer.end_to_end for layer in self.layers)

    @property
    def unexplained(self) -> int:
        """Differences without an explanation: anything but 0 is a fault."""
        return sum(layer.unexplained for layer in self.layers)


def float32_trace(frozen: Frozen, x: NDArray[Any] | Tensor) -> dict[str, IntArray]:
    """The integers behind every quantizer of the float32 model by the graph's names, all samples in one batch."""
    values = batch_of(frozen, x).float()
    recorded = _run(frozen, values, {})
    return {frozen.lowered.nodes[step.output].node: recorded[step.output] for step in _watched(frozen)}


def float32_report(frozen: Frozen, x: NDArray[Any] | Tensor, batch_sizes: Sequence[int] = (1,)) -> Float32Report:
    """Compare the float32 model with the graph for a float batch x, layer by layer and end to end.

    `batch_sizes` are those that the model is compared with itself at; the whole batch is added as the last one.
    """
    values = batch_of(frozen, x).float()
    sizes = (*batch_sizes, len(values))
    graph = Oracle(frozen.graph).run(input_integers(frozen, values))
    exact = {number: graph[value.node] for number, value in frozen.lowered.nodes.items()}
    watched = _watched(frozen)
    whole = _run(frozen, values, {})
    fed = _run(frozen, values, exact)
    near = _near_ties(frozen, values, exact)
    layers: list[Float32Layer] = []
    different = {0: np.zeros(len(values), np.bool_)}
    ancestors = _ancestors(frozen)
    for step in watched:
        earlier = [different[i] for i in ancestors[step.output] if i in different]
        layers.append(_compared(frozen, step, exact, fed, whole, near, earlier))
        different[step.output] = _per_sample(whole[step.output] != exact[step.output])
    apart = [_run_in_batches(frozen, values, size) for size in batch_sizes]
    counts = tuple(sum(int((run[s.output] != whole[s.output]).sum()) for s in watched) for run in apart)
    return Float32Report(tuple(layers), len(values), sizes, counts)


def _compared(frozen: Frozen, step: Step, exact: dict[int, IntArray], fed: dict[int, IntArray],
              whole: dict[int, IntArray], near: dict[int, NDArray[np.bool_]],
              earlier: list[NDArray[np.bool_]]) -> Float32Layer:
    number = step.output
    alone, total = fed[number] != exact[number], whole[number] != exact[number]
    follows = np.logical_or.reduce(earlier).reshape(-1, *(1,) * (total.ndim - 1)) & total
    counts = (alone, alone & near[number], total, follows, total & ~follows & near[number])
    return Float32Layer(frozen.lowered.nodes[number].node, total.size, *(int(c.sum()) for c in counts))


def _per_sample(different: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(different.reshape(len(different), -1).any(axis=1), np.bool_)


def _watched(frozen: Frozen) -> list[Step]:
    """The quantizers, whose integers can be recovered from float32, in order."""
    return [s for s in frozen.lowered.model.steps if isinstance(s.act, Quantize) and s.output in frozen.lowered.nodes]


def _ancestors(frozen: Frozen) -> dict[int, set[int]]:
    """For every value all values that it is computed from."""
    known: dict[int, set[int]] = {0: set()}
    for step in frozen.lowered.model.steps:
        known[step.output] = set(step.inputs).union(*(known[i] for i in step.inputs))
    return known


def _run_in_batches(frozen: Frozen, x: Tensor, size: int) -> dict[int, IntArray]:
    runs = [_run(frozen, part, {}) for part in torch.split(x, size)]
    return {number: np.concatenate([run[number] for run in runs]) for number in runs[0]}


def _run(frozen: Frozen, x: Tensor, fed: dict[int, IntArray]) -> dict[int, IntArray]:
    """Run the model's own modules in float32; the integers of every quantizer by value number.

    Where `fed` holds the value of a quantizer, its output is replaced by these integers times the scale.
    """
    quantizers = {(s.act.proxy, s.act.call): s for s in _watched(frozen) if isinstance(s.act, Quantize)}
    recorded: dict[int, IntArray] = {}

    def watch(proxy: Any, call: int, output: Any) -> Any:
        step = quantizers.get((proxy, call))
        if step is None or not isinstance(step.act, Quantize):
            return None
        real = plain(output)
        scale = along(step.act.scale, step.act.axis + 1, real)
        recorded[step.output] = torch.round(real.double() / scale).numpy().astype(np.int64)
        if step.output not in fed:
            return None
        value = torch.from_numpy(np.ascontiguousarray(fed[step.output])).float() * scale.float()
        return output.set(value=value) if isinstance(output, IntQuantTensor) else value

    with torch.no_grad(), evaluation(frozen.model), _watching({proxy for proxy, _ in quantizers}, watch):
        output_tensors(frozen.model(x.clone()))
    return recorded


@contextmanager
def _watching(proxies: set[Any], watch: Callable[[Any, int, Any], Any]) -> Iterator[None]:
    """Call `watch` with the proxy, the number of its call and its output; what it returns replaces the output."""
    calls = dict.fromkeys(proxies, 0)

    def hook(proxy: Any, args: Any, output: Any) -> Any:
        calls[proxy] += 1
        return watch(proxy, calls[proxy] - 1, output)

    with ExitStack() as hooks:
        for proxy in proxies:
            hooks.callback(proxy.register_forward_hook(hook).remove)
        yield


def _near_ties(frozen: Frozen, x: Tensor, exact: dict[int, IntArray]) -> dict[int, NDArray[np.bool_]]:
    """For every quantizer, fed with exact inputs: whether float32's error bound reaches a rounding boundary."""
    model = frozen.lowered.model
    fed = {s.output: dequantized(torch.from_numpy(exact[s.output]).double(), s.act.scale, s.act.axis + 1)
           for s in _watched(frozen) if isinstance(s.act, Quantize)}
    values = {number: real.plain for number, real in evaluate(model, x.double(), fed).items()}
    errors: dict[int, Tensor] = {0: torch.zeros_like(values[0])}
    near = {}
    for step in model.steps:
        xs, es = [values[i] for i in step.inputs], [errors[i] for i in step.inputs]
        errors[step.output] = error_bound(step, xs, es, values[step.output])
        if step.output in fed and isinstance(step.act, Quantize):
            near[step.output] = _reaches_tie(step.act, xs[0], es[0]).numpy()
    return near


def _reaches_tie(act: Quantize, x: Tensor, error: Tensor) -> Tensor:
    quotient = x / along(act.scale, act.axis + 1, x)
    bound = error / along(act.scale, act.axis + 1, x) + 2 * UNIT * quotient.abs()
    shifted = quotient if act.rounding in (Rounding.FLOOR, Rounding.TOWARD_ZERO) else quotient + 0.5
    return (shifted - torch.round(shifted)).abs() <= bound
