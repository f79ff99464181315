"""Conversion of plain models: structure, values, weights, and everything that is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable

import brevitas.nn as qnn
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from quantize_support import check_grid, quantizers_off, scramble
from torch import Tensor, nn

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.frontends.brevitas import freeze, input_integers, reference_trace
from bittrue.quantization import PRESETS, Preset, QuantizedModel, quantize
from bittrue.quantization import models as zoo
from bittrue.quantization.scales import activation_scales

EXACT_SLOPE = 13 / 256


class Functional(nn.Module):
    """Everything written as function calls, methods and operators."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, (3, 1), padding=(1, 0))
        self.conv2 = nn.Conv2d(5, 5, 3, padding="same", groups=5)
        self.conv3 = nn.Conv2d(10, 6, 1)
        self.fc = nn.Linear(6 * 4 * 3, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(F.pad(x, (1, 0, 0, 2))), inplace=True)
        y = F.leaky_relu(self.conv2(x), EXACT_SLOPE)
        z = torch.cat([F.max_pool2d(x, 2), F.avg_pool2d(y, 2)], dim=-3)
        z = F.dropout(z, 0.3, self.training)
        w = F.relu6(self.conv3(z))
        w = w + torch.relu(w).add(w)
        return self.fc(w.view(x.size(0), -1))


class Reused(nn.Module):
    """One ReLU, one pooling and one convolution used several times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.drop(self.relu(self.conv(x)))
        return x.mean((2, 3))


class PreActivation(nn.Module):
    """Batch norm and ReLU in front of the convolutions, a sum read by two."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.conv1, self.conv2 = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.conv1(F.relu(self.bn1(x)))
        x += self.conv2(F.relu(self.bn2(x)))
        return x


class OneD(nn.Module):
    """A one-dimensional network with two inputs' worth of branches."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 6, 5, stride=2, padding=2), nn.BatchNorm1d(6), nn.ReLU(),
                                  nn.MaxPool1d(2), nn.Conv1d(6, 9, 3), nn.ReLU6(), nn.AdaptiveAvgPool1d(2),
                                  nn.Flatten())
        self.head = nn.Sequential(nn.Linear(18, 12), nn.BatchNorm1d(12), nn.LeakyReLU(0.125), nn.Linear(12, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "digits_cnn": (zoo.digits_cnn, (1, 8, 8)),
    "digits_leaky": (lambda: zoo.digits_leaky(slope=EXACT_SLOPE), (1, 8, 8)),
    "digits_resnet": (zoo.digits_resnet, (1, 8, 8)),
    "digits_concat": (zoo.digits_concat, (1, 8, 8)),
    "odd_cnn": (zoo.odd_cnn, (3, 9, 14)),
    "functional": (Functional, (3, 6, 6)),
    "reused": (Reused, (4, 5, 7)),
    "pre_activation": (PreActivation, (2, 5, 7)),
    "one_d": (OneD, (2, 41)),
}


def made(case: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    make, shape = CASES[case]
    torch.manual_seed(seed)
    return scramble(make()).eval(), torch.randn(6, *shape)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("case", CASES)
def test_every_operand_is_on_its_grid(case: str, preset: str) -> None:
    model, x = made(case)
    quantized = quantize(model, preset, example_input=x)
    layers = sum(isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear) for m in model.modules())
    assert check_grid(quantized, 3 * x) >= layers


@pytest.mark.parametrize("case", sorted(set(CASES) - {"functional", "one_d"}))
def test_without_quantizers_the_values_are_those_of_the_plain_model(case: str) -> None:
    model, x = made(case)
    quantized = quantize(model, "w4a4", example_input=x).eval()
    with torch.no_grad(), quantizers_off(quantized):
        assert torch.equal(quantized(x), model(x))


def test_relu6_differs_from_the_plain_model_only_in_its_clip() -> None:
    model, x = made("one_d")
    quantized = quantize(model, "w8a8", example_input=x / 100).eval()
    with torch.no_grad(), quantizers_off(quantized):
        assert torch.equal(quantized(x / 100), model(x / 100))
    assert any("ReLU6" in str(change) for change in quantized.report)


@pytest.mark.parametrize("case", CASES)
def test_the_given_model_is_not_touched(case: str) -> None:
    model, x = made(case)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kinds = [type(m) for m in model.modules()]
    quantized = quantize(model, "w2a2", example_input=x)
    assert quantized.training
    assert [type(m) for m in model.modules()] == kinds
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    own = dict(quantized.named_parameters())
    assert all(torch.equal(own[name], value) for name, value in model.named_parameters())


def test_copies_and_state_dicts_carry_everything() -> None:
    model, x = made("digits_resnet")
    quantized = quantize(model, "w4a4_pow2", example_input=x).eval()
    twin = copy.deepcopy(quantized)
    fresh = quantize(zoo.digits_resnet(), "w4a4_pow2", example_input=torch.randn(2, 1, 8, 8)).eval()
    fresh.load_state_dict(quantized.state_dict())
    assert [p.requires_grad for p in fresh.parameters()] == [p.requires_grad for p in quantized.parameters()]
    with torch.no_grad():
        assert torch.equal(twin(x), quantized(x))
        assert torch.equal(fresh(x), quantized(x))
    assert twin.report == quantized.report
    assert twin.preset is PRESETS["w4a4_pow2"] or twin.preset == PRESETS["w4a4_pow2"]


def test_operands_of_a_join_share_one_quantizer() -> None:
    model, x = made("digits_concat")
    graph = quantize(model, "w4a4", example_input=x).graph
    (cat,) = [n for n in graph.nodes if n.target is torch.cat]
    assert {n.target for n in cat.all_input_nodes} == {"narrow.conv_act"}  # both ReLUs are one now: no second rounding
    model, x = made("digits_resnet")
    graph = quantize(model, "w4a4", example_input=x).graph
    for add in (n for n in graph.nodes if n.target is torch.add):
        assert len(add.all_input_nodes) == 2
        assert len({n.target for n in add.all_input_nodes}) == 1


def test_a_shared_quantizer_covers_the_larger_operand() -> None:
    class Uneven(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1, bias=False)
            nn.init.constant_(self.conv.weight, 8.0)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.conv(x) + x)

    x = torch.linspace(-1, 1, 35).reshape(1, 1, 5, 7)
    scales = activation_scales(quantize(Uneven(), "w8a8", example_input=x))
    assert round(8.0 / scales["add_operand_quant"]) == 128


def test_activations_move_in_front_of_max_pools() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.ReLU()).eval()
    x = torch.randn(2, 1, 8, 10)
    quantized = quantize(model, "w8a8", example_input=x).eval()
    order = [str(n.target) for n in quantized.graph.nodes if n.op == "call_module"]
    assert order.index("2") < order.index("1")
    with torch.no_grad(), quantizers_off(quantized):
        assert torch.equal(quantized(x), model(x))


def test_slopes_are_snapped_and_reported() -> None:
    model = zoo.digits_leaky(slope=0.05)
    quantized = quantize(model, "w4a4_leaky", example_input=torch.rand(4, 1, 8, 8))
    slopes = {m.negative_slope for m in quantized.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {13 / 256}
    assert [c.where for c in quantized.report] == ["conv1_act", "conv2_act", "conv3_act", "conv4_act"]
    assert "0.05 becomes 13/256" in str(quantized.report[0])


def test_in_place_calls_change_what_is_read_afterwards() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            y = self.relu(x)
            return x + y  # x holds relu(x) by now

    model, x = InPlace().eval(), torch.randn(2, 1, 4, 6)
    quantized = quantize(model, "w8a8", example_input=x).eval()
    with torch.no_grad(), quantizers_off(quantized):
        assert torch.equal(quantized(x), model(x))


def test_several_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(2, 4, 3)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return F.relu(self.a(x) + self.b(y))

    x, y = torch.rand(2, 1, 5, 6), torch.randn(2, 2, 5, 6)
    quantized = quantize(Two(), "w4a4", example_input=(x, y))
    assert check_grid(quantized, x, y) == 4
    signs = [m.act_quant.is_signed for n, m in quantized.named_modules() if n in ("x_quant", "y_quant")]
    assert signs == [False, True]


def weight_bits(model: nn.Module) -> dict[str, int]:
    return {name: int(m.quant_weight().bit_width) for name, m in model.named_modules()
            if isinstance(m, qnn.QuantConv2d | qnn.QuantLinear)}


def test_overrides_and_ends_choose_bits_per_layer() -> None:
    model, x = made("digits_cnn")
    preset = Preset("mine", 2, 4, first_weight_bits=8, last_weight_bits=4)
    quantized = quantize(model, preset, example_input=x, overrides={"conv3*": {"weight_bits": 3, "activation_bits": 5},
                                                                   "conv4": "w1a8"})
    assert weight_bits(quantized) == {"conv1": 8, "conv2": 2, "conv3": 3, "conv4": 1, "linear": 4}
    assert int(quantized.get_submodule("conv3_act").act_quant.bit_width()) == 5
    assert quantized.preset is preset


def test_wrong_overrides_are_all_named() -> None:
    model, x = made("digits_cnn")
    with pytest.raises(BadInput) as caught:
        quantize(model, "w4a4", example_input=x, overrides={"nowhere": {}, "conv1": "w9", "conv2": {"bits": 3}})
    assert [d.code for d in caught.value.diagnostics] == ["BT2020", "BT2001", "BT2002"]


def test_fixed_scales_are_not_trained() -> None:
    model, x = made("digits_cnn")
    fixed = quantize(model, PRESETS["w4a4"].changed("", learned_activation_scale=False), example_input=x)
    learned = quantize(model, "w4a4", example_input=x)

    def trained(quantized: QuantizedModel) -> int:
        return sum(p.requires_grad for n, p in quantized.named_parameters() if "act_quant" in n)

    assert trained(fixed) == 0
    assert trained(learned) == 4  # the ReLUs, not the input


class Bad(nn.Module):
    """Five things that have no integer form here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect")
        self.norm = nn.GroupNorm(2, 4)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        x = torch.sigmoid(x) * self.scale
        return self.pool(x).roll(1, 2) + 1


def test_everything_unsupported_is_listed_at_once() -> None:
    with pytest.raises(Unsupported) as caught:
        quantize(Bad(), "w8a8", example_input=torch.rand(2, 1, 5, 6))
    found = {(d.code, d.where.split(" ")[0]) for d in caught.value.diagnostics}
    assert found == {("BT2014", "conv"), ("BT2012", "norm"), ("BT2013", "sigmoid"), ("BT2013", "scale"),
                     ("BT2013", "mul"), ("BT2014", "pool"), ("BT2013", "Tensor.roll"), ("BT2015", "add")}
    assert any("test_convert.py:" in d.where for d in caught.value.diagnostics)
    assert all(d.fix for d in caught.value.diagnostics)


class Moved(nn.Module):
    """Another axis comes first."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(0, 3)


class Rows(nn.Module):
    """Linear layers on every row, then the mean of each feature over the rows, for (N, rows, 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 11), nn.ReLU(), nn.Linear(11, 7), nn.ReLU())
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.body(x).permute(0, 2, 1).mean(2))
        return y


@pytest.mark.parametrize("preset", ["w8a8", "w8a8_channel", "w4a4"])
def test_linear_layers_on_rows(preset: str) -> None:
    x = torch.rand(3, 5, 6)
    quantized = quantize(Rows().eval(), preset, example_input=x)
    assert check_grid(quantized, x) == 4
    frozen = freeze(quantized.eval(), x)
    graph, reference = Oracle(frozen.graph).run(input_integers(frozen, x)), reference_trace(frozen, x)
    assert all((graph[name] == values).all() for name, values in reference.items())
    assert frozen.certificate.verdict == "proved"
    assert [frozen.graph.types[name].shape for name in ("body.0", "permute", "head")] == [(5, 11), (7, 5), (3,)]


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "no running statistics": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)),
                              "BT2014"),
    "negative slope": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.LeakyReLU(-0.1)), "BT2014"),
    "uneven adaptive": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(4)), "BT2014"),
    "uneven same": (nn.Conv2d(1, 2, 2, padding="same"), "BT2014"),
    "border average": (nn.AvgPool2d(3, padding=1, count_include_pad=False), "BT2014"),
    "divisor": (nn.AvgPool2d(2, divisor_override=3), "BT2014"),
    "linear on images": (nn.Linear(6, 2), "BT2014"),
    "quantized already": (nn.Sequential(qnn.QuantConv2d(1, 2, 1)), "BT2016"),
    "moved batch": (Moved(), "BT2014"),
    "norm of rows": (nn.Sequential(nn.Flatten(1, 2), nn.Linear(6, 4), nn.BatchNorm1d(5)), "BT2014"),
    "flattened batch": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(0)), "BT2014"),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("case", REFUSED)
def test_settings_without_integer_form(case: str) -> None:
    model, code = REFUSED[case]
    with pytest.raises(Unsupported) as caught:
        quantize(model, "w8a8", example_input=torch.rand(2, 1, 5, 6))
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_control_flow_wrong_shapes_and_wrong_examples() -> None:
    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(Unsupported, match="BT2010 Branch"):
        quantize(Branch(), "w8a8", example_input=torch.rand(1, 1, 2, 3))
    with pytest.raises(BadInput, match="BT2011"):
        quantize(zoo.digits_cnn(), "w8a8", example_input=torch.rand(1, 3, 8, 8))
    for wrong in (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.rand(0, 1, 8, 8), torch.rand(8)):
        with pytest.raises(BadInput, match="BT2021"):
            quantize(zoo.digits_cnn(), "w8a8", example_input=wrong)


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, int, int]]:
    """Random stacks of what `quantize` supports, never square."""
    channels, height = draw(st.integers(1, 5)), draw(st.integers(6, 9))
    shape = (channels, height, height + draw(st.integers(1, 4)))
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 4))):
        out = draw(st.integers(1, 11))
        kernel = draw(st.sampled_from([(1, 1), (3, 3), (5, 1), (1, 3)]))
        if draw(st.booleans()):
            layers.append(nn.ZeroPad2d(tuple(draw(st.integers(0, 2)) for _ in range(4))))
        layers.append(nn.Conv2d(channels, out, kernel, stride=draw(st.sampled_from([1, 1, 2, (2, 1)])),
                                padding=(kernel[0] // 2, kernel[1] // 2), bias=draw(st.booleans())))
        layers += draw(st.sampled_from([[], [nn.BatchNorm2d(out)]]))
        layers += draw(st.sampled_from([[], [nn.ReLU()], [nn.LeakyReLU(EXACT_SLOPE)]]))
        layers += draw(st.sampled_from([[], [nn.MaxPool2d(3, 1, 1)], [nn.AvgPool2d((1, 2), 1)], [nn.Dropout()]]))
        channels = out
    tail = draw(st.sampled_from([[], [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]]))
    return nn.Sequential(*layers, *tail), shape


@settings(deadline=None, max_examples=25)
@given(network=networks(), preset=st.sampled_from(sorted(PRESETS)), seed=st.integers(0, 99))
def test_random_networks(network: tuple[nn.Module, tuple[int, int, int]], preset: str, seed: int) -> None:
    model, shape = scramble(network[0]).eval(), network[1]
    torch.manual_seed(seed)
    x = torch.randn(3, *shape)
    try:
        with torch.no_grad():
            plain = model(x)
    except RuntimeError:  # the strides have used the image up
        return
    quantized = quantize(model, preset, example_input=x).eval()
    check_grid(quantized, x)
    with torch.no_grad(), quantizers_off(quantized):
        assert torch.equal(quantized(x), plain)
