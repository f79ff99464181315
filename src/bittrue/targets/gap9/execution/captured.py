"""What every tile of every layer brought to L2, read from the DMA's transfers: the run itself is not disturbed.

Every transfer has to be the planned one, with its places and lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ....errors import BadInput, Diagnostic, Difference, declare, fail
from ....ir import IntArray
from ..network import DTYPES, Network
from ..program import Area, Program, Step, Transfer
from ..simulate import Captured, Cluster

Memory = np.ndarray[tuple[int], np.dtype[np.uint8]]

declare({
    "BT5571": "a tile is loaded or stored otherwise than planned",
    "BT5575": "a program lacks the memory of its plan",
})


@dataclass(frozen=True)
class Places:
    """Addresses of what transfers are planned in: the buffers in L1, the areas in L2 (steps' tables are anywhere)."""

    near: int
    areas: Mapping[Area, int]

    @classmethod
    def of(cls, cluster: Cluster, program: Program) -> Places:
        """Those of the program that a cluster has. Raises `BadInput` (BT5575) without room for what the plan has there.
        """
        memories, symbols = cluster.memories, cluster.symbols
        _require_room(symbols, "bt_l1", program.near, (memories.l1_base, memories.l1))
        _require_room(symbols, "bt_arena", program.arena, (memories.l2_base, memories.l2))
        names = {Area.ARENA: "bt_arena", Area.CONSTANTS: "bt_constants"}  # a program may have no constants
        return cls(symbols["bt_l1"], {area: symbols[name] for area, name in names.items() if name in symbols})


def _require_room(symbols: Mapping[str, int], name: str, size: int, memory: tuple[int, int]) -> None:
    """Refuse a program without a symbol, or with one that leaves no room behind it, or lies at no word."""
    place, (base, room) = symbols.get(name), memory
    if place is None or place % 4 or not base <= place <= base + room - size:
        where = "is not in it" if place is None else f"lies at 0x{place:08x}"
        fail(BadInput, "BT5575", f"program, symbol {name}", f"it {where}; the plan has {size} bytes there",
             "emit the project again")


def layer_values(program: Program, places: Places, captured: Sequence[Captured]) -> dict[str, IntArray]:
    """The output of every layer by tensor, (height, width, channels), put together from what its tiles stored.

    Layers that stored nothing are left out; elements that no tile stored are those of `untouched`. Raises `Difference`
    (BT5571) for a transfer that the plan has not in this place.
    """
    loads = islice((found for found in captured if found.inward), 1, None)
    for (step, transfer), load in zip(planned_loads(program), loads, strict=False):
        _require_planned(program, step, transfer, load, places)
    memories: dict[int, Memory] = {}
    stores = (found for found in captured if not found.inward)
    for (step, transfer), store in zip(planned_stores(program), stores, strict=False):
        _require_planned(program, step, transfer, store, places)
        if step.layer not in memories:
            memories[step.layer] = untouched(program, step.layer)
        _scatter(memories[step.layer], transfer, store.data, _root_place(program, step.layer))
    outputs = {program.network.layers[layer].output: memory for layer, memory in memories.items()}
    return {name: values_of(program.network, name, memory) for name, memory in outputs.items()}


def planned_stores(program: Program) -> Iterator[tuple[Step, Transfer]]:
    """All stores in their order."""
    return ((step, transfer) for step in program.steps for transfer in step.stores)


def planned_loads(program: Program) -> Iterator[tuple[Step, Transfer]]:
    """All loads in their order, but for the first step's table, which comes before them."""
    return ((step, transfer) for step in program.steps for transfer in (*step.early, *step.late))


def untouched(program: Program, layer: int) -> Memory:
    """The memory of a layer's whole output before it runs: bytes that are right for no tensor by accident."""
    root, _ = program.network.root(program.network.layers[layer].output)
    return np.full(root.bytes, 0xA5, np.uint8)


def _require_planned(program: Program, step: Step, transfer: Transfer, found: Captured, places: Places) -> None:
    planned = places.near + transfer.near, *_lines(transfer.size, transfer.length, transfer.stride)
    made = found.near, *_lines(found.size, found.length, found.stride)
    far = places.areas.get(transfer.area)
    if made[0] != planned[0] or (far is not None and (*made, found.far) != (*planned, far + transfer.far)):
        raise Difference(Diagnostic(
            "BT5571", f"layer {program.network.layers[step.layer].name}, {step.region}, {transfer.label}",
            f"{found.size} bytes in lines of {found.length}, {found.stride} apart, between 0x{found.near:08x} and "
            f"0x{found.far:08x}; planned are {transfer}", "emit the project again"))


def _lines(size: int, length: int, stride: int) -> tuple[int, int, int]:
    """What a transfer's lines say, whatever they are where there is only one."""
    return (size, length, stride) if length < size else (size, size, 0)


def _root_place(program: Program, layer: int) -> int:
    root, _ = program.network.root(program.network.layers[layer].output)
    return program.places[root.name]


def _scatter(memory: Memory, transfer: Transfer, data: bytes, place: int) -> None:
    values = np.frombuffer(data, np.uint8)
    begin, stride = transfer.far - place, transfer.stride if transfer.length < transfer.size else transfer.size
    for row in range(-(-transfer.size // transfer.length)):
        part = values[row * transfer.length:(row + 1) * transfer.length]
        if begin < 0 or begin + row * stride + len(part) > len(memory):
            raise BadInput(Diagnostic("BT5571", transfer.label, "the plan stores beside its tensor", "report this"))
        memory[begin + row * stride:][:len(part)] = part


def values_of(network: Network, name: str, memory: Memory) -> IntArray:
    """A tensor's values (height, width, channels) from the bytes of the whole tensor that it lies in."""
    tensor, (root, first) = network.tensors[name], network.root(name)
    pixels = memory.view(DTYPES[root.elem]).reshape(-1, root.channels)[:, first:first + tensor.channels]
    return pixels.astype(np.int64).reshape(tensor.height, tensor.width, tensor.channels)
