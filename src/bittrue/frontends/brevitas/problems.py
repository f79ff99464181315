"""What can stand in the way of freezing: the codes, and the exception that one step's rule raises."""

from __future__ import annotations

from typing import NoReturn

from ...errors import declare

declare({
    "BT2101": "a module cannot be frozen",
    "BT2102": "a function cannot be frozen",
    "BT2103": "the model's control flow depends on data",
    "BT2104": "a layer reads a tensor that is not quantized",
    "BT2105": "weights are not quantized to integers of at most 8 bits",
    "BT2106": "a zero point is not zero",
    "BT2107": "an activation quantizer cannot be frozen",
    "BT2108": "a quantizer's rounding is none of the five modes",
    "BT2109": "a scale is not a positive number",
    "BT2110": "activation scales differ between channels where they must be equal",
    "BT2111": "operands of an addition or concatenation have different scales",
    "BT2112": "an integer is needed where the model computes a real number",
    "BT2113": "an output of the model is not an integer times a scale",
    "BT2114": "the bias of an unquantized output is no multiple of the accumulator's scale",
    "BT2115": "batch norm or dropout is not in evaluation mode",
    "BT2116": "operations between two quantizers do not form one step function",
    "BT2117": "the geometry of a layer cannot be frozen",
    "BT2118": "the batch axis takes part in the computation",
    "BT2119": "an accumulator needs more than 32 bits",
    "BT2120": "the captured graph does not compute what the model computes",
    "BT2121": "the model fails on the example input",
    "BT2122": "the model's outputs are not tensors of one sample per row",
    "BT2123": "frozen tensors and the model's own tensors cannot be compared",
})


class Obstacle(Exception):
    """One step of the model cannot be frozen; the driver adds where and goes on, so that all are found."""

    def __init__(self, code: str, why: str, fix: str) -> None:
        self.code, self.why, self.fix = code, why, fix
        super().__init__(why)


def obstacle(code: str, why: str, fix: str) -> NoReturn:
    """Raise an `Obstacle`."""
    raise Obstacle(code, why, fix)


def need(condition: bool, code: str, why: str, fix: str) -> None:
    """Raise an `Obstacle` unless `condition`."""
    if not condition:
        raise Obstacle(code, why, fix)
