"""Where a project's own data lie, in L2 or beyond the plan's image in L3: sample, known answers, what a trace leaves.

    L3: [ image of the plan | tensors that wait ][ sample ][ answers ][ trace ]   each part begins at a multiple of 16
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..network import Tensor
from ..planning.limits import L2_BYTES, RESERVE, aligned
from ..program import Program
from .sizes import tables_bytes


@dataclass(frozen=True)
class Part:
    """Tensors one after the other, dense, each at a multiple of 4 bytes."""

    in_l2: bool
    external: int
    """Bytes from the begin of L3, of a part that is not in L2."""
    size: int
    offsets: Mapping[str, int]
    """Bytes from the part's begin, by tensor."""
    lengths: Mapping[str, int]
    """Bytes of every tensor."""

    def join(self, values: Mapping[str, bytes]) -> bytes:
        """The part's bytes from the tensors' bytes. Raises KeyError without a tensor, ValueError for another size."""
        joined = bytearray(self.size)
        for name, offset in self.offsets.items():
            length = self.lengths[name]
            if len(values[name]) != length:
                raise ValueError(f"{name} has {len(values[name])} bytes, not {length}")
            joined[offset:offset + length] = values[name]
        return bytes(joined)

    def split(self, data: bytes) -> dict[str, bytes]:
        """The tensors' bytes, by name."""
        return {name: data[offset:offset + self.lengths[name]] for name, offset in self.offsets.items()}


@dataclass(frozen=True)
class Layout:
    """All parts of a project."""

    sample: Part
    """The network's inputs, in their order. In L2 it is the symbol `bt_sample`."""
    answers: Part
    """The output of every layer, in order. In L2 it is the symbol `bt_answers`."""
    trace: Part
    """Where a build with BT_TRACE leaves the output of every layer; always in L3."""
    program: Program

    @property
    def external(self) -> int:
        """Bytes of L3 in all, with a trace."""
        return self.trace.external + self.trace.size

    @property
    def stages(self) -> bool:
        """Whether the plan itself uses L3."""
        return bool(self.program.external) or any(step.staging for step in self.program.steps)


def layout_of(program: Program) -> Layout:
    """The layout that the project of a program has."""
    network = program.network
    room = L2_BYTES - RESERVE - program.arena - len(program.constants) - tables_bytes(program)
    at = aligned(aligned(len(program.external), 4) + program.spare, 16)
    sample = _part(network.tensors, network.inputs, room, at)
    if sample.in_l2:
        room -= sample.size
    else:
        at += aligned(sample.size, 16)
    outputs = [layer.output for layer in network.layers]
    answers = _part(network.tensors, outputs, room, at)
    if not answers.in_l2:
        at += aligned(answers.size, 16)
    return Layout(sample, answers, replace(answers, in_l2=False, external=at), program)


def _part(tensors: Mapping[str, Tensor], names: Iterable[str], room: int, external: int) -> Part:
    lengths = {name: tensors[name].bytes for name in names}
    offsets, size = {}, 0
    for name, length in lengths.items():
        offsets[name] = size
        size += aligned(length, 4)
    return Part(size <= room, external, size, offsets, lengths)
