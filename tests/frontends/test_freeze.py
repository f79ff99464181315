"""A frozen model is the trained model: every tensor, on random and real images, and by proof."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F
from zoo import MODELS, Residual, trained

from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import Frozen, float32_report, freeze, input_integers, reference_trace, snap_output_bias
from bittrue.ir import Rounding
from bittrue.ir.onnx import load
from bittrue.ir.ops import Add, AvgPool, Concat, Conv, Requant

SAMPLES = 200

ONLY_IN_THE_GRAPH: dict[str, set[str]] = {
    "depthwise": {"6"},  # requantized before it is pooled
    "averages": {"2"},  # the sum of accumulators that have yet to get their bias
    "shapes": {"input", "pad", "quant", "permute"},  # quantized before it moves
    "twins": {"relu"},
}
"""Tensors that the model does not have as integers times a scale, by model; all others are compared."""


@pytest.fixture(scope="module", params=MODELS)
def frozen(request: pytest.FixtureRequest) -> Frozen:
    build, shape = MODELS[request.param]
    return freeze(trained(build, shape), torch.rand(2, *shape), name=request.param)


def noise(frozen: Frozen, count: int = SAMPLES) -> torch.Tensor:
    shape = frozen.lowered.model.input_shape
    return torch.from_numpy(np.random.default_rng(5).uniform(-1, 2, (count, *shape)).astype(np.float32))


def digits(shape: tuple[int, ...], count: int) -> torch.Tensor:
    """Real images, cut to size, 0..1."""
    images = load_digits().images[:count].astype(np.float32) / 16
    return torch.from_numpy(images[:, :shape[-2], :shape[-1]].reshape(count, *shape))


def differences(frozen: Frozen, x: torch.Tensor) -> dict[str, int]:
    """Elements in which the graph differs from the trained model in real arithmetic, by tensor."""
    graph = Oracle(frozen.graph).run(input_integers(frozen, x))
    model = reference_trace(frozen, x)
    return {name: int((graph[name] != values).sum()) for name, values in model.items()}


def test_every_tensor_of_the_model_is_in_the_graph(frozen: Frozen) -> None:
    for x in (noise(frozen), digits(frozen.lowered.model.input_shape, SAMPLES)):
        found = differences(frozen, x)
        assert set(found.values()) == {0}, found
    assert frozen.graph.node.keys() - found.keys() == ONLY_IN_THE_GRAPH.get(frozen.graph.name, set())


def test_the_graph_is_proved_equal(frozen: Frozen) -> None:
    assert frozen.certificate.verdict == "proved"
    requants = {node.name for node in frozen.graph if isinstance(node.op, Requant)}
    assert requants == frozen.steps.keys() == {layer.name for layer in frozen.certificate.layers}


def test_float32_differences_are_explained(frozen: Frozen) -> None:
    report = float32_report(frozen, noise(frozen, 40), (1, 8))
    assert report.unexplained == 0
    assert report.samples == 40
    assert report.batch_sizes == (1, 8, 40)
    assert len(report.disagreements) == 2
    assert sum(layer.elements for layer in report.layers) > 0


def test_freezing_twice_gives_the_same_bytes(frozen: Frozen, tmp_path: Path) -> None:
    paths = [frozen.save(tmp_path / name) for name in ("a", "b.onnx")]
    assert [p.name for p in paths[1]] == ["b.onnx", "b.cert.json"]
    assert paths[0][0].read_bytes() == paths[1][0].read_bytes()
    assert load(paths[0][0]) == frozen.graph
    again = freeze(frozen.model, noise(frozen, 1), name=frozen.graph.name)
    assert again.graph == frozen.graph
    assert again.changes == ()


def test_names_come_from_module_paths() -> None:
    build, shape = MODELS["w8a8 per channel"]
    graph = freeze(trained(build, shape), torch.rand(1, *shape)).graph
    assert [(n.name, n.op.kind) for n in graph] == [
        ("input", "Input"), ("1", "Conv"), ("3", "Requant"), ("4", "MaxPool"), ("5", "Conv"), ("7", "Requant"),
        ("8", "Flatten"), ("9", "Linear")]
    assert sorted(graph.constants) == ["1.weight", "3.multiplier", "3.offset", "3.shift", "5.weight", "7.multiplier",
                                       "7.offset", "7.shift", "9.bias", "9.weight"]
    assert len(graph.constants["3.multiplier"].values) == 5
    assert all(graph.node[name].scale is not None for name in ("input", "1", "3", "4", "8", "9"))


def test_weights_keep_their_bits() -> None:
    build, shape = MODELS["binary and ternary"]
    graph = freeze(trained(build, shape), torch.rand(1, *shape)).graph
    first, second = (graph.constants[n.inputs[1]] for n in graph if isinstance(n.op, Conv))
    assert (str(first.elem), np.unique(first.values).tolist()) == ("i2", [-1, 1])
    assert (str(second.elem), np.unique(second.values).tolist()) == ("i2", [-1, 0, 1])


def test_rounding_is_read_from_the_quantizer() -> None:
    expected = {"power of two": {Rounding.HALF_UP, Rounding.HALF_EVEN}, "rounding down": {Rounding.FLOOR},
                "dropping fractions": {Rounding.TOWARD_ZERO}}
    for name, modes in expected.items():
        build, shape = MODELS[name]
        graph = freeze(trained(build, shape), torch.rand(1, *shape)).graph
        assert {n.op.rounding for n in graph if isinstance(n.op, Requant)} == modes


def test_power_of_two_scales_need_no_multiplier() -> None:
    build, shape = MODELS["power of two"]
    graph = freeze(trained(build, shape), torch.rand(1, *shape)).graph
    multipliers = [graph.constants[n.inputs[1]].values for n in graph if isinstance(n.op, Requant)]
    assert len(multipliers) == 3
    assert all((m & (m - 1) == 0).all() for m in multipliers)


def test_max_pooling_follows_the_requantization_where_gains_are_negative() -> None:
    build, shape = MODELS["depthwise"]
    model = trained(build, shape)
    assert (model[4].weight < 0).any()  # type: ignore[index, union-attr, operator]
    kinds = [n.op.kind for n in freeze(model, torch.rand(1, *shape)).graph]
    assert kinds[kinds.index("MaxPool") - 1] == "Requant"


def test_branches_are_aligned() -> None:
    build, shape = MODELS["concatenated"]
    graph = freeze(trained(build, shape), torch.rand(1, *shape)).graph
    assert [str(graph.types[n.name]) for n in graph if isinstance(n.op, Concat)] == ["u8[5,8,6]", "u8[5,8,6]",
                                                                                  "u8[10,8,6]"]
    again = freeze(trained(lambda: Residual(True), (1, 8, 6)), torch.rand(1, 1, 8, 6)).graph
    assert [str(again.types[n.name].elem) for n in again if isinstance(n.op, Add)] == ["i7", "i7"]


def test_pooling_divides_where_ties_go_both_ways() -> None:
    """An average over 48 integers with the scale of its quantizer lies on ties, which go to the even neighbour."""
    graph = freeze(trained(lambda: Residual(False), (1, 8, 6)), torch.rand(1, 1, 8, 6)).graph
    pool = graph.node["adaptive_avg_pool2d"].op
    assert isinstance(pool, AvgPool)
    assert (pool.divisor, pool.rounding) == (48, Rounding.HALF_EVEN)
    build, shape = MODELS["averages"]
    pools = [n.op for n in freeze(trained(build, shape), torch.rand(1, *shape)).graph if isinstance(n.op, AvgPool)]
    assert [p.divisor for p in pools] == [1, 1, 1]  # other scales: the requantization divides


def test_quant_tensors_change_nothing() -> None:
    with_them, without = (freeze(trained(lambda q=q: Residual(q), (1, 8, 6)), torch.rand(1, 1, 8, 6)).graph  # type: ignore[misc]
                          for q in (True, False))
    assert with_them == without


def test_the_model_is_left_as_it_was() -> None:
    build, shape = MODELS["w8a8 per channel"]
    model = trained(build, shape).train()
    before = copy.deepcopy(model.state_dict())
    frozen = freeze(model, torch.rand(2, *shape))
    assert model.training
    assert not frozen.model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_output_bias_moves_to_the_grid() -> None:
    build, shape = MODELS["w8a8 per channel"]
    model, example = trained(build, shape), torch.rand(2, *shape)
    frozen = freeze(model, example)
    (change,) = frozen.changes
    assert change.layer == "9"
    assert 0 < change.channels <= 10
    assert 0 < change.largest <= 0.5 * change.grid * (1 + 1e-6)  # float32 rounds the moved bias once more
    assert "9.bias: 10 channels moved" in str(change)
    assert snap_output_bias(model, example) == frozen.changes
    assert torch.equal(model[9].bias, frozen.model[9].bias)  # type: ignore[index, arg-type]
    assert freeze(model, example, snap=False).graph == frozen.graph
    assert snap_output_bias(model, example) == ()


def test_slopes_and_bounds_are_those_that_float32_computes_with() -> None:
    build, shape = MODELS["w4a2"]
    steps = freeze(trained(build, shape), torch.rand(2, *shape)).steps
    assert steps["6"].slope == -float(F.leaky_relu(torch.tensor(-1.0), 0.1)) == float(np.float32(0.1)) != 0.1
    build, shape = MODELS["depthwise"]
    steps = freeze(trained(build, shape), torch.rand(2, *shape)).steps
    assert steps["9"].clip == (-0.5, 0.25)
    assert steps["2.3"].batch_norm is not None
    assert steps["2.3"].batch_norm.eps == float(np.float32(1e-5))


def test_scales_of_the_input() -> None:
    build, shape = MODELS["twins"]
    frozen = freeze(trained(build, shape), torch.rand(2, *shape))
    assert frozen.input_scale.keys() == {"input", "input_2"}
    assert str(frozen.graph.types["input_2"].elem) == "i3"
    assert len(frozen.graph.outputs) == 2


def test_ties_of_the_input_are_those_of_real_arithmetic() -> None:
    build, shape = MODELS["w4a2"]
    frozen = freeze(trained(build, shape), torch.rand(1, *shape))
    scale = np.float32(frozen.input_scale["input"].values[0])
    x = np.full((5, *shape), scale, np.float32) * np.array([-1.5, -0.5, 0.5, 1.5, 2.5], np.float32)[:, None, None, None]
    assert input_integers(frozen, x)["input"][:, 0, 0, 0].tolist() == [-2, 0, 0, 2, 2]
    above = np.nextafter(x, np.float32(np.inf))
    assert input_integers(frozen, above)["input"][:, 0, 0, 0].tolist() == [-1, 0, 1, 2, 3]


@pytest.mark.parametrize("bits", [8, 12])
def test_a_short_multiplier_is_exact_or_refused(bits: int) -> None:
    build, shape = MODELS["w4a2"]
    frozen = freeze(trained(build, shape), torch.rand(1, *shape), max_multiplier_bits=bits)
    assert frozen.certificate.verdict == "proved"
    widest = max(int(np.abs(frozen.graph.constants[f"{name}.multiplier"].values).max()) for name in frozen.steps)
    assert 0 < widest < 1 << bits


def test_another_rounding_of_the_graph_is_as_exact() -> None:
    build, shape = MODELS["w8a8 per channel"]
    frozen = freeze(trained(build, shape), torch.rand(1, *shape), rounding=Rounding.HALF_UP)
    assert {n.op.rounding for n in frozen.graph if isinstance(n.op, Requant)} == {Rounding.HALF_UP}
    assert frozen.certificate.verdict == "proved"
    assert set(differences(frozen, noise(frozen)).values()) == {0}
