"""The networks as plain PyTorch models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .table import NETWORKS
from .topology import Kind, Step, Topology


class Model(nn.Module):
    """The float model of a topology, for batches (N, *shape of its input).

    A step's module has the step's name; its batch norm and ReLU have `_norm` and `_act` behind it.
    """

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        self.steps = tuple(topology.steps)
        for step in self.steps:
            for name, module in modules(step).items():
                self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        values = {"x": x}
        for step in self.steps:
            values[step.name] = self.step(step, [values[source] for source in step.sources])
        return values[self.steps[-1].name]

    def step(self, step: Step, x: list[Tensor]) -> Tensor:
        """What one step computes."""
        if step.kind is Kind.ADD:
            y = x[0] + x[1]
        elif step.kind is Kind.CAT:
            y = torch.cat(x, dim=1)
        elif step.kind is Kind.TRANSPOSE:
            y = x[0].transpose(1, 2)
        else:
            y = self.get_submodule(step.name)(x[0])
        for part in ("norm", "act"):
            if hasattr(self, f"{step.name}_{part}"):
                y = self.get_submodule(f"{step.name}_{part}")(y)
        return y


def modules(step: Step) -> dict[str, nn.Module]:
    """The modules of a step by name."""
    found: dict[str, nn.Module] = {}
    if (main := _main(step)) is not None:
        found[step.name] = main
    if step.norm:
        found[f"{step.name}_norm"] = (nn.BatchNorm2d if step.kind is Kind.CONV else nn.BatchNorm1d)(step.outputs)
    if step.relu:
        found[f"{step.name}_act"] = nn.ReLU()
    return found


def _main(step: Step) -> nn.Module | None:
    top, left, bottom, right = step.pads
    match step.kind:
        case Kind.CONV:
            assert step.kernel is not None
            return nn.Conv2d(step.inputs, step.outputs, step.kernel, stride=step.stride, padding=step.padding,
                             groups=step.groups, bias=not step.norm)
        case Kind.LINEAR:
            return nn.Linear(step.inputs, step.outputs, bias=not step.norm)
        case Kind.MAX_POOL:
            assert step.kernel is not None
            return nn.MaxPool2d(step.kernel, step.stride)
        case Kind.AVG_POOL:
            if step.kernel is None:
                return nn.AdaptiveAvgPool2d(1) if len(step.shape) == 3 else nn.AdaptiveAvgPool1d(1)
            return nn.AvgPool2d(step.kernel, step.stride)
        case Kind.PAD:
            return nn.ZeroPad2d((left, right, top, bottom))
        case Kind.FLATTEN:
            return nn.Flatten()
        case _:
            return None


def model(name: str, scale: float = 1.0) -> Model:
    """The float model of `NETWORKS[name]`, freshly initialized from PyTorch's global random state."""
    return Model(NETWORKS[name].topology(scale))


def simplecnn() -> Model:
    """For MNIST, (N, 1, 28, 28): 3,869,824 MACs, 50,186 parameters."""
    return model("simplecnn")


def resnet_basic() -> Model:
    """For MNIST, (N, 1, 28, 28): 5,494,512 MACs, 14,266 parameters."""
    return model("resnet_basic")
