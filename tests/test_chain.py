"""The whole chain on trained networks: model = graph = ONNX Runtime = fast executor = RTL, every tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bittrue import api
from bittrue.chain import CHIPS, run_chain
from bittrue.engine.oracle import Oracle
from bittrue.engine.rim import to_integers
from bittrue.frontends.brevitas import freeze
from bittrue.frontends.brevitas.reference import input_integers
from bittrue.frontends.brevitas.trace import reference_trace
from bittrue.quantization import load_data, quantize
from bittrue.quantization.models import odd_cnn
from bittrue.quantization.runs import Run
from bittrue.zoo import ZOO, Recipe

CASES = [("digits_leaky", "w4a4_leaky", 0.9), ("digits_cnn", "w4a2", 0.85), ("digits_resnet", "w8a8_channel", 0.9),
         ("digits_concat", "w1a8", 0.7), ("digits_resnet", "w4a4_pow2", 0.85)]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "preset", "least"), CASES)
def test_every_link_is_exact(model: str, preset: str, least: float, tmp_path: Path) -> None:
    data = load_data("digits")
    report = run_chain(Run(model, preset, "digits"), tmp_path, recipe=Recipe(6, 6), samples=1)
    assert report.differences == 0
    assert report.certificate == "proved"
    graph = report.frozen.graph
    at_the_rim = to_integers(graph, {graph.inputs[0].name: data.test_x})
    for name, integers in input_integers(report.frozen, data.test_x).items():
        assert np.array_equal(at_the_rim[name], integers)
    assert report.float32.unexplained == 0
    assert report.accuracy["integer"] >= least
    # Real arithmetic sees the test split's every tensor, and so do both executors; the array its psums as well.
    assert report.reference.compared > 355 * 500
    assert all(r.compared >= report.reference.compared for r in report.model.executors.values())
    assert {problem.code for problem in report.refused.pop("max78000")} <= {"BT5380", "BT5381"}
    assert (report.refused, set(report.chips)) == ({}, {"systolic", "gap9"})
    assert report.chips["gap9"].target.compared > 1_000
    array = report.chips["systolic"].target
    assert {layer.op for layer in array.layers} >= {"Conv", "Linear"}
    assert array.host == ()  # from the image to the logits, nothing is left to the host
    assert all(layer.compared["psum"] and layer.compared["acc"] for layer in array.layers)


@pytest.mark.slow
def test_a_network_for_all_chips(tmp_path: Path) -> None:
    entry = ZOO["max7800x-digits"]
    report = run_chain(Run("max7800x-digits", entry.preset, "digits"), tmp_path, recipe=entry.recipe.changed(
        {"float_epochs": 2, "epochs": 2}), samples=1)
    assert report.exact
    assert report.refused == {}
    assert list(report.chips) == list(CHIPS)
    for name, project in report.chips.items():
        assert (project.certificate, project.differences) == ("proved", 0), name
        assert sum(layer.macs for layer in project.target.layers) == entry.macs, name
        assert project.target.compared > 1_500, name


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["w4a4_leaky", "w8a8_channel"])
def test_a_network_without_anything_square(preset: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    plain = odd_cnn((3, 9, 14))
    images = torch.randn(96, 3, 9, 14)
    plain(images)  # batch norm takes statistics
    frozen = freeze(quantize(plain.eval(), preset, example_input=images[:32]).eval(), images[:1], name="odd")
    inputs = input_integers(frozen, images)
    trace, reference = Oracle(frozen.graph).run(inputs), reference_trace(frozen, images)
    assert {name: int(np.count_nonzero(trace[name] != values)) for name, values in reference.items()} == \
        dict.fromkeys(reference, 0)
    model, _ = frozen.save(tmp_path / "odd.onnx")
    report = api.verify_model(model, inputs)
    assert (report.differences, report.certificate) == (0, "proved")
    api.compile(model, "systolic", tmp_path / "array", {name: x[:2] for name, x in inputs.items()},
                {"rows": 4, "cols": 8})
    array = api.verify(tmp_path / "array")
    assert (array.differences, array.certificate) == (0, "proved")
    assert len(array.target.layers) == 5
