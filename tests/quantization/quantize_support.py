"""What the tests of this folder share: an independent check of a quantized model's structure, and tiny data sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import Tensor, fx, nn

from bittrue.quantization import DataSet, Normalization

Scaled = tuple[Tensor, "float | None", "int | None"]
"""A tensor, its scale and its number of bits; None where it is not on a quantizer's grid."""


class GridCheck(fx.Interpreter):
    """Runs a quantized model and checks, from the values alone, what freezing relies on: each tensor that enters a
    layer, a pooling or a padding is integers of the quantizer's range times the quantizer's scale, and so are the
    operands of additions and concatenations, with one scale for all of them."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self.grid: dict[fx.Node, Scaled] = {}
        self.checked = 0

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        sources = [self.grid[s] for s in n.all_input_nodes]
        module = self.module.get_submodule(n.target) if n.op == "call_module" else None
        if isinstance(module, qnn.QuantIdentity | qnn.QuantReLU):
            proxy = module.act_quant
            assert float(proxy.zero_point()) == 0
            self.grid[n] = (value, float(proxy.scale().detach()), int(proxy.bit_width()))
            self.on_grid(self.grid[n], signed=proxy.is_signed)
        elif isinstance(module, qnn.QuantConv1d | qnn.QuantConv2d | qnn.QuantLinear | nn.AvgPool2d | nn.AvgPool1d
                        | nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d) or n.target is torch.add:
            self.same_grid(sources)
            self.grid[n] = (value, None, None)
        elif isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.ZeroPad1d | nn.ZeroPad2d) or n.target is torch.cat:
            self.same_grid(sources)
            self.grid[n] = (value, *sources[0][1:])
        elif isinstance(module, nn.Flatten) or n.target in (torch.reshape, torch.permute):
            self.grid[n] = (value, *sources[0][1:])
        elif n.op != "output":
            assert n.op == "placeholder" or isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LeakyReLU)
            self.grid[n] = (value, None, None)
        return value

    def same_grid(self, sources: list[Scaled]) -> None:
        assert {s[1] for s in sources} != {None}
        assert len({s[1:] for s in sources}) == 1
        self.checked += len(sources)

    def on_grid(self, scaled: Scaled, *, signed: bool) -> None:
        value, scale, bits = scaled
        assert scale is not None
        assert bits is not None
        scale32 = torch.tensor(scale, dtype=torch.float32)
        integers = torch.round(value.double() / scale).float()
        assert torch.equal(integers * scale32, value)
        lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        assert lo <= integers.min()
        assert integers.max() <= hi


def check_grid(model: fx.GraphModule, *inputs: Tensor) -> int:
    """Number of operands that were checked."""
    check = GridCheck(model.eval())
    with torch.no_grad():
        check.run(*inputs)
    return check.checked


@contextmanager
def quantizers_off(model: nn.Module) -> Iterator[None]:
    """Within this context the quantized model computes in plain float."""
    proxies = [m for m in model.modules() if hasattr(m, "disable_quant")]
    for proxy in proxies:
        proxy.disable_quant = True
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.disable_quant = False


def scramble(model: nn.Module) -> nn.Module:
    """Batch norms as after training: every parameter and statistic away from its initial value."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(-1, 2)
                module.bias.normal_(0, 0.3)
                module.num_batches_tracked.fill_(1)
    return model


def stripes(count: int = 96, size: tuple[int, int] = (6, 9), classes: int = 3) -> DataSet:
    """A learnable toy set: one bright row per class, with noise."""
    rng = np.random.default_rng(3)
    labels = np.arange(count) % classes
    pixels = rng.integers(0, 90, (count, 1, *size), np.uint8)
    pixels[np.arange(count), 0, labels] += 140
    half = count // 2
    return DataSet("stripes", pixels[:half], labels[:half], pixels[half:], labels[half:], classes,
                   normalization=Normalization(0, 256))
