"""What silicon could not do: every kind of complaint, one row each, and the list that collects them.

A complaint is no exception: the model goes on as well as it can, so that one run shows all of them. Whoever drives the
model must take a run with complaints for a failed one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from ....errors import declare


class Kind(str, Enum):
    """The kinds of complaints; the value is the stable code."""

    NOTHING = "BT5420"
    READ_ONLY = "BT5421"
    UNKNOWN_BITS = "BT5422"
    SIZE = "BT5423"
    ASLEEP = "BT5424"
    UNWRITTEN_READ = "BT5425"
    PACKING = "BT5426"
    CLOCK = "BT5427"
    WAIT_STATES = "BT5428"
    LAYERS = "BT5429"
    UNCONFIGURED = "BT5430"
    NOT_CLEARED = "BT5431"
    GROUPS_DISAGREE = "BT5432"
    PROCESSORS = "BT5433"
    KERNEL_RANGE = "BT5434"
    UNWRITTEN_KERNEL = "BT5435"
    UNWRITTEN_DATA = "BT5436"
    UNWRITTEN_BIAS = "BT5437"
    READ_RANGE = "BT5438"
    WRITE_RANGE = "BT5439"
    OVERLAP = "BT5440"
    STREAM_BUFFER = "BT5441"
    STREAM_START = "BT5442"
    STREAM_OVERLAP = "BT5443"
    FIFO = "BT5444"
    SIZES_DISAGREE = "BT5445"
    NOT_MODELLED = "BT5446"
    POOL_SUMS = "BT5447"
    BUSY = "BT5448"
    MLAT = "BT5449"
    TRAM = "BT5450"
    BANKS = "BT5451"
    SELF_TEST = "BT5452"


MEANINGS: Mapping[Kind, str] = MappingProxyType({
    Kind.NOTHING: "accelerator: a bus access where nothing lies",
    Kind.READ_ONLY: "accelerator: a write to a register that can only be read",
    Kind.UNKNOWN_BITS: "accelerator: bits set in a register that no field is known for",
    Kind.SIZE: "accelerator: a bus access of a size or alignment that the place does not take",
    Kind.ASLEEP: "accelerator: access to a memory that is off or asleep",
    Kind.UNWRITTEN_READ: "accelerator: software reads memory that nobody wrote",
    Kind.PACKING: "accelerator: packed kernel writing without a start, or out of order",
    Kind.CLOCK: "accelerator: work with the data path's clock off",
    Kind.WAIT_STATES: "accelerator: wrong wait states (ready bits)",
    Kind.LAYERS: "accelerator: a layer number beyond the registers or the layer count",
    Kind.UNCONFIGURED: "accelerator: a layer starts whose registers nobody wrote",
    Kind.NOT_CLEARED: "accelerator: registers used before the self test cleared them",
    Kind.GROUPS_DISAGREE: "accelerator: groups that work together have different settings",
    Kind.PROCESSORS: "accelerator: processors that are needed are disabled, or enabled in vain",
    Kind.KERNEL_RANGE: "accelerator: kernels beyond the kernel memory",
    Kind.UNWRITTEN_KERNEL: "accelerator: an output channel uses kernels that nobody wrote",
    Kind.UNWRITTEN_DATA: "accelerator: data that nobody wrote enter a result",
    Kind.UNWRITTEN_BIAS: "accelerator: a bias that nobody wrote enters a result",
    Kind.READ_RANGE: "accelerator: reading beyond the data memory instance",
    Kind.WRITE_RANGE: "accelerator: writing beyond the data memory instance",
    Kind.OVERLAP: "accelerator: a layer writes one word twice",
    Kind.STREAM_BUFFER: "accelerator: a streaming layer's circular buffer is too small, words are lost before they "
                        "are read",
    Kind.STREAM_START: "accelerator: a streaming layer starts before its first words are there",
    Kind.STREAM_OVERLAP: "accelerator: circular buffers or outputs of layers that run together overlap",
    Kind.FIFO: "accelerator: FIFO settings that do not fit",
    Kind.SIZES_DISAGREE: "accelerator: registers of one layer contradict each other",
    Kind.NOT_MODELLED: "accelerator: a mode that the model does not know",
    Kind.POOL_SUMS: "accelerator: average pooling right after an element-wise layer starts from stale sums",
    Kind.BUSY: "accelerator: changed while it runs",
    Kind.MLAT: "accelerator: packed output bytes read without a start",
    Kind.TRAM: "accelerator: a layer needs more TRAM than there is",
    Kind.BANKS: "accelerator: with read-ahead, reading and writing the same bank of data memory",
    Kind.SELF_TEST: "accelerator: a memory is tested or cleared while a network runs",
})
"""Kind -> its title in the catalogue of diagnostics."""

declare({kind.value: title for kind, title in MEANINGS.items()})

MOST = 20
"""Complaints of one kind in one layer that are kept; the rest is counted only."""


@dataclass(frozen=True)
class Complaint:
    """One thing that silicon could not do: what, in which layer of the chip, at which bus address."""

    kind: Kind
    text: str
    layer: int | None = None
    address: int | None = None

    def __str__(self) -> str:
        where = "" if self.layer is None else f" layer {self.layer}"
        at = "" if self.address is None else f" at {self.address:#010x}"
        return f"{self.kind.value}{where}{at}: {self.text}"


@dataclass
class Complaints:
    """Collects complaints; `counts` holds how many there were of each kind, kept or not."""

    kept: list[Complaint] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    layer: int | None = None
    """The layer that runs."""
    _seen: Counter[tuple[Kind, int | None]] = field(default_factory=Counter)

    def add(self, kind: Kind, text: str, address: int | None = None) -> None:
        """Complain, about the layer that runs if one does."""
        self.counts[kind] += 1
        self._seen[kind, self.layer] += 1
        if self._seen[kind, self.layer] <= MOST:
            self.kept.append(Complaint(kind, text, self.layer, address))

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[Complaint]:
        return iter(self.kept)
