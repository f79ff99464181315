"""The networks trained for a few steps, quantized to int8 and frozen: what a benchmark runs.

The data are made up: every class has a random pattern, and noise on it. That is enough for weights, batch norms and
activation scales as training leaves them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...frontends.brevitas import Frozen, freeze
from ...quantization import quantize
from .model import model
from .table import NETWORKS, Network

PRESET = "w8a8_channel"
STEPS, BATCH, RATE = 12, 16, 2e-3
LEVELS = 256


def frozen(name: str, *, seed: int = 0, steps: int = STEPS, preset: str = PRESET, scale: float = 1.0) -> Frozen:
    """The network `name`, trained for `steps` batches in float and half of that with fake quantization, frozen.

    The same arguments give the same graph on the same machine. Raises as `quantize` and `freeze`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        data = Patterns(NETWORKS[name])
        plain = model(name, scale)
        train(plain, data, steps)
        quantized = quantize(plain.eval(), preset, example_input=data.batch()[0])
        train(quantized, data, steps // 2)
        return freeze(quantized.eval(), data.batch(1)[0], name=name)


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
    """Train on as many batches."""
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], RATE)
    network.train()
    for _ in range(steps):
        samples, labels = data.batch()
        optimizer.zero_grad()
        data.loss(network(samples), samples, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
