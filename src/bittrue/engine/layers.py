"""Layers: what the kernels do for one node (or a few fused ones), prepared once for every batch size."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..ir import IntArray
from ..ir.ops.spatial import Window
from .forms import Parameters
from .native import PANEL, Form, Kind, NativeRequant, Step, address
from .packing import Packed
from .regions import Region, part, region_table, split, unit_table
from .tensors import Buffer, Halo, Image

ROW_BYTES = 16 << 10
"""Bytes of a step without weights that make a unit worth its overhead."""


class Layer(Protocol):
    """Reads some tensors and writes one."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the tensors it reads from buffers."""

    @property
    def writes(self) -> str:
        """Name of the tensor it writes (of the one it reads, for a layer that only hands it out)."""

    @property
    def halo(self) -> Halo:
        """What must surround the tensors it reads."""

    def bind(self, buffers: Mapping[str, Buffer], batch: int, threads: int) -> Bound:
        """The kernel's step for a batch; it points into this layer and the buffers."""


@dataclass(frozen=True, eq=False)
class Bound:
    """A step and what it points to besides buffers and layers."""

    step: Step
    keep: tuple[object, ...] = ()


@dataclass(frozen=True, eq=False)
class ConvLayer:
    """A convolution or fully connected layer, with the requantization behind it where `forms` say so."""

    source: str
    writes: str
    window: Window
    packed: Packed
    tap_sums: IntArray
    """Sums of the weights over input channels, (O, KH, KW)."""
    init: IntArray
    """What the accumulators begin with besides the correction for `zero`, per slot."""
    forms: tuple[Form, ...]
    requant: Parameters | None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    def halo(self) -> Halo:
        return Halo(*self.window.pads)

    def bind(self, buffers: Mapping[str, Buffer], batch: int, threads: int) -> Bound:
        source, target, packed = buffers[self.source], buffers[self.writes], self.packed
        regions = split(source.image, target.image, self.window, packed, batch)
        table = region_table(regions, source.image, packed, self.window.kernel, batch, threads)
        units = unit_table(table, packed.panels, batch, threads)
        init = self._init(regions, source.width.zero)
        offsets, panels, requant = self._offsets(source), self._panels(source), _native(self.requant)
        step = _step(Kind.CONV, batch, source, target, requant)
        _enter(self.window, step)
        step.runs, step.quads, step.run_offset = packed.runs, packed.quads, address(offsets)
        step.panels, step.panel, step.weights = packed.panels, address(panels), address(packed.weights)
        step.regions, step.region, step.init = len(regions), address(table), address(init)
        step.units, step.unit = len(units), address(units)
        return Bound(step, (table, units, init, offsets, panels, requant))

    def _init(self, regions: list[Region], zero: int) -> NDArray[np.int32]:
        """What the accumulators begin with: (regions, slots). Stored elements are `zero` too large."""
        sums = np.stack([part(self.tap_sums, region).sum(axis=(1, 2)) for region in regions])
        return wrapped(self.init - zero * self.packed.spread(sums))

    def _offsets(self, source: Buffer) -> IntArray:
        """Bytes from a window's first element to each of its runs."""
        rows, columns = (np.arange(k) * d for k, d in zip(self.window.kernel, self.window.dilation, strict=True))
        if self.packed.whole_rows:
            columns = np.zeros(1, np.int64)
        return np.ascontiguousarray((rows[:, np.newaxis] * source.row + columns * source.pixel).ravel())

    def _panels(self, source: Buffer) -> IntArray:
        """(input offset, first output channel, number of channels, form) of every panel."""
        slots = self.packed.slots.reshape(-1, PANEL)
        group = np.arange(len(slots)) * self.packed.groups // len(slots)
        inputs = source.image.channels // self.packed.groups
        count = (slots >= 0).sum(axis=1)
        return np.stack([group * inputs, slots[:, 0], count, np.array(self.forms)], axis=1).astype(np.int64)


def wrapped(values: IntArray) -> NDArray[np.int32]:
    """Modulo 2**32: the accumulators wrap, only the final sum has to lie within int32."""
    return np.ascontiguousarray((values & 0xFFFFFFFF).astype(np.uint32).view(np.int32))


def _enter(window: Window, step: Step) -> None:
    step.kernel[:], step.stride[:] = window.kernel, window.stride
    step.pad[:], step.dilation[:] = window.pads[:2], window.dilation


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """A step that works row by row: everything besides convolutions.

    `fields` are further fields of the step; arrays among them are passed by address. `over` says whether its rows are
    those of the target or of the source.
    """

    kind: Kind
    reads: tuple[str, ...]
    writes: str
    window: Window = field(default_factory=Window)
    requant: Parameters | None = None
    fields: Mapping[str, int | NDArray[Any]] = field(default_factory=dict)
    first_channel: int = 0
    """Where the target's channels begin that it writes."""
    halo: Halo = field(default_factory=Halo)

    def bind(self, buffers: Mapping[str, Buffer], batch: int, threads: int) -> Bound:
        sources, requant = [buffers[name] for name in self.reads], _native(self.requant)
        step = _step(self.kind, batch, sources[0] if sources else None, buffers[self.writes], requant)
        if sources[1:]:
            step.b = sources[1].view()
        if self.kind in OVER_SOURCE:
            _set_image(step, sources[0].image)
        _enter(self.window, step)
        for name, value in self.fields.items():
            setattr(step, name, address(value) if isinstance(value, np.ndarray) else value)
        step.out.base += self.first_channel * buffers[self.writes].element
        _share(step)
        return Bound(step, (requant,))


@dataclass(frozen=True, eq=False)
class PartLayer:
    """Copies a part of a tensor, as large as the target, which begins at `first` (channel, row, column)."""

    source: str
    writes: str
    first: tuple[int, int, int]
    halo: Halo = field(default_factory=Halo)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.source,)

    def bind(self, buffers: Mapping[str, Buffer], batch: int, threads: int) -> Bound:
        source, (channel, row, column) = buffers[self.source], self.first
        step = _step(Kind.COPY, batch, source, buffers[self.writes], None)
        step.a.base += row * source.row + column * source.pixel + channel * source.element
        _share(step)
        return Bound(step)


OVER_SOURCE = {Kind.STORE, Kind.FLATTEN, Kind.COPY}
"""Steps of a `PlainLayer` whose rows are the source's."""


def _share(step: Step) -> None:
    """Set the size of the units of a step that works row by row."""
    step.rows_per_unit = max(1, min(ROW_BYTES // (step.width * step.channels), step.batch * step.height // 2))


def _native(requant: Parameters | None) -> NativeRequant | None:
    return requant.native() if requant is not None else None


def _step(kind: Kind, batch: int, source: Buffer | None, target: Buffer, requant: NativeRequant | None) -> Step:
    """A step over the pixels of the target."""
    step = Step(kind=kind, batch=batch, out=target.view())
    _set_image(step, target.image)
    if source is not None:
        step.a, step.in_height, step.in_width = source.view(), source.image.height, source.image.width
    if requant is not None:
        step.requant = ctypes.pointer(requant)
    return step


def _set_image(step: Step, image: Image) -> None:
    step.height, step.width, step.channels = image.height, image.width, image.channels
