"""Models that compute something else than their modules say are refused, or frozen right."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bittrue.engine.oracle import Oracle
from bittrue.errors import Unsupported
from bittrue.frontends.brevitas import freeze
from bittrue.frontends.brevitas.reference import input_integers
from bittrue.frontends.brevitas.trace import reference_trace

IMAGES = torch.randn(5, 2, 9, 7, generator=torch.Generator().manual_seed(1))


def model(*behind: nn.Module, conv: type[qnn.QuantConv2d] = qnn.QuantConv2d, bias: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(qnn.QuantIdentity(return_quant_tensor=False), conv(2, 4, 3, bias=bias), *behind)
    net.train()(IMAGES)
    return net.eval()


def differences(net: nn.Module) -> int:
    frozen = freeze(net, IMAGES[:1])
    assert frozen.certificate.verdict == "proved"
    trace = Oracle(frozen.graph).run(input_integers(frozen, IMAGES))
    return sum(int(np.count_nonzero(trace[name] != values)) for name, values in reference_trace(frozen, IMAGES).items())


def refused(net: nn.Module, code: str) -> None:
    with pytest.raises(Unsupported) as caught:
        freeze(net, IMAGES[:1])
    assert {d.code for d in caught.value.diagnostics} == {code}


def test_a_foreign_divisor_behind_a_bias_is_refused_and_without_one_exact() -> None:
    pool, act = nn.AvgPool2d(3, 2, divisor_override=5), qnn.QuantReLU()
    refused(model(pool, act, bias=True), "BT2116")
    assert differences(model(pool, act)) == 0
    assert differences(model(nn.AvgPool2d(3, 2), qnn.QuantReLU(), bias=True)) == 0


def test_a_truncating_pool_is_no_average_pool() -> None:
    pool = qnn.TruncAvgPool2d(2, bit_width=4, return_quant_tensor=False)
    refused(model(qnn.QuantReLU(return_quant_tensor=True), pool), "BT2101")


def test_hooks_are_refused() -> None:
    net = model(qnn.QuantReLU())
    net[1].register_forward_hook(lambda module, args, output: output * 2)
    refused(net, "BT2101")


class Doubling(qnn.QuantConv2d):  # type: ignore[misc]
    def inner_forward_impl(self, x: Tensor, quant_weight: Tensor, quant_bias: Any) -> Tensor:
        doubled: Tensor = 2 * super().inner_forward_impl(x, quant_weight, quant_bias)
        return doubled


class Renamed(qnn.QuantConv2d):  # type: ignore[misc]
    """A subclass that changes nothing."""


def test_a_subclass_is_frozen_only_if_it_computes_the_same() -> None:
    refused(model(qnn.QuantReLU(), conv=Doubling), "BT2101")
    assert differences(model(qnn.QuantReLU(), conv=Renamed)) == 0


def test_a_replaced_method_is_refused() -> None:
    net = model(qnn.QuantReLU())
    inner = net[1].inner_forward_impl
    net[1].inner_forward_impl = lambda *args: 2 * inner(*args)
    refused(net, "BT2101")


def test_a_flattened_value_has_its_scale_along_an_axis_that_exists() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(qnn.QuantIdentity(return_quant_tensor=False), qnn.QuantLinear(7, 4, True), qnn.QuantReLU(),
                        nn.Flatten(), qnn.QuantLinear(72, 3, True))
    net.train()(IMAGES)
    assert differences(net.eval()) == 0
