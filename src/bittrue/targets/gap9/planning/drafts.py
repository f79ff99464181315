"""Steps before anything has a place: which tile, what it loads anew, which slots of L1 it uses.

A slot is a piece of L1 that a layer uses for one purpose; what is loaded while another tile is computed has two slots,
used by turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..kernels import KERNELS, Columns
from ..program import Region
from .candidates import Mode
from .commands import Rows, rows_of
from .cost import cycles, next_cycles
from .footprints import Job, Operand, Strip, bytes_of, values
from .limits import Limits, aligned
from .parameters import Blob, blob, blob_bytes
from .tiles import Tiling

PARAMETERS, OUTPUT, SCRATCH = "parameters", "output", "scratch"


@dataclass(frozen=True)
class Slot:
    """A piece of L1 of one layer: what it is for, and which of the two."""

    layer: int
    purpose: str
    turn: int


@dataclass(frozen=True)
class Touch:
    """A part of a tensor that lies in another one, in places that two parts of it can be compared by."""

    root: str
    rows: tuple[int, int]
    columns: tuple[int, int]
    bytes: tuple[int, int]
    """Of every pixel."""
    pitch: int
    """Bytes from pixel to pixel."""
    width: int
    """Pixels of a row: of one memory there are views with other rows and columns."""

    @property
    def run(self) -> tuple[int, int]:
        """The pixels from the first one to the last one, counted in the order of the memory."""
        return self.rows[0] * self.width + self.columns[0], (self.rows[1] - 1) * self.width + self.columns[1]

    @property
    def solid(self) -> bool:
        """Whether all pixels of the run belong to it."""
        return self.columns == (0, self.width) or self.rows[1] - self.rows[0] == 1

    def holds(self, other: Touch) -> int | None:
        """Where another part begins in this one, both dense, in bytes; None if it is not one piece of it."""
        width, deep = self.columns[1] - self.columns[0], self.bytes[1] - self.bytes[0]
        if self.root != other.root:
            return None
        if self.pitch != other.pitch:  # all of a tensor, seen as one pixel
            whole = (self.rows[1] - self.rows[0]) * width * deep
            one = other.rows == other.columns == (0, 1) and other.bytes == (0, other.pitch)
            return 0 if one and deep == self.pitch and whole == other.pitch else None
        if self.width != other.width:
            inside = self.run[0] <= other.run[0] and other.run[1] <= self.run[1]
            alike = self.solid and other.solid and self.bytes == other.bytes
            return (other.run[0] - self.run[0]) * deep if inside and alike else None
        inside = self.rows[0] <= other.rows[0] and other.rows[1] <= self.rows[1]
        if not inside or (self.columns, self.bytes) != (other.columns, other.bytes):
            return None
        return (other.rows[0] - self.rows[0]) * width * deep

    def meets(self, other: Touch) -> bool:
        """Whether both may have bytes in common."""
        if self.root != other.root:
            return False
        if self.pitch != other.pitch:
            return True
        pairs = ((self.rows, other.rows), (self.columns, other.columns)) if self.width == other.width else (
            (self.run, other.run),)
        return all(a[0] < b[1] and b[0] < a[1] for a, b in (*pairs, (self.bytes, other.bytes)))


@dataclass(frozen=True)
class Draw:
    """One thing that a step loads: a part of an input, or the parameters of some channels (`touch` is None)."""

    slot: Slot
    label: str
    rows: tuple[Rows, ...]
    touch: Touch | None
    free: bool
    """Whether its slot is free while the step before computes (of the first step of a layer, see `near`)."""


@dataclass(frozen=True)
class Draft:
    """One step."""

    layer: int
    region: Region
    values: Mapping[str, int]
    draws: tuple[Draw, ...]
    slots: Mapping[str, Slot]
    """By purpose: the pointers to inputs, parameters, output, scratch."""
    stores: tuple[Rows, ...]
    writes: Touch
    chunk: int
    """Which of the layer's parameters it uses."""
    shift: int
    """Bytes from the begin of the output's slot to what the step writes."""
    compute: int
    """Cycles of its kernel, by the model."""


@dataclass
class LayerDraft:
    """The steps of one layer, and the bytes of its slots."""

    job: Job
    tiling: Tiling
    chunks: tuple[tuple[int, int], ...]
    """Channels of each of its parameters."""
    steps: list[Draft] = field(default_factory=list)
    sizes: dict[Slot, int] = field(default_factory=dict)

    @cached_property
    def blobs(self) -> tuple[Blob, ...]:
        """Its parameters."""
        return tuple(blob(self.job.layer, *channels) for channels in self.chunks)

    def bytes_of(self, chunk: int) -> int:
        """Bytes of some of its parameters."""
        first, last = self.chunks[chunk]
        return blob_bytes(self.job.layer, last - first)

    def grow(self, slot: Slot, size: int) -> None:
        """Make a slot at least this large."""
        self.sizes[slot] = max(self.sizes.get(slot, 0), aligned(size))


def touch_of(strip: Strip, operand: Operand | None, job: Job, region: Region) -> Touch:
    """A part of an input, or (without operand) of the output."""
    tensor = operand.tensor if operand else job.output
    first, last = region.channels
    return Touch(strip.root, region.rows, region.columns, (strip.begin + first * tensor.element_bytes,
                                                           strip.begin + last * tensor.element_bytes), strip.pitch,
                 tensor.width)


@dataclass
class _Walk:
    """What lies in the slots of a layer while its steps are drawn up."""

    layer: int
    mode: Mode
    held: dict[str, object] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    def slot(self, purpose: str, key: object, twice: bool) -> tuple[Slot, bool]:
        """The slot for a thing, and whether it is not there yet."""
        fresh = self.held.get(purpose) != key or purpose not in self.turns
        if fresh:
            self.turns[purpose] = (self.turns.get(purpose, -1) + 1) % (2 if twice else 1)
            self.held[purpose] = key
        return Slot(self.layer, purpose, self.turns[purpose]), fresh


def draft_layer(layer: int, job: Job, tiling: Tiling, limits: Limits) -> LayerDraft:
    """The steps of a layer."""
    regions = list(tiling.regions(job))
    chunks = tuple(dict.fromkeys(region.channels for region in regions))
    made = LayerDraft(job, tiling, chunks)
    walk = _Walk(layer, tiling.mode)
    for region in regions:
        made.steps.append(_step(made, walk, region, limits))
    return made


def _step(made: LayerDraft, walk: _Walk, region: Region, limits: Limits) -> Draft:
    job, mode = made.job, walk.mode
    slots: dict[str, Slot] = {}
    chunk = made.chunks.index(region.channels)
    draws = [*_parameters(made, walk, chunk, slots), *_inputs(made, walk, region, slots)]
    if not draws and made.steps and not mode.twice and not mode.gathers:
        # Its only output is free when the step's late loads begin: there has to be one.
        walk.held.pop(job.operands[0].field)
        draws = list(_inputs(made, walk, region, slots))
    numbers = values(job, region, _columns(made, region))
    compute = cycles(job.layer.kernel, job.layer.requant.kind, numbers, limits.cores)
    if made.steps:
        compute = next_cycles(job.layer.kernel, compute)
    written = job.size if mode.gathers else region
    slots[OUTPUT], _ = walk.slot(OUTPUT, written, mode.twice)
    made.grow(slots[OUTPUT], bytes_of(job.output, written) + job.beyond)
    scratch = KERNELS[job.layer.kernel].scratch(numbers, limits.cores)
    if scratch:
        slots[SCRATCH], _ = walk.slot(SCRATCH, 0, False)
        made.grow(slots[SCRATCH], scratch)
    return Draft(walk.layer, region, numbers, tuple(draws), slots, rows_of(job.strip, job.output, region),
                 touch_of(job.strip, None, job, region), chunk,
                 region.rows[0] * job.output.row_bytes if mode.gathers else 0,
                 round(float(compute)))


def _columns(made: LayerDraft, region: Region) -> Columns:
    """Where the im2col matrix is: of the pixels of the step before it is there."""
    if not made.tiling.mode.keeps:
        return Columns.OWN
    before = made.steps[-1].region if made.steps else None
    same = before is not None and (before.rows, before.columns) == (region.rows, region.columns)
    return Columns.KEPT if same else Columns.MAKE


def _parameters(made: LayerDraft, walk: _Walk, chunk: int, slots: dict[str, Slot]) -> Iterator[Draw]:
    size = made.bytes_of(chunk)
    if not size:
        return
    slot, fresh = walk.slot(PARAMETERS, chunk, walk.mode.parameters_twice)
    slots[PARAMETERS] = slot
    made.grow(slot, size)
    if fresh:
        yield Draw(slot, PARAMETERS, (Rows(0, size, size, size),), None, walk.mode.parameters_twice)


def _inputs(made: LayerDraft, walk: _Walk, region: Region, slots: dict[str, Slot]) -> Iterator[Draw]:
    for operand in made.job.operands:
        part = operand.part(region)
        slot, fresh = walk.slot(operand.field, part, walk.mode.twice)
        slots[operand.field] = slot
        made.grow(slot, bytes_of(operand.tensor, part) + operand.beyond)
        rows = rows_of(operand.strip, operand.tensor, part)
        if fresh and rows:
            yield Draw(slot, operand.field, rows, touch_of(operand.strip, operand, made.job, part), walk.mode.twice)


def all_steps(layers: Sequence[LayerDraft]) -> list[Draft]:
    """The steps of all layers in their order."""
    return [step for layer in layers for step in layer.steps]
