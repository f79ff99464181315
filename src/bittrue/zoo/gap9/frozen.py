"""The networks trained for a few steps, quantized to int8 and frozen: what a benchmark runs.

The data are made up: every class has a random pattern, and noise on it. That is enough for weights, batch norms and
activation scales as training leaves them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...frontends.brevitas import Frozen, freeze
from ...ir import Graph
from ...quantization import quantize
from .model import model
from .table import NETWORKS, Network

PRESET = "w8a8_channel"
STEPS, BATCH, RATE = 12, 16, 2e-3
LEVELS = 256
MOMENTUM = 0.5
"""Of batch norms: the weight of a new batch."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network in all its forms: float, fake-quantized, frozen; and its data."""

    plain: nn.Module
    quantized: nn.Module
    frozen: Frozen
    data: Patterns

    def losses(self) -> tuple[float, float]:
        """The loss of the float and of the fake-quantized model on one new batch."""
        samples, labels = self.data.batch()
        with torch.no_grad():
            plain, quantized = (float(self.data.loss(form.eval()(samples), samples, labels))
                                for form in (self.plain, self.quantized))
        return plain, quantized


def trained(name: str, *, seed: int = 0, steps: int = STEPS, preset: str = PRESET, scale: float = 1.0) -> Trained:
    """The network `name`, trained for `steps` batches in float and half of that with fake quantization, and frozen.

    The same arguments give the same graph with as many threads on the same machine. Raises as `quantize` and `freeze`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        data, plain = Patterns(NETWORKS[name]), model(name, scale)
        train(plain, data, steps)
        quantized = quantize(plain.eval(), preset, example_input=data.batch()[0])
        train(quantized, data, steps // 2)
        return Trained(plain, quantized, freeze(quantized.eval(), data.batch(1)[0], name=name), data)


def frozen(name: str, *, seed: int = 0) -> Graph:
    """The integer graph of the network `name`, after `trained`."""
    return trained(name, seed=seed).frozen.graph


class Patterns:
    """Samples of a network's input shape, of one class per output; real values are a whole number of 1/256."""

    def __init__(self, network: Network) -> None:
        self.outputs = network.topology().steps[-1].outputs
        self.own = self.outputs == network.input[0]
        """Whether the network gives back its input (an autoencoder)."""
        self.patterns = torch.rand(min(self.outputs, BATCH), *network.input)

    def batch(self, size: int = BATCH) -> tuple[Tensor, Tensor]:
        """Samples and their classes."""
        labels = torch.arange(size) % len(self.patterns)
        noisy = (self.patterns[labels] + torch.rand(size, *self.patterns.shape[1:])) / 2
        return torch.floor(noisy * (LEVELS - 1)) / LEVELS, labels

    def loss(self, outputs: Tensor, samples: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy, or the squared error of an autoencoder."""
        return F.mse_loss(outputs, samples) if self.own else F.cross_entropy(outputs, labels)


def train(network: nn.Module, data: Patterns, steps: int) -> None:
    """Train on as many batches; batch norms soon forget what they began with."""
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)):
        norm.momentum = MOMENTUM
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], RATE)
    network.train()
    for _ in range(steps):
        samples, labels = data.batch()
        optimizer.zero_grad()
        data.loss(network(samples), samples, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
