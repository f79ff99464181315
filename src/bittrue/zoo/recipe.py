"""How a network is trained: the settings of both trainings, the float one and the quantized one, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """The number of epochs in float and with fake quantization, and the settings of `fit` for both.

    `folded_epochs` are further epochs in float, with batch norms already folded; 0 epochs leave a phase out.
    `validation` is the fraction of the training images that is watched instead of the test split.
    `quantized_lr` is the learning rate of the quantized training (None: the same as `lr`). Nothing is checked here:
    `fit` names every setting that is out of range.
    """

    float_epochs: int = 10
    epochs: int = 10
    lr: float = 3e-3
    quantized_lr: float | None = None
    batch_size: int = 64
    optimizer: str = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    milestones: tuple[float, ...] = (0.5, 0.75)
    step_factor: float = 0.1
    augmentation: str = "none"
    precision: str = "32-true"
    folded_epochs: int = 0
    validation: float = 0.0

    def changed(self, given: Mapping[str, Any]) -> Recipe:
        """This recipe with the settings that are given, which means: not None. A learning rate that is given alone is
        that of both trainings.

        >>> Recipe(lr=0.1, quantized_lr=0.01).changed({"lr": 0.5, "epochs": None})
        Recipe(float_epochs=10, epochs=10, lr=0.5, quantized_lr=None, batch_size=64, optimizer='adamw', momentum=0.9, \
weight_decay=0.0001, schedule='cosine', milestones=(0.5, 0.75), step_factor=0.1, augmentation='none', \
precision='32-true', folded_epochs=0, validation=0.0)
        """
        changes = {name: value for name, value in given.items() if value is not None}
        if "lr" in changes:
            changes.setdefault("quantized_lr", None)
        return replace(self, **changes)

    @property
    def trains(self) -> bool:
        """Whether any phase has epochs."""
        return any((self.float_epochs, self.folded_epochs, self.epochs))

    def float_settings(self) -> dict[str, Any]:
        """Keyword arguments of `fit` for the float model."""
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _OF_BOTH}
        return {**settings, "epochs": self.float_epochs}

    def folded_settings(self) -> dict[str, Any]:
        """Keyword arguments of `fit` for the float model without batch norms, which learns as the quantized one."""
        return {**self.quantized_settings(), "epochs": self.folded_epochs}

    def quantized_settings(self) -> dict[str, Any]:
        """Keyword arguments of `fit` for the quantized model."""
        lr = self.lr if self.quantized_lr is None else self.quantized_lr
        return {**self.float_settings(), "epochs": self.epochs, "lr": lr}


_OF_BOTH = ("float_epochs", "folded_epochs", "epochs", "quantized_lr")
"""Fields that are no setting of `fit`, or not of both trainings."""
