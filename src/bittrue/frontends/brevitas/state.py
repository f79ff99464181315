"""What lowering has built so far, and how a pending value becomes an integer tensor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import nn

from ...ir import IntArray, Rounding
from ...ir.ops import Relu
from ...numerics.steps import FloatArray, StepModel
from .emit import Emitter
from .model import GridBias, Quantize, TrainedModel
from .moves import flush
from .problems import need
from .values import Value


@dataclass(frozen=True, eq=False)
class Snap:
    """A bias of an unquantized output, moved to the grid of its accumulator: integers (O,), scale (1,) or (O,).

    `layer` is the module that it belongs to, `name` the layer's.
    """

    name: str
    layer: nn.Module
    integers: IntArray
    grid: FloatArray

    @property
    def bias(self) -> FloatArray:
        """The real bias, float64."""
        return self.integers * self.grid


@dataclass
class Lowering:
    """The state while steps are lowered in order."""

    model: TrainedModel
    snap: bool
    max_multiplier_bits: int
    rounding: Rounding | None
    emit: Emitter
    values: dict[int, Value] = field(default_factory=lambda: {0: Value("")})
    nodes: dict[int, Value] = field(default_factory=dict)
    steps: dict[str, StepModel] = field(default_factory=dict)
    inputs: dict[str, Quantize] = field(default_factory=dict)
    biases: dict[int, GridBias] = field(default_factory=dict)
    snaps: dict[nn.Module, Snap] = field(default_factory=dict)

    def integer(self, number: int) -> Value:
        """A value as integers times a scale; emits what waits. An `Obstacle` (BT2112) where it is a real number."""
        if not self.values[number].integer:
            self.values[number] = self.nodes[number] = self._settled(self.values[number])
        return self.values[number]

    def _settled(self, value: Value) -> Value:
        """The same value with nothing pending: a ReLU of integers is a ReLU, pooling and movement no longer wait."""
        refuse_input(value)
        need(value.linear or value.rectified, "BT2112", "its operand is a real number that no quantizer has made an "
             f"integer: {', '.join(value.source)}", "put a QuantIdentity before it (the one the other operand has)")
        if value.rectified:
            relu = self.emit.add(value.source[-1], Relu(), value.node, scale=value.scale())
            value = replace(value, node=relu, slope=1.0, source=())
        return flush(self.emit, value)


def refuse_input(value: Value) -> None:
    """An `Obstacle` for a value that is still the model's real input."""
    need(not value.is_input, "BT2104", "it reads the model's input, which is not quantized",
         "put a QuantIdentity behind the input")
