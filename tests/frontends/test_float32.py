"""The float32 model against the graph: differences are counted and explained, and faults are not explained away."""

from __future__ import annotations

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from zoo import MODELS, trained

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput
from bittrue.frontends.brevitas import Frozen, float32_report, freeze, input_integers, reference_trace


class Wide(nn.Module):
    """Sums of 360 products with 8 bits each, three times."""

    def __init__(self) -> None:
        super().__init__()
        self.input = qnn.QuantIdentity()
        self.layers = nn.ModuleList(
            nn.Sequential(qnn.QuantConv2d(40 if i else 1, 40, 3, padding=1, bias=False), nn.BatchNorm2d(40),
                          qnn.QuantReLU()) for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.fixture(scope="module")
def wide() -> Frozen:
    return freeze(trained(Wide, (1, 8, 6)), torch.rand(1, 1, 8, 6))


def images(count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(3).uniform(-1, 2, (count, 1, 8, 6)).astype(np.float32))


def test_summation_order_shows_near_ties_only(wide: Frozen) -> None:
    report = float32_report(wide, images(80), (1, 7))
    assert report.layer_by_layer > 0
    assert report.end_to_end > 0
    assert report.unexplained == 0
    assert [layer.name for layer in report.layers] == ["input", *(f"layers.{i}.2" for i in range(3))]
    assert report.layers[0].layer_by_layer == report.layers[0].end_to_end == 0
    assert sum(layer.propagated for layer in report.layers) > 0


def test_the_float32_trace_counts_what_the_report_counts(wide: Frozen) -> None:
    x = images(80)
    graph = Oracle(wide.graph).run(input_integers(wide, x))
    model = reference_trace(wide, x, torch.float32)
    found = {name: int((values != graph[name]).sum()) for name, values in model.items()}
    assert found == {layer.name: layer.end_to_end for layer in float32_report(wide, x, ()).layers}


def test_a_changed_parameter_is_not_explained() -> None:
    build, shape = MODELS["w8a8 per channel"]
    frozen = freeze(trained(build, shape), torch.rand(1, *shape))
    norm = frozen.model.get_submodule("2")
    with torch.no_grad():
        norm.bias += 0.01  # type: ignore[operator]
    assert float32_report(frozen, images(20)).unexplained > 0


@pytest.mark.parametrize("x", [np.zeros((2, 8, 6), np.float32), np.zeros((2, 1, 8, 6), np.int64)])
def test_another_shape_or_type_is_refused(wide: Frozen, x: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(BadInput, match="BT4002"):
        reference_trace(wide, x)


def test_another_precision_is_refused(wide: Frozen) -> None:
    with pytest.raises(BadInput, match=r"BT2121.*float16"):
        reference_trace(wide, images(1), torch.float16)
