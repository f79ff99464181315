"""Codes that several fields of the registers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WEIGHT_BITS: Mapping[int, int] = MappingProxyType({8: 0, 1: 1, 2: 2, 4: 3})
"""Bits of a weight -> `POST.mask_size`."""

ELEMENTWISE: Mapping[str, int] = MappingProxyType({"Sub": 0, "Add": 1, "Or": 2, "Xor": 3})
"""Element-wise operation -> `ONED.ewise_func`."""


def shift_fields(shift: int) -> dict[str, int]:
    """`POST` fields for an output multiplied by 2**shift; -15 to 15.

    >>> shift_fields(-3), shift_fields(2)
    ({'scale_reg': 3, 'scale_shft': 1}, {'scale_reg': 2, 'scale_shft': 0})
    """
    return {"scale_reg": abs(shift), "scale_shft": int(shift < 0)}


def shift_value(fields: Mapping[str, int]) -> int:
    """The shift of `POST` fields.

    >>> shift_value({"scale_reg": 3, "scale_shft": 1})
    -3
    """
    return -fields["scale_reg"] if fields["scale_shft"] else fields["scale_reg"]


def stop(size: int, window: int, stride: int, dilation: int = 1) -> int:
    """Where the last pooling window starts: `rcnt_stop` or `ccnt_stop` of the MAX78002.

    >>> stop(28, 2, 2), stop(29, 3, 2), stop(5, 1, 1), stop(10, 3, 1, 2)
    (26, 26, 4, 5)
    """
    return (size - (window - 1) * dilation - 1) // stride * stride


def window_pad(pad: int) -> dict[str, int]:
    """Values of the MAX78002's two padding fields, without their prefix.

    >>> window_pad(0), window_pad(2)
    ({'pad_en': 0, 'pad': 0}, {'pad_en': 1, 'pad': 1})
    """
    return {"pad_en": int(pad > 0), "pad": max(pad - 1, 0)}
