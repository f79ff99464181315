"""Plans on disk: read back with the model's weights, refused for another model, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bittrue.errors import BadInput
from bittrue.ir import Graph
from bittrue.targets.max7800x.device import DEVICES
from bittrue.targets.max7800x.legalize import legalize
from bittrue.targets.max7800x.network import Layer, Network, Operator, Weights
from bittrue.targets.max7800x.placement import Fifo, LayerPlacement, Placement
from bittrue.targets.max7800x.plan_file import plan_json, read_plan
from bittrue.targets.max7800x.to_graph import to_graph

from .graphs import Net

OLD = DEVICES["max78000"]


def network(seed: int = 0) -> Network:
    """Layers whose structure is not what legalization would give: a copy that a graph does not show."""
    rng = np.random.default_rng(seed)
    first = Layer("first", Operator.CONV2D, (-1,), 3, (4, 5), kernel=(3, 3), pad=(1, 1),
                  weights=Weights(rng.integers(-8, 8, (4, 3, 3, 3)), 4, bias=rng.integers(-128, 128, 4)), shift=4)
    copy = Layer("copy", Operator.PASSTHROUGH, (0,), 4, (4, 5))
    up = Layer("up", Operator.CONVTRANSPOSE2D, (1,), 4, (4, 5), kernel=(3, 3), pad=(1, 1), stride=(2, 2),
               output_pad=(1, 1), weights=Weights(rng.integers(-128, 128, (2, 4, 3, 3)), 8), output_width=32)
    return Network("net", 3, (4, 5), (first, copy, up), (2,))


def placement(count: int = 3) -> Placement:
    return Placement(tuple(LayerPlacement(7, 15, 0, 0x2000, bias_groups=(0, 1)) for _ in range(count)), True, Fifo.FAST)


def written(tmp_path: Path, net: Network, placed: Placement,
            change: Callable[[dict[str, Any]], object] = lambda plan: None) -> str:
    plan = plan_json(net, placed, OLD)
    change(plan)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    return str(path)


def test_an_imported_plan_is_read_back_with_the_weights_of_the_graph(tmp_path: Path) -> None:
    net = network()
    graph = to_graph(net).graph
    read, placed = read_plan(written(tmp_path, net, placement()), graph, OLD)
    assert placed == placement()
    for layer, original in zip(read.layers, net.layers, strict=True):
        assert (layer.weights is None) == (original.weights is None)
        if layer.weights is not None and original.weights is not None:
            assert np.array_equal(layer.weights.values, original.weights.values)
            assert layer.weights.bits == original.weights.bits
    assert to_graph(read).graph == graph


def test_a_plan_of_legalized_layers_is_read_back(tmp_path: Path) -> None:
    graph = _graph()
    net = legalize(graph, OLD).network
    read, _ = read_plan(written(tmp_path, net, placement(len(net.layers))), graph, OLD)
    assert plan_json(read, placement(1), OLD) == plan_json(net, placement(1), OLD)


def _graph() -> Graph:
    n = Net(np.random.default_rng(0))
    x = n.input(3, 6, 7)
    a = n.requant(n.conv(x, 3, 8, pads=(1, 1, 1, 1)))
    b = n.requant(n.conv(a, 8, 8, pads=(1, 1, 1, 1)))
    return n.build(n.saturated_sum(a, b))


def test_a_plan_for_other_weights_or_another_model_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, network(0), placement(2))
    with pytest.raises(BadInput) as caught:
        read_plan(path, to_graph(network(0)).graph, OLD)
    assert caught.value.diagnostics[0].code == "BT5398"
    path = written(tmp_path, network(0), placement())
    with pytest.raises(BadInput) as caught:
        read_plan(path, _graph(), OLD)
    assert caught.value.diagnostics[0].code == "BT5398"
    with pytest.raises(BadInput) as caught:
        read_plan(path, to_graph(network(0)).graph, DEVICES["max78002"])
    assert caught.value.diagnostics[0].code == "BT5398"


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no placement": lambda p: p.pop("placement"),
    "a field too many": lambda p: p["network"].update(more=1),
    "a field too few": lambda p: p["network"]["layers"][0].pop("pad"),
    "a text for a number": lambda p: p["placement"]["layers"][0].update(in_offset="0"),
    "a number for a truth": lambda p: p["placement"].update(chw=1),
    "an unknown operator": lambda p: p["network"]["layers"][0].update(operator="Conv3d"),
    "a list too long": lambda p: p["network"]["layers"][0].update(pad=[1, 1, 1]),
    "a list for a number": lambda p: p["network"].update(in_channels=[3]),
    "null layers": lambda p: p["network"].update(layers=None),
    "weights without bits": lambda p: p["network"]["layers"][0].update(weights={}),
    "a stride of 0": lambda p: p["network"]["layers"][0].update(stride=[0, 0]),
    "a pool of stride 0": lambda p: p["network"]["layers"][0]["pool"].update(stride=[0, 1]),
    "endless operands": lambda p: p["network"]["layers"][0].update(operands=10**30),
    "a huge gap": lambda p: p["placement"]["layers"][0].update(write_gap=10**30),
    "negative processors": lambda p: p["placement"]["layers"][0].update(processors=-1),
    "a float": lambda p: p["network"]["layers"][0].update(shift=1.5),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_plan_is_named(name: str, tmp_path: Path) -> None:
    net = network()
    with pytest.raises(BadInput) as caught:
        read_plan(written(tmp_path, net, placement(), DAMAGES[name]), to_graph(net).graph, OLD)
    assert [d.code for d in caught.value.diagnostics] == ["BT5399"]


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null"])
def test_what_is_no_plan_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_plan(str(path), _graph(), OLD)
    assert caught.value.diagnostics[0].code == "BT5399"


@pytest.mark.parametrize("change", [
    lambda p: p["network"]["layers"][1].update(sources=[7]),
    lambda p: p["network"]["layers"][2].update(in_channels=9),
    lambda p: p["network"].update(outputs=[5]),
    lambda p: p["network"]["layers"][0].update(kernel=[5, 5]),
])
def test_layers_that_do_not_fit_together_are_another_model(change: Callable[[Any], object], tmp_path: Path) -> None:
    net = network()
    with pytest.raises(BadInput) as caught:
        read_plan(written(tmp_path, net, placement(), change), to_graph(net).graph, OLD)
    assert caught.value.diagnostics[0].code == "BT5398"
