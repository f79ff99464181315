"""What every tile of every layer brought to L2, read from the DMA's transfers: the run itself is not disturbed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ....errors import BadInput, Diagnostic, Difference, declare
from ....ir import IntArray
from ..network import Tensor
from ..program import Program, Step, Transfer
from ..project import DTYPES
from ..simulate import Captured

declare({"BT5571": "a tile is stored to another place, or in another order, than planned"})


def layer_values(program: Program, arena: int, captured: Sequence[Captured]) -> dict[str, IntArray]:
    """The output of every layer by tensor, (height, width, channels), put together from what its tiles stored.

    `arena` is the arena's address. Layers that stored nothing are left out; elements that no tile stored are those of
    `untouched`. Raises `Difference` (BT5571) for a transfer that the plan has not in this place.
    """
    memories: dict[int, np.ndarray[tuple[int], np.dtype[np.uint8]]] = {}
    for (step, transfer), found in zip(planned_stores(program), captured, strict=False):
        _require_planned(program, step, transfer, found, arena)
        if step.layer not in memories:
            memories[step.layer] = untouched(program, step.layer)
        _scatter(memories[step.layer], transfer, found.data, _root_place(program, step.layer))
    return {program.network.layers[layer].output: _gathered(program, layer, memory)
            for layer, memory in memories.items()}


def planned_stores(program: Program) -> Iterator[tuple[Step, Transfer]]:
    """All stores in their order."""
    return ((step, transfer) for step in program.steps for transfer in step.stores)


def untouched(program: Program, layer: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The memory of a layer's whole output before it runs: bytes that are right for no tensor by accident."""
    root, _ = program.network.root(program.network.layers[layer].output)
    return np.full(root.bytes, 0xA5, np.uint8)


def _require_planned(program: Program, step: Step, transfer: Transfer, found: Captured, arena: int) -> None:
    lines = (transfer.length, transfer.stride) if transfer.length < transfer.size else (transfer.size, 0)
    if (found.address - arena, len(found.data)) != (transfer.far, transfer.size) or \
            (found.length < transfer.size and (found.length, found.stride) != lines):
        raise Difference(Diagnostic(
            "BT5571", f"layer {program.network.layers[step.layer].name}, {step.region}",
            f"{len(found.data)} bytes to byte {found.address - arena} of the arena, planned are {transfer.size} bytes "
            f"to byte {transfer.far}", "emit the project again"))


def _root_place(program: Program, layer: int) -> int:
    root, _ = program.network.root(program.network.layers[layer].output)
    return program.places[root.name]


def _scatter(memory: np.ndarray[tuple[int], np.dtype[np.uint8]], transfer: Transfer, data: bytes, place: int) -> None:
    values = np.frombuffer(data, np.uint8)
    begin, stride = transfer.far - place, transfer.stride if transfer.length < transfer.size else transfer.size
    for row in range(-(-transfer.size // transfer.length)):
        part = values[row * transfer.length:(row + 1) * transfer.length]
        if begin < 0 or begin + row * stride + len(part) > len(memory):
            raise BadInput(Diagnostic("BT5571", transfer.label, "the plan stores beside its tensor", "report this"))
        memory[begin + row * stride:][:len(part)] = part


def _gathered(program: Program, layer: int, memory: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> IntArray:
    tensor = program.network.tensors[program.network.layers[layer].output]
    root, first = program.network.root(tensor.name)
    return view(root, memory)[..., first:first + tensor.channels]


def view(tensor: Tensor, memory: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> IntArray:
    """The bytes of a whole tensor as values (height, width, channels)."""
    elements = memory.view(DTYPES[tensor.elem]).astype(np.int64)
    return elements.reshape(tensor.height, tensor.width, tensor.channels)
