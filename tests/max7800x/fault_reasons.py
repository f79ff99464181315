"""Why a fault that nothing shows is harmless. Every reason is checked on the run itself, none is believed.

What a fault did is what differs in the accelerator when the network starts: registers, kernel, bias and data memory,
what the FIFOs get. Every difference needs a reason of its own. Where there is none, the fault did not reach the
accelerator: then it must have written the same as ever, or what it wrote was overwritten in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bittrue.targets.max7800x.device import KERNEL_BYTES, DataWord
from bittrue.targets.max7800x.simulate.box import SampleRun

from .fault_fields import Edit, RegisterChange, reason_of
from .fault_scene import Fault, Key, Scene, State, Tapped
from .fault_values import Change, Place, Values

TABLE_HEAD = 4
"""Words of the known answer before the values of a block: address, mask, words, step."""
WORDS = 1 << 30
"""Words of an address space: a pointer that is moved by so many is where it was."""
BYTE = 0xFF
NOWHERE: Place = (-1, 0, 0)
"""Stands for all places that hold nothing of the network's."""


class Unexplained(AssertionError):
    """A fault that nothing shows, without a reason."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """Finds reasons in one scene."""

    scene: Scene
    values: Values = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", Values(self.scene.plan, self.scene.sample))

    @cached_property
    def right(self) -> State:
        """The state without a fault."""
        assert self.scene.tap.state is not None
        return self.scene.tap.state

    def reasons(self, fault: Fault) -> list[str]:
        """Why a fault that nothing shows is harmless. Raises `Unexplained`."""
        run, tap = self.scene.strike(fault, keeps=True)
        found = [] if tap.state is None else list(self._in_state(tap.state))
        if fault.kind == "known answer":
            found += self._in_answer(fault)
        if not found and tap.state is not None:
            found += self._without_difference(run, tap)
        if not found:
            raise Unexplained(f"{self.scene.name}: {fault}: nothing differs, and nothing says why")
        return found

    # ---- differences

    def _in_state(self, state: State) -> Iterator[str]:
        changes: list[Change] = []
        for name, wrong, owners in (("kernels", self._kernels(state), self.values.kernels),
                                   ("biases", self._biases(state), self.values.biases),
                                   ("inputs", self._inputs(state), self.values.inputs)):
            found = [change for (place, bit), change in owners.items() if wrong.get(place, 0) >> bit & 1]
            changes += found
            if sum(byte.bit_count() for byte in wrong.values()) > len(found):
                yield f"{name}: bits that belong to nothing that the network uses"
        edits: list[Edit] = []
        for change in self._registers(state):
            reasons, own = reason_of(change, self.scene, state)
            if len(reasons) + len(own) < len(change.fields):
                raise Unexplained(f"{self.scene.name}: {change}")
            edits += own
            yield from reasons
            yield from (f"{change.name}: another operation with the same results for the sample" for _ in own)
        if changes or edits:
            self._check_values(changes, edits)
            yield from (f"{change.kind}: masked by rounding, saturation, pooling, ReLU or a zero" for change in changes)

    def _check_values(self, changes: list[Change], edits: list[Edit]) -> None:
        """The oracle must compute the same with wrong values and operations. Raises `Unexplained`."""
        computed = self.values.computed(changes, edits)
        for layer, (right, wrong) in enumerate(zip(self.scene.values, computed, strict=True)):
            if not np.array_equal(right, wrong):
                raise Unexplained(f"{self.scene.name}: the oracle sees a difference in layer {layer}: {changes[:3]}, "
                                  f"{len(edits)} operations")

    def _kernels(self, state: State) -> dict[Place, int]:
        """Bytes of kernel memory that differ; of a column that was written in one run only, all of them."""
        wrong = state.kernels ^ self.right.kernels
        wrong[np.repeat(state.known[0] != self.right.known[0], KERNEL_BYTES, axis=1)] = BYTE
        owned = np.zeros(wrong.shape, np.bool_)
        for processor, column, byte in {place for place, _ in self.values.kernels}:
            owned[processor, column * KERNEL_BYTES + byte] = True
        found = {(int(p), int(i) // KERNEL_BYTES, int(i) % KERNEL_BYTES): int(wrong[p, i])
                 for p, i in np.argwhere((wrong != 0) & owned)}
        return found | ({NOWHERE: 1} if wrong[~owned].any() else {})

    def _biases(self, state: State) -> dict[Place, int]:
        wrong = state.biases ^ self.right.biases | (state.known[1] != self.right.known[1]) * np.uint8(BYTE)
        return {(int(g), int(i), 0): int(wrong[g, i]) for g, i in np.argwhere(wrong)}

    def _inputs(self, state: State) -> dict[Place, int]:
        """Bytes of the input's words that differ, in data memory and on their way into the FIFOs."""
        wrong = state.data ^ self.right.data | state.known[2] ^ self.right.known[2]
        found: dict[Place, int] = {}
        for number, block in enumerate(self.scene.program.inputs):
            for index in range(len(block.words) if block.step else 0):
                place = self.scene.addresses.decode(block.address + index * block.step)
                assert isinstance(place, DataWord)
                found |= _bytes(number, index, int(wrong[place.instance, place.word]))
                wrong[place.instance, place.word] = 0
        count = len(self.scene.program.inputs)
        for position, ((_, right), (_, got)) in enumerate(zip(self.right.pushed, state.pushed, strict=False)):
            found |= _bytes(position % count, position // count, right ^ got)
        return found | ({NOWHERE: 1} if wrong.any() else {})

    def _registers(self, state: State) -> list[RegisterChange]:
        return [change for key in sorted({*state.registers, *self.right.registers})
                if (change := self._change(key, self.right.registers, state.registers)).old != change.new]

    # ---- no difference

    def _in_answer(self, fault: Fault) -> Iterator[str]:
        """The faulty known answer, by hand: it must hold for the right data, and one of its heads is what differs."""
        name = "sample_output"
        at = self.scene.box.image.symbols[name]
        table = bytearray(self._flash(at, next(s.size for s in self.scene.box.image.objects if s.name == name)))
        table[fault.address - at] ^= 1 << fault.bit
        words = np.frombuffer(bytes(table), "<u4").tolist()
        position, heads = 0, range(0)
        while words[position]:
            address, mask, count, step = words[position:position + TABLE_HEAD]
            heads = range(position, position + TABLE_HEAD)
            if (fault.address - at) // 4 in heads:
                part = ("address", "mask", "words", "step")[(fault.address - at) // 4 - position]
                yield f"known answer: another {part}, under which the right data are the same"
            count &= WORDS - 1
            for i in range(count):
                place = self.scene.addresses.decode(address + i * step)
                if not isinstance(place, DataWord):
                    raise Unexplained(f"{self.scene.name}: {fault}: the known answer leaves the data memory")
                if int(self.scene.tap.data[place.instance, place.word]) & mask != words[position + TABLE_HEAD + i]:
                    raise Unexplained(f"{self.scene.name}: {fault}: the known answer is wrong and passes")
            position += TABLE_HEAD + count

    def _flash(self, address: int, size: int) -> bytes:
        return next(part.data[address - part.address:address - part.address + size]
                    for part in self.scene.box.image.segments
                    if part.address <= address < part.address + len(part.data))

    def _without_difference(self, run: SampleRun, tap: Tapped) -> Iterator[str]:
        if tap.all == self.scene.tap.all:
            yield "not used in this run: all writes to the accelerator and all results are the same"
            return
        if tap.final == self.scene.tap.final:
            yield "overwritten before the network starts, and after it nothing is left"
            return
        for key in sorted({*tap.final, *self.scene.tap.final}):
            change = self._change(key, self.scene.tap.final, tap.final)
            if change.old == change.new:
                continue
            if not self._started_anew(change):
                raise Unexplained(f"{self.scene.name}: after the end: {change}")
            yield f"{change.name}: wrong after the network has ended; the next start writes it anew"

    def _change(self, key: Key, old: dict[Key, int], new: dict[Key, int]) -> RegisterChange:
        register = self.scene.addresses.registers[key[0]]
        right, wrong = (registers.get(key, register.reset) for registers in (old, new))
        return RegisterChange(*key, right, wrong, tuple(f.name for f in register.fields if (right ^ wrong) & f.mask))

    def _started_anew(self, change: RegisterChange) -> bool:
        addresses = {write.address for write in self.scene.program.registers.start}
        return self.scene.addresses.register(change.name, change.group) in addresses


def _bytes(block: int, index: int, wrong: int) -> dict[Place, int]:
    return {(block, index, lane): wrong >> 8 * lane & BYTE for lane in range(4) if wrong >> 8 * lane & BYTE}
