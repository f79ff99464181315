"""Register values of a layer's kernels and of its TRAM."""

from __future__ import annotations

from ..device import KERNEL_BYTES, KernelMemory
from ..network import Operator
from ..placement import SHARED
from ..units import units
from .layer_view import Fields, LayerView

BITS = 8
"""Kernel addresses count the bits of a weight."""


def _start(view: LayerView) -> tuple[int, int]:
    """The first kernel, counted in kernels from the start of the memory, and the byte of its column."""
    column = 0 if view.kernels is None else view.kernels.offset
    if view.place.calc_x4:
        column = _dealt(view.device.kernels, column)
    return divmod(KERNEL_BYTES * column, view.hardware.kernel_size)


def _dealt(memory: KernelMemory, column: int) -> int:
    """The true first column of a layer that uses four memory instances at once, in the first of them."""
    begin = 0 if column < memory.small else memory.small
    return begin + (column - begin) // SHARED


def _count(view: LayerView) -> int:
    """Kernels that the counter passes."""
    if view.kernels is None:
        return view.layer.out_channels // view.layer.groups
    return view.kernels.size.count


def _length(view: LayerView) -> int:
    """From the first kernel to the last one."""
    bits, length = view.weight_bits, (_count(view) - 1) * view.weight_bits
    return units(length + bits, SHARED) - bits if view.place.calc_x4 and view.index == 0 else length


def _output_passes(view: LayerView) -> int:
    """Without convolution the register counts the passes of the output."""
    return 0 if view.hardware.emulated else (view.out_passes - 1) * BITS


def masks_78000(view: LayerView) -> Fields:
    """`MCNT`."""
    if not view.convolves:
        return {"mcnt_max": _output_passes(view)}
    start = _start(view)[0] * BITS
    return {"mcnt_sad": start, "mcnt_max": start + _length(view)}


def masks_end(view: LayerView) -> Fields:
    """`MCNT1`."""
    return {"mcnt_max": _start(view)[0] * BITS + _length(view) if view.convolves else 0}


def masks_start(view: LayerView) -> Fields:
    """`MCNT2`."""
    return {"mcnt_sad": _start(view)[0] * BITS if view.convolves else _output_passes(view)}


def first_byte(view: LayerView) -> Fields:
    """`ONED`, the part about kernels."""
    return {"oned_sad": _start(view)[1] if view.convolves else 0}


def output_channels(view: LayerView) -> Fields:
    """`OCHAN`."""
    if view.layer.bypass:
        return {"ochan": view.layer.out_channels - 1}
    if view.depthwise:
        return {"ochan": view.slots * view.in_passes - 1}
    if view.kernels is None:
        return {"ochan": view.slots - 1}
    last = view.kernels.size.out_count - 1
    return {"ochan": last // SHARED if view.place.calc_x4 else last}


def tram_pointer(view: LayerView) -> Fields:
    """`TPTR`."""
    if _without_tram(view):
        return {"tptr_sad": view.flat, "tptr_max": 2 * view.flat + 1} if view.counts_flat else {}
    begin = view.stream.tram if view.stream is not None else 0
    return {"tptr_sad": begin, "tptr_max": begin + view.hardware.tram - 1}


def _without_tram(view: LayerView) -> bool:
    """Whether the layer needs no rows of earlier sums."""
    if view.hardware.operator is Operator.CONV1D:
        return True
    return view.pointwise and (view.index == 0 or not view.place.streaming)
