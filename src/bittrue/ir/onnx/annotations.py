"""The texts in a file's metadata: keys, scales, op attributes. Written canonically; reading them raises ValueError."""

from __future__ import annotations

import json
import math
from typing import Any

from ..graph import Scale
from ..rounding import Rounding
from ..types import TensorType

PREFIX = "bittrue."
"""Of every metadata key that belongs to the format."""

LONGEST_TEXT = 1 << 20
"""Of a metadata value."""


def scale_text(scale: Scale) -> str:
    """A scale as JSON; floats in the shortest form that reads back exactly.

    >>> scale_text(Scale((0.1,)))
    '{"values": [0.1], "axis": 0}'
    """
    fields: dict[str, Any] = {"values": [float(v) for v in scale.values], "axis": scale.axis}
    if scale.rounding is not Rounding.HALF_EVEN:
        fields["rounding"] = scale.rounding.value
    if scale.clamp is not None:
        fields["clamp"] = list(scale.clamp)
    return json.dumps(fields)


def read_scale(text: str) -> Scale:
    """Inverse of `scale_text`."""
    fields = read_json(text)
    if not {"values", "axis"} <= fields.keys() <= {"values", "axis", "rounding", "clamp"} \
            or not isinstance(fields["values"], list) or not isinstance(fields["axis"], int):
        raise ValueError('it is not of the form {"values": [0.5], "axis": 0}')
    clamp = fields.get("clamp")
    if clamp is not None and not (isinstance(clamp, list) and [type(v) for v in clamp] == [int, int]):
        raise ValueError("its clamp is not two integers")
    if not all(isinstance(v, float) for v in fields["values"]):
        raise ValueError("its values are not all floats")
    return Scale(tuple(fields["values"]), fields["axis"], Rounding(fields.get("rounding", "HALF_EVEN")),
                 None if clamp is None else (clamp[0], clamp[1]))


def scale_problem(scale: Scale | None, tensor: TensorType) -> str | None:
    """Why a scale is no annotation for a tensor of this type, or None."""
    if scale is None:
        return None
    if not all(math.isfinite(v) and v > 0 for v in scale.values):
        return f"its scale {_short(scale.values)} is not finite and positive"
    if scale.clamp is not None and not tensor.elem.min <= scale.clamp[0] <= scale.clamp[1] <= tensor.elem.max:
        return f"its clamp {scale.clamp} is not within {tensor.elem}"
    if len(scale.values) != 1 and not (0 <= scale.axis < len(tensor.shape)
                                       and len(scale.values) == tensor.shape[scale.axis]):
        return f"it has {len(scale.values)} scales along axis {scale.axis}, but is {tensor}"
    return None


def read_json(text: str) -> dict[str, Any]:
    """A JSON object with integers of at most 64 bits and no NaN or infinity."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"it has {len(text)} characters")
    try:
        fields = json.loads(text, parse_int=_int64, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError("it is no JSON object")
    return fields


def _int64(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"{digits[:24]} does not fit 64 bits")
    return value


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not finite")


def _short(values: tuple[float, ...]) -> str:
    return ", ".join(map(str, values[:4])) + (", ..." if len(values) > 4 else "")
