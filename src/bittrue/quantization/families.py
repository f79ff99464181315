"""Families of presets: what has models, images and settings of its own, by what the names of its presets begin with."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor, nn

from .data import DataSet

FAMILIES = {"max7800x": "bittrue.max7800x.training"}
"""The module that stands for each family."""


class Family(Protocol):
    """What a family does in its own way. `policy` is the text of a policy file, "" where the preset alone counts."""

    def images(self, data: DataSet) -> DataSet:
        """The data set with the images that the family's models take."""
        ...

    def folded(self, model: nn.Module) -> nn.Module:
        """The float model with its batch norms folded."""
        ...

    def quantized(self, model: nn.Module, preset: str, policy: str, example: Tensor) -> nn.Module:
        """The fake-quantized form of a float model, which has been found to be freezable."""
        ...

    def clipped(self, model: nn.Module, preset: str, policy: str, method: str, **numbers: float) -> nn.Module:
        """A trained float model quantized without training."""
        ...


def family_of(preset: str) -> Family | None:
    """The family that a preset belongs to, if any."""
    name = preset.partition("-")[0]
    return cast(Any, import_module(FAMILIES[name])) if name in FAMILIES else None
