"""The networks for GAP9: their counts, their models, their integer graphs with random weights, frozen ones."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import input_integers, reference_trace
from bittrue.ir import Graph, Rounding
from bittrue.ir.ops import Requant
from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.execution import check_simulation
from bittrue.targets.gap9.execution.verify import CLUSTER, HOST
from bittrue.zoo.gap9 import NETWORKS, Kind, Topology, random_graph, small_graph
from bittrue.zoo.gap9.frozen import Trained, trained
from bittrue.zoo.gap9.model import Model, model
from gap9.project_networks import emitted
from gap9.random_networks import sample

PAGE = Path(__file__).parents[2] / "docs" / "gap9-networks.md"

BY_HAND = {
    "simplecnn": 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64 + 7 * 7 * 64 * 10,
    "tinycnn": 28 * 28 * 25 * 16 + 14 * 14 * 25 * 16 * 16 + 7 * 7 * 16 * 10,
    "mlp": 784 * 256 + 256 * 128 + 128 * 10,
    "resnet_basic": (28 * 28 * 9 * (16 + 2 * 16 * 16) + 14 * 14 * (9 * (16 * 24 + 24 * 24) + 16 * 24) + 24 * 10),
    "densenet_basic": (28 * 28 * (9 * (16 + 16 * 8 + 24 * 8) + 32 * 16) + 14 * 14 * 9 * (16 * 8 + 24 * 8) + 32 * 10),
    "multitilecnn": 64 * 64 * 9 * 3 * 32 + 32 * 32 * 9 * 32 * 32 + 16 * 16 * 9 * 32 * 32 + 8 * 8 * 32 * 10,
    "bottleneck": (16 * 16 * (9 * 3 * 64 + 2 * (64 * 16 + 9 * 16 * 16 + 16 * 64) + 64 * 32)
                   + 8 * 8 * (9 * 32 * 32 + 32 * 128 + 64 * 128) + 128 * 10),
    "stride2": (32 * 32 * 9 * 3 * 16 + 16 * 16 * 9 * 16 * 32 + 8 * 8 * 9 * 32 * 64 + 4 * 4 * 9 * 64 * 128
                + 2 * 2 * 9 * 128 * 128 + 128 * 10),
    "padding": (32 * 32 * 25 * 3 * 32 + 30 * 30 * 9 * 32 * 32 + 32 * 32 * 9 * 32 * 64 + 16 * 16 * 9 * 64 * 64
                + 16 * 16 * 3 * 64 * 32 + 32 * 10),
    "resnet18": (20 * 20 * 9 * (3 * 32 + 4 * 32 * 32)
                 + sum(n * n * (9 * (w * w // 2 + 3 * w * w) + w * w // 2) for n, w in ((10, 64), (5, 128), (3, 256)))
                 + 256 * 10),
    "linear3d": 400 * (20 * 384 + 2 * 384 * 768) + 384 * 7,
    "resnet8": 12_501_632,
    "ds_cnn": 125 * 64 * (40 + 4 * (9 + 64)) + 64 * 12,
    "mobilenet": 7_489_664,
    "autoencoder": 2 * 640 * 128 + 6 * 128 * 128 + 2 * 128 * 8,
}
"""Multiply-accumulates as one counts them; of two networks as they are published for MLPerf Tiny's models."""


KINDS = (CLUSTER, HOST)


def macs(graph: Graph) -> int:
    """Multiply-accumulates of a graph."""
    return sum(node.op.macs(*(graph.types[name] for name in node.inputs)) for node in graph.nodes)


@lru_cache
def small(name: str, seed: int) -> Graph:
    return small_graph(name, seed)


@pytest.mark.parametrize("name", BY_HAND)
def test_multiply_accumulates_by_hand(name: str) -> None:
    assert NETWORKS[name].macs == BY_HAND[name]


def test_fair_beside_the_published_cycles() -> None:
    """At least two multiply-accumulates per published cycle; the MLP is published layer by layer."""
    least = {name: network.macs / network.published_cycles for name, network in NETWORKS.items()
             if network.published_cycles is not None and name != "mlp"}
    assert len(least) == 10
    assert min(least.values()) >= 2
    exact = [name for name, network in NETWORKS.items() if network.macs == network.published_macs]
    assert exact == ["linear3d"]
    assert 60_182_528 == NETWORKS["resnet18"].macs >= (NETWORKS["resnet18"].published_macs or 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_models_multiply_and_accumulate_as_often(name: str) -> None:
    """Counted while the model runs: every output of a layer takes one product per weight of its channel."""
    plain, counted = model(name).eval(), 0

    def count(module: torch.nn.Module, x: object, y: torch.Tensor) -> None:
        nonlocal counted
        assert isinstance(module.weight, torch.Tensor)
        counted += y.numel() * module.weight[0].numel()

    for module in plain.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        plain(torch.rand(1, *NETWORKS[name].input))
    assert counted == NETWORKS[name].macs


@pytest.mark.parametrize("name", NETWORKS)
def test_models_have_the_shapes_of_their_descriptions(name: str) -> None:
    network, scaled = NETWORKS[name], NETWORKS[name].topology(0.25)
    assert sum(p.numel() for p in model(name).parameters()) == network.parameters
    shapes = {}
    built = Model(scaled).eval()
    for step in scaled.steps:
        if hasattr(built, step.name):
            built.get_submodule(step.name).register_forward_hook(
                lambda module, x, y, step=step: shapes.update({step.name: tuple(y.shape[1:])}))
    with torch.no_grad():
        found = built(torch.rand(2, *network.input))
    assert tuple(found.shape[1:]) == scaled.steps[-1].shape
    assert shapes == {step.name: step.shape for step in scaled.steps if step.name in shapes}
    assert len(shapes) == sum(step.kind not in (Kind.ADD, Kind.CAT, Kind.TRANSPOSE) for step in scaled.steps)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_random_graphs(name: str) -> None:
    graph, other = small(name, 0), small(name, 1)
    shape = graph.types["x"].shape
    assert len(shape) == len(NETWORKS[name].input)
    assert len(shape) == 1 or shape[-1] != shape[-2]
    assert macs(graph) == NETWORKS[name].topology(NETWORKS[name].small, shape).macs < 500_000
    assert graph.constants != other.constants
    assert small_graph(name, 0) == graph
    found = Oracle(graph).run(sample(graph, 4))
    assert all(values.min() < values.max() for values in found.values())
    assert (found[graph.outputs[0]][0] != found[graph.outputs[0]][1]).any()


def test_requantizations_differ() -> None:
    ops = [node.op for name in NETWORKS for seed in (0, 1) for node in small(name, seed).nodes
           if isinstance(node.op, Requant)]
    assert {op.rounding for op in ops} == set(Rounding)
    counts = {len(graph.constants[node.inputs[1]].values) > 1 for name in NETWORKS for graph in [small(name, 0)]
              for node in graph.nodes if isinstance(node.op, Requant)}
    assert counts == {True, False}


def test_the_whole_network_with_random_weights() -> None:
    graph = random_graph("stride2", 3)
    assert graph.types["x"].shape == (3, 64, 80)
    assert macs(graph) == NETWORKS["stride2"].topology(1.0, (3, 64, 80)).macs
    assert graph.types[graph.outputs[0]].shape == (10,)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_random_graphs_as_projects(name: str, tmp_path: Path) -> None:
    """On the cluster, with the program's own known answers, and compiled for this computer."""
    graph = small(name, 0)
    report = check_simulation(emitted(graph, GAP9.plan(graph), tmp_path))
    assert (report.problems, report.differences) == ((), 0)
    assert len(report.layers) >= NETWORKS[name].layers
    assert all(min(layer.compared[kind] for kind in KINDS) > 0 for layer in report.layers)


SCALED = {"mlp": 0.5, "densenet_basic": 0.3, "zeropad2d": 0.25, "depthwise": 0.2, "linear3d": 0.05}


@lru_cache
def made(name: str) -> Trained:
    return trained(name, steps=4, scale=SCALED[name])


@pytest.mark.parametrize("name", SCALED)
def test_trained_quantized_and_frozen(name: str) -> None:
    """Frozen graphs are the model, are proved, and tell samples apart."""
    frozen, data = made(name).frozen, made(name).data
    assert macs(frozen.graph) == NETWORKS[name].topology(SCALED[name]).macs
    assert frozen.certificate.verdict == "proved"
    images = data.batch(2)[0]
    found, expected = Oracle(frozen.graph).run(input_integers(frozen, images)), reference_trace(frozen, images)
    assert all(np.array_equal(found[key], values) for key, values in expected.items())
    assert all(values.min() < values.max() for values in found.values())
    first, second = found[frozen.graph.outputs[0]]
    assert (first != second).any()
    plain, quantized = made(name).losses()
    assert 0 < plain < 5
    assert 0 < quantized < 5


def test_the_same_seed_gives_the_same_graph() -> None:
    again, other = (trained("mlp", steps=4, scale=SCALED["mlp"], seed=seed).frozen.graph for seed in (0, 1))
    assert again == made("mlp").frozen.graph != other


def test_scaling_leaves_few_channels_and_the_head() -> None:
    topology = Topology((3, 9, 13), 0.1)
    x = topology.conv(topology.conv("x", 64, padding=1), 3, (2, 5), (2, 1))
    topology.head(topology.global_pool(x), 10)
    assert [step.shape for step in topology.steps] == [(6, 9, 13), (3, 4, 9), (3, 1, 1), (3,), (10,)]
    assert topology.macs == 9 * 13 * 27 * 6 + 4 * 9 * 10 * 6 * 3 + 30
    assert topology.parameters == (27 * 6 + 12) + (10 * 6 * 3 + 6) + (30 + 10)


def test_the_page_states_every_network() -> None:
    rows = {line.split("|")[1].strip(" `"): [cell.strip() for cell in line.split("|")[2:-1]]
            for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")}
    assert rows == {name: ["x".join(map(str, network.input)), f"{network.macs:,}", f"{network.parameters:,}",
                           str(network.layers), number(network.published_cycles), number(network.published_macs)]
                    for name, network in NETWORKS.items()}


def number(value: int | None) -> str:
    """As the page writes it."""
    return "" if value is None else f"{value:,}"


def test_descriptions_and_random_graphs_need_no_pytorch() -> None:
    code = ("import sys; sys.modules['torch'] = None; "
            "from bittrue.zoo.gap9 import small_graph; print(small_graph('mlp').name)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "mlp_0\n"
