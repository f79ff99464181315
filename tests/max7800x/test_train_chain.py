"""A network for the digits, trained in float and quantized: model, graph, ONNX Runtime and the fast executor give the
same integers, whatever the bits of the weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bittrue.max7800x as ai8x
from bittrue import api
from bittrue.engine.oracle import Oracle
from bittrue.evaluation import evaluate as evaluate_graph
from bittrue.frontends.brevitas import Frozen, float32_report, freeze, input_integers, reference_trace
from bittrue.ir.ops import Conv, Linear, Requant
from bittrue.quantization import DataSet, evaluate, fit, load_data
from bittrue.zoo.max7800x import digits

MIXED = ai8x.parse_policy("""
start_epoch: 4
weight_bits: 4
shift_quantile: 0.98
overrides:
  conv1: {weight_bits: 8, shift_quantile: 1.0}
  conv2: {weight_bits: 2, shift_quantile: 0.95}
""")
POLICIES: dict[str, tuple[ai8x.Policy | str, list[int], float]] = {
    "w8": ("max7800x-w8", [8, 8, 8, 8], 0.97), "w4": ("max7800x-w4", [4, 4, 4, 4], 0.97),
    "mixed": (MIXED, [8, 2, 4, 4], 0.95), "w2": ("max7800x-w2", [2, 2, 2, 2], 0.9),
}
"""Policy, bits of the four layers with weights, and what the accuracy has to reach."""


@lru_cache
def data() -> DataSet:
    return load_data("digits").signed


@lru_cache
def in_float() -> nn.Module:
    torch.manual_seed(0)
    model = digits()
    fit(model, data(), epochs=4, lr=4e-3, progress=False)
    return model.eval()


@lru_cache
def trained(name: str) -> Frozen:
    quantized = ai8x.quantize(in_float(), POLICIES[name][0])
    fit(quantized, data(), epochs=2, lr=1e-3, progress=False)
    return freeze(quantized, torch.from_numpy(data().test_x[:1]), name=name)


@pytest.mark.parametrize("name", POLICIES)
def test_every_tensor_is_the_same_everywhere(name: str, tmp_path: Path) -> None:
    frozen, x = trained(name), data().test_x
    assert frozen.certificate.verdict == "proved"
    assert not frozen.changes
    inputs = input_integers(frozen, x)
    assert np.array_equal(inputs["input"], np.minimum(data().test_pixels.astype(np.int64) * 16 - 128, 127))
    graph, model = Oracle(frozen.graph).run(inputs), reference_trace(frozen, x)
    assert model.keys() == frozen.graph.node.keys()
    assert all(np.array_equal(graph[tensor], values) for tensor, values in model.items())
    file, _ = frozen.save(tmp_path / "model.onnx")
    report = api.verify_model(file, inputs)
    assert (report.certificate, report.differences) == ("proved", 0)
    assert {len(r.layers) for r in report.executors.values()} == {len(frozen.graph.nodes)}


@pytest.mark.parametrize("name", POLICIES)
def test_the_model_in_float32_gives_the_graph_s_integers(name: str) -> None:
    """All sums are below 2**24 in their unit, so float32 is exact, at any batch size."""
    report = float32_report(trained(name), data().test_x[:64])
    assert (report.layer_by_layer, report.end_to_end, report.disagreements) == (0, 0, (0,))
    assert report.elements == 64 * (64 + 16 * 64 + 32 * 16 + 32 * 4)


@pytest.mark.parametrize("name", POLICIES)
def test_what_the_graph_holds(name: str) -> None:
    graph, bits = trained(name).graph, POLICIES[name][1]
    layers = [node for node in graph.nodes if isinstance(node.op, (Conv, Linear))]
    assert [node.name for node in layers] == ["conv1.op", "conv2.op", "conv3.op", "fc.op"]
    weights = [graph.constants[node.inputs[1]] for node in layers]
    assert all(weight.elem.bits <= b and weight.elem.signed for weight, b in zip(weights, bits, strict=True))
    assert [weight.elem.bits for weight in weights] == bits
    biases = [graph.constants[node.inputs[2]].values for node in layers]
    assert all(not (bias % 128).any() and np.abs(bias).max() <= 128 * 128 for bias in biases)
    assert [str(graph.types[node.inputs[0]].elem) for node in layers] == ["i8"] * 4
    requants = [node for node in graph.nodes if isinstance(node.op, Requant)]
    assert [(r.name, r.op.lo, r.op.hi) for r in requants] == [  # type: ignore[attr-defined]
        (f"conv{n}.activate", 0, 127) for n in (1, 2, 3)]
    assert str(graph.types[graph.outputs[0]]) == "i32[10]"


@pytest.mark.parametrize("name", POLICIES)
def test_accuracy(name: str) -> None:
    frozen = trained(name)
    found = evaluate_graph(frozen.graph, input_integers(frozen, data().test_x), data().test_y, 10)
    assert found.top1 == evaluate(frozen.model, data())
    assert found.top1 >= POLICIES[name][2]
    assert evaluate(in_float(), data()) >= 0.97
