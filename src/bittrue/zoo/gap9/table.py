"""The networks by name: their description, their input, what is published of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from . import regression, tiny
from .topology import Shape, Topology

BASELINE = "ARES performance baseline"
"""Where published cycles and counts come from."""


@dataclass(frozen=True)
class Network:
    """A network: `describe` adds its steps, `input` is the shape of a sample, (C, H, W) or fewer axes.

    `published_cycles` and `published_macs` are those of `BASELINE` for the network of this name; None: not published.
    `small` is the scale of the version for tests, `least` the fewest rows that an image needs.
    """

    describe: Callable[[Topology], None]
    input: Shape
    published_cycles: int | None = None
    published_macs: int | None = None
    small: float = 0.25
    least: int = 8

    def topology(self, scale: float = 1.0, input_shape: Shape | None = None) -> Topology:
        """Its steps, with channels times `scale`, on its own input or another one."""
        topology = Topology(input_shape or self.input, scale)
        self.describe(topology)
        return topology

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return self.topology().macs

    @property
    def parameters(self) -> int:
        """Parameters of the float model, batch norms included."""
        return self.topology().parameters

    @property
    def layers(self) -> int:
        """Convolutions and linear layers."""
        return sum(step.outputs > 0 for step in self.topology().steps)


NETWORKS: Mapping[str, Network] = MappingProxyType({
    "simplecnn": Network(regression.simplecnn, (1, 28, 28), 1_240_815),
    "tinycnn": Network(regression.tinycnn, (1, 28, 28), 735_534),
    "mlp": Network(regression.mlp, (1, 28, 28), 683_727),
    "resnet_basic": Network(regression.resnet_basic, (1, 28, 28), 1_864_619),
    "densenet_basic": Network(regression.densenet_basic, (1, 28, 28), 1_594_711, small=0.4),
    "multitilecnn": Network(regression.multitilecnn, (3, 64, 64), 5_705_136),
    "bottleneck": Network(regression.bottleneck, (3, 32, 32), 1_791_887),
    "stride2": Network(regression.stride2, (3, 64, 64), 2_035_399),
    "padding": Network(regression.padding, (3, 32, 32), 16_300_916),
    "resnet18": Network(regression.resnet18, (3, 40, 40), 17_505_806, 57_194_368),
    "conv2d_remainder": Network(regression.conv2d_remainder, (3, 30, 30), small=0.5),
    "zeropad2d": Network(regression.zeropad2d, (3, 32, 32)),
    "depthwise": Network(regression.depthwise, (3, 32, 32)),
    "depthwise_large": Network(regression.depthwise_large, (3, 64, 64), small=0.2),
    "linear3d": Network(regression.linear3d, (400, 20), 26_015_006, 239_004_288, small=0.1),
    "resnet8": Network(tiny.resnet8, (3, 32, 32)),
    "ds_cnn": Network(tiny.ds_cnn, (1, 49, 10)),
    "mobilenet": Network(tiny.mobilenet, (3, 96, 96), least=32),
    "autoencoder": Network(tiny.autoencoder, (640,)),
})
"""All networks by name: a published regression's, and the four of MLPerf Tiny."""
