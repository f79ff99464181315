"""The integer functions, written again: rounded division, requantization, and the body that the file has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from .file import Array, File, Node, Unreadable

LIMIT = 1 << 62


def divide(num: Array, den: Array | np.int64, rounding: str) -> Array:
    """num / den rounded to an integer, den > 0."""
    quotient, rest = np.divmod(num, den)
    if rounding == "TOWARD_ZERO":
        return np.asarray(np.sign(num) * (np.abs(num) // den), np.int64)
    tie = {"FLOOR": np.False_, "HALF_UP": np.True_, "HALF_EVEN": quotient % 2 == 1, "HALF_AWAY": num >= 0}[rounding]
    up = (2 * rest > den) | ((2 * rest == den) & tie)
    return np.asarray(quotient + (up & (rounding != "FLOOR")), np.int64)


@dataclass(frozen=True)
class Requantization:
    """A Requant node's numbers, one per channel (C,), and its attributes."""

    multiplier: Array
    offset: Array
    shift: Array
    slope: tuple[int, int]
    rounding: str
    clamp: tuple[int, int]

    @classmethod
    def of(cls, file: File, node: Node, channels: int) -> Requantization:
        """Read a node's."""
        m, o, s = (np.broadcast_to(file.constants[name], (channels,)) for name in node.inputs[1:])
        a = node.attributes
        return cls(m, o, s, (a["slope_multiplier"], a["slope_shift"]), a["rounding"], (a["lo"], a["hi"]))

    def fits(self, lo: Array, hi: Array) -> bool:
        """Whether nothing leaves 64 bits for accumulators lo..hi (C,)."""
        widest = max(abs(int(lo.min())), abs(int(hi.max())))
        value = widest * int(np.abs(self.multiplier).max()) + int(np.abs(self.offset).max())
        return int(self.shift.min()) >= 0 and int(self.shift.max()) + self.slope[1] <= 61 \
            and value * max(1, self.slope[0]) < LIMIT

    def apply(self, acc: Array, channel: Array) -> Array:
        """The outputs for accumulators of the given channels (two arrays of one shape)."""
        value, den = acc * self.multiplier[channel] + self.offset[channel], np.int64(1) << self.shift[channel]
        below = value < 0
        num = np.where(below, value * self.slope[0], value)
        return np.clip(divide(num, np.where(below, den << self.slope[1], den), self.rounding), *self.clamp)

    def changes(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """Channels and accumulators (from the second on) at which the output changes, sorted by both.

        Pieces whose ends differ are halved until they are two neighbours: exact, because the function is monotone.
        """
        channel, left, right = np.arange(len(lo)), lo, hi
        found: list[Array] = []
        while channel.size:
            differs = self.apply(left, channel) != self.apply(right, channel)
            channel, left, right = channel[differs], left[differs], right[differs]
            near = right - left == 1
            found.append(np.stack([channel[near], right[near]]))
            channel, left, right = channel[~near], left[~near], right[~near]
            middle = (left + right) >> 1
            channel = np.concatenate([channel, channel])
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        channels, accs = np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)
        order = np.lexsort((accs, channels))
        return channels[order], accs[order]


def body_outputs(file: File, node: Node, acc: Array) -> Array:
    """What the file's own function computes for acc (points, C): its body, operation by operation."""
    function = file.functions[node.proto.op_type, node.proto.overload]
    axis, rank = node.attributes["axis"], len(node.type.shape)
    shape = (len(acc), *(acc.shape[1] if i == axis else 1 for i in range(rank)))
    operands = [acc.reshape(shape), *(file.constants[name] for name in node.inputs[1:])]
    values: dict[str, Any] = dict(zip(function.input, operands, strict=True))
    given = {a.name: a for a in node.proto.attribute}
    with np.errstate(all="ignore"):  # a wrong body may divide by zero or overflow, and shall be compared all the same
        for step in function.node:
            values[step.output[0]] = _run(step, [values[name] for name in step.input], given)
    return np.asarray(values[function.output[0]], np.int64).reshape(acc.shape)


def _run(step: NodeProto, inputs: list[Any], given: Mapping[str, Any]) -> Any:
    attributes = {a.name: helper.get_attribute_value(given[a.ref_attr_name] if a.ref_attr_name else a)
                  for a in step.attribute}
    if step.op_type not in OPERATIONS:
        raise Unreadable(f"the function's operation {step.op_type} is unknown")
    return OPERATIONS[step.op_type](attributes, *inputs)


def _truncated(_: Any, num: Any, den: Any) -> Any:
    return np.sign(num) * np.sign(den) * (np.abs(num) // np.abs(den))


def _constant(attributes: Mapping[str, Any]) -> Any:
    if "value_int" in attributes:
        return np.int64(attributes["value_int"])
    return numpy_helper.to_array(attributes["value"])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Constant": _constant,
    "Cast": lambda a, x: np.asarray(x).astype(helper.tensor_dtype_to_np_dtype(a["to"])),
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Div": _truncated,
    "Mod": lambda _, x, y: np.mod(x, y),
    "BitShift": lambda a, x, y: {b"LEFT": np.left_shift, b"RIGHT": np.right_shift}[a["direction"]](x, y),
    "Less": lambda _, x, y: x < y,
    "Greater": lambda _, x, y: x > y,
    "GreaterOrEqual": lambda _, x, y: x >= y,
    "Where": lambda _, c, x, y: np.where(c, x, y),
    "Unsqueeze": lambda _, x, axes: np.expand_dims(x, tuple(axes.tolist())),
}
"""The ONNX operations of a requantization's body."""
