"""The zoo: every network builds, is quantized by its preset and frozen, and has the figures that are stated for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bittrue import max7800x
from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import Frozen, freeze, input_integers, reference_trace
from bittrue.quantization import PRESETS, DataSet, fit, load_data, quantize
from bittrue.quantization.data import LOADERS
from bittrue.quantization.families import family_of
from bittrue.quantization.runs import MODELS
from bittrue.zoo import ZOO, Recipe

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
NEW = [name for name, entry in ZOO.items() if entry.factory.startswith("zoo.")]


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return ZOO[name].model()


def images(name: str, count: int = 2) -> torch.Tensor:
    """Integers over a power of two, as the data sets have them."""
    return torch.randint(0, 256, (count, *ZOO[name].input_shape), generator=torch.Generator().manual_seed(1)) / 256


def quantized(name: str, model: nn.Module, x: torch.Tensor) -> nn.Module:
    """The network under its own preset."""
    preset = ZOO[name].preset
    family = family_of(preset)
    return quantize(model, preset, example_input=x) if family is None else family.quantized(model, preset, "", x)


@lru_cache
def frozen(name: str) -> tuple[Frozen, torch.Tensor]:
    model, x = built(name), images(name)
    model(x)  # batch norms take statistics
    return freeze(quantized(name, model.eval(), x).eval(), x[:1], name=name), x


def random_set(name: str, count: int = 8) -> DataSet:
    """Random images of the network's shape, two of each of four classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *ZOO[name].input_shape), np.uint8)
    labels = np.arange(count) % 4
    return DataSet("random", pixels, labels, pixels, labels, 10)


@pytest.mark.parametrize("name", ZOO)
def test_macs_and_certificate_of_the_frozen_graph(name: str) -> None:
    graph = frozen(name)[0]
    types = graph.graph.types
    macs = sum(node.op.macs(*(types[operand] for operand in node.inputs)) for node in graph.graph.nodes)
    assert macs == ZOO[name].macs
    assert graph.certificate.verdict == "proved"
    assert types[graph.graph.outputs[0]].shape == (10,)


@pytest.mark.parametrize("name", ZOO)
def test_the_frozen_graph_is_the_model(name: str) -> None:
    model, x = frozen(name)
    graph, reference = Oracle(model.graph).run(input_integers(model, x)), reference_trace(model, x)
    different: Mapping[str, int] = {n: int(np.count_nonzero(graph[n] != v)) for n, v in reference.items()}
    assert different == dict.fromkeys(reference, 0)
    assert len(reference) > 5


@pytest.mark.parametrize("name", ZOO)
def test_parameters(name: str) -> None:
    assert sum(p.numel() for p in built(name).parameters()) == ZOO[name].parameters


@pytest.mark.parametrize("name", NEW)
def test_docstrings_state_the_figures(name: str) -> None:
    module, _, function = ZOO[name].factory.partition(":")
    text = re.sub(r"\s+", " ", getattr(import_module(f"bittrue.{module}"), function).__doc__)
    assert f"{ZOO[name].macs:,} MACs, {ZOO[name].parameters:,} parameters" in text


@pytest.mark.parametrize("name", ZOO)
def test_an_entry_names_what_exists(name: str) -> None:
    entry = ZOO[name]
    assert entry.data in LOADERS
    assert entry.preset in (*PRESETS, *max7800x.PRESETS)
    if entry.data == "digits":
        assert load_data("digits").input_shape == entry.input_shape
    assert MODELS[name]().state_dict().keys() == built(name).state_dict().keys()


@pytest.mark.parametrize("name", [n for n in NEW if ZOO[n].macs < 50_000_000])
def test_both_trainings_of_a_recipe_run(name: str) -> None:
    """One epoch of each, on random images: the settings are accepted, and the weights of all layers move."""
    recipe = ZOO[name].recipe.changed({"float_epochs": 1, "epochs": 1, "batch_size": 4})
    model, data = built(name), random_set(name)
    before = {n: p.clone() for n, p in model.named_parameters()}
    fit(model, data, **recipe.float_settings())
    assert all(not torch.equal(p, before[n]) for n, p in model.named_parameters() if n.endswith("weight"))
    trained = quantized(name, model, torch.from_numpy(data.train_x))
    history = fit(trained, data, **recipe.quantized_settings()).history
    assert history[0]["learning_rate"] == (recipe.quantized_lr or recipe.lr)


def test_a_recipe_changes_only_what_is_given() -> None:
    recipe = Recipe(lr=0.1, quantized_lr=0.01, momentum=0.8)
    assert recipe.changed({"epochs": None, "lr": None}) == recipe
    assert recipe.quantized_settings()["lr"] == 0.01
    assert recipe.changed({"lr": 0.5}).quantized_settings()["lr"] == 0.5
    assert recipe.changed({"lr": 0.5, "quantized_lr": 0.2}).quantized_settings()["lr"] == 0.2
    assert recipe.changed({"float_epochs": 0, "epochs": 3}).float_settings()["epochs"] == 0


def test_the_vgg_layers() -> None:
    leaky, squeezed = dict(built("vgg16-w4a4").named_children()), dict(built("vgg16-w4a2").named_children())
    assert [leaky[f"conv{n}"].out_channels for n in range(1, 14)] == [64, 64, 128, 128, 256, 256, 256, 8, 8, 512, 512,
                                                                     512, 512]
    assert (squeezed["conv9"].in_channels, squeezed["conv9"].out_channels) == (16, 16)
    assert [n for n in range(1, 14) if f"conv{n}_norm" not in leaky] == [9]
    assert [n for n in range(1, 14) if f"conv{n}_norm" not in squeezed] == [9]
    assert {m.negative_slope for m in leaky.values() if isinstance(m, nn.LeakyReLU)} == {0.05}
    assert not any(isinstance(m, nn.LeakyReLU) for m in squeezed.values())


def test_the_page_states_every_network() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    rows = {row.split("|")[1].strip(" `"): row for row in table.splitlines() if row.startswith("| `")}
    assert rows.keys() == ZOO.keys()
    for name, entry in ZOO.items():
        shape = "x".join(map(str, entry.input_shape))
        for figure in (shape, f"{entry.macs:,}", f"{entry.parameters:,}", f"`{entry.preset}`", entry.data):
            assert f"| {figure} |" in rows[name]


def test_the_table_needs_no_pytorch() -> None:
    code = "import sys; sys.modules['torch'] = None; import bittrue.zoo, bittrue.cli; print(len(bittrue.zoo.ZOO))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(ZOO)}\n"
