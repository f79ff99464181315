"""Which in-flight operations one layer can do together, by device."""

from __future__ import annotations

from ..device import Device
from ..hardware import emulates
from ..network import Operator, Pool
from ..placement import Passes
from .value import Value

MOST_POOLED_LAST = 2
"""Operands of an element-wise operation that comes before pooling."""


def fusible(value: Value, device: Device, operator: Operator | None, bias: bool = False) -> bool:
    """Whether a layer with this main operation (None: passthrough) can pool and combine what the value says."""
    passes = Passes.of(value.in_channels).count
    return not any((
        value.flat and not value.plain,
        operator is Operator.CONVTRANSPOSE2D and value.pool != Pool(),  # which has no stride of pooling
        operator is None and _pooling_passes(value, device, passes),
        value.operands > 1 and _eltwise(value, device, operator, bias, passes),
    ))


def _pooling_passes(value: Value, device: Device, passes: int) -> bool:
    """Pooling without convolution takes a limited number of passes, except down to one pixel."""
    return value.pool.active and passes > device.pool_passes and value.pooled_dim != (1, 1)


def _eltwise(value: Value, device: Device, operator: Operator | None, bias: bool, passes: int) -> bool:
    """What an element-wise operation cannot be combined with."""
    many = emulates(device, value.operands, passes)
    return any((
        operator is Operator.CONV1D,
        many and (operator is not None or value.pool != Pool()),
        bias and operator is not None and not device.eltwise_conv_bias,
        not value.pool_first and value.operands > MOST_POOLED_LAST,
    ))
