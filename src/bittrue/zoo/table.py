"""All built-in networks by name, as data: where they come from and what they are trained with."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from ..quantization.data import SHAPES
from .recipe import Recipe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Entry:
    """A network of the zoo. `factory` is `module:function` inside bittrue (imported when called, as it needs PyTorch);
    `macs` are the multiply-accumulates of its integer graph for one image; `parameters` counts those of the float
    model. `data` and `preset` are what it is trained with unless something else is asked for.
    """

    factory: str
    data: str
    preset: str
    macs: int
    parameters: int
    recipe: Recipe = field(default_factory=Recipe)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W): one image of its data set."""
        return SHAPES[self.data]

    def model(self) -> nn.Module:
        """The float model, freshly initialized from PyTorch's global random state."""
        module, _, function = self.factory.partition(":")
        model: nn.Module = getattr(import_module(f"bittrue.{module}"), function)()
        return model


_CIFAR_SGD = Recipe(batch_size=128, optimizer="sgd", schedule="step", augmentation="crop_flip")
_VGG = _CIFAR_SGD.changed({"precision": "bf16-mixed"})
_VGG_LEAKY = _VGG.changed({"float_epochs": 200, "epochs": 40, "lr": 0.01, "quantized_lr": 0.001,
                           "milestones": (0.4, 0.6, 0.8)})
_VGG_SQUEEZED = _VGG.changed({"float_epochs": 250, "epochs": 50, "lr": 0.1, "quantized_lr": 0.01,
                              "milestones": (0.6, 0.9)})
_RESNET = _CIFAR_SGD.changed({"float_epochs": 164, "epochs": 40, "lr": 0.1, "quantized_lr": 0.01,
                              "milestones": (0.5, 0.75)})

_MAX7800X = Recipe(float_epochs=12, epochs=8, quantized_lr=1e-3)
_MAX7800X_MNIST = _MAX7800X.changed({"validation": 0.1})
_MAX7800X_CIFAR = Recipe(float_epochs=40, epochs=20, lr=2e-3, quantized_lr=5e-4, batch_size=128,
                         augmentation="crop_flip")

ZOO: dict[str, Entry] = {
    "digits_cnn": Entry("quantization.models:digits_cnn", "digits", "w4a4", 197_024, 13_542),
    "digits_leaky": Entry("quantization.models:digits_leaky", "digits", "w4a4_leaky", 197_024, 13_542),
    "digits_resnet": Entry("quantization.models:digits_resnet", "digits", "w4a4", 389_700, 13_888),
    "digits_concat": Entry("quantization.models:digits_concat", "digits", "w4a4", 172_224, 6_998),
    "lenet_digits": Entry("zoo.lenet:lenet_digits", "digits", "w4a4", 35_880, 19_776),
    "lenet5": Entry("zoo.lenet:lenet5", "mnist", "w4a4", 416_520, 61_728),
    "resnet8": Entry("zoo.resnet:resnet8", "cifar10", "w8a8_channel", 12_501_632, 78_042, _RESNET),
    "resnet20": Entry("zoo.resnet:resnet20", "cifar10", "w4a4", 40_813_184, 272_474, _RESNET),
    "vgg16-w4a4": Entry("zoo.vgg:vgg16_leaky", "cifar10", "w4a4_leaky", 219_723_776, 8_879_642, _VGG_LEAKY),
    "vgg16-w4a2": Entry("zoo.vgg:vgg16_squeezed", "cifar10", "w4a2", 220_636_160, 8_936_682, _VGG_SQUEEZED),
    "max7800x-digits": Entry("zoo.max7800x:digits", "digits", "max7800x-w8", 121_088, 15_498, _MAX7800X),
    "max7800x-mnist": Entry("zoo.max7800x:mnist", "mnist", "max7800x-w8", 1_820_736, 35_674, _MAX7800X_MNIST),
    "max7800x-cifar": Entry("zoo.max7800x:cifar", "cifar10", "max7800x-w8", 11_323_904, 122_442, _MAX7800X_CIFAR),
    "gap9-simplecnn": Entry("zoo.gap9.model:simplecnn", "mnist", "w8a8_channel", 3_869_824, 50_186),
    "gap9-resnet_basic": Entry("zoo.gap9.model:resnet_basic", "mnist", "w8a8_channel", 5_494_512, 14_266),
}
"""The built-in networks by name."""
