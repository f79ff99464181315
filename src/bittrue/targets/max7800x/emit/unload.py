"""The results as `cnn_unload` gives them: outputs one after the other, each in CHW order.

8-bit values are packed four to a word, 32-bit values start at a whole word. Nothing is written beyond the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..device import ADDRESSES, DataWord, Device
from ..program import OutputTensor
from ..units import units, whole
from .options import EmitOptions

WORD = 4


@dataclass(frozen=True)
class Run:
    """Neighbouring channels that are read together: bytes of one word, or words side by side."""

    address: int
    count: int


@dataclass(frozen=True)
class Packed:
    """A channel that the mlator packs: its group, which byte of the words, the pointer to the first one."""

    group: int
    byte: int
    pointer: int


@dataclass(frozen=True)
class Copy:
    """How one output gets into the unloaded data."""

    kind: str
    """`bytes`, `words`, or `packed` by the mlator."""
    table: str
    """The name of its table."""
    output: OutputTensor
    offset: int
    runs: tuple[Run, ...] = ()
    packed: tuple[Packed, ...] = ()

    @property
    def pixels(self) -> int:
        """Pixels of a channel."""
        return self.output.dim[0] * self.output.dim[1]


@dataclass(frozen=True)
class Function:
    """A function that unloads everything."""

    name: str
    copies: tuple[Copy, ...]


def functions(outputs: Sequence[OutputTensor], device: Device, options: EmitOptions) -> tuple[Function, ...]:
    """`cnn_unload`, and the one without mlator that checks it."""
    by_mlator = tuple(options.mlator and can for can in packs(outputs))
    found = [Function("cnn_unload", tuple(_copies(outputs, by_mlator, device)))]
    if options.mlator and not options.mlator_noverify:
        found.append(Function("cnn_unload_plain", tuple(_copies(outputs, (False,) * len(outputs), device))))
    return tuple(found)


def _copies(outputs: Sequence[OutputTensor], by_mlator: Sequence[bool], device: Device) -> Iterator[Copy]:
    for index, (output, packs_it, start) in enumerate(zip(outputs, by_mlator, offsets(outputs), strict=False)):
        if packs_it:
            yield Copy("packed", f"packed_{index}", output, start, packed=packed(output, device))
        else:
            yield Copy("words" if output.wide else "bytes", f"output_{index}", output, start, runs(output))


def offsets(outputs: Sequence[OutputTensor]) -> tuple[int, ...]:
    """Where every output starts in the unloaded data, in bytes; the last entry is the end."""
    places, end = [], 0
    for output in outputs:
        start = whole(end, WORD) if output.wide else end
        places.append(start)
        end = start + output.elements * (WORD if output.wide else 1)
    return (*places, end)


def words(outputs: Sequence[OutputTensor]) -> int:
    """32-bit words that `cnn_unload` fills."""
    return units(offsets(outputs)[-1], WORD)


def runs(output: OutputTensor) -> tuple[Run, ...]:
    """The channels of an output in as few runs as possible."""
    step = WORD if output.wide else 1
    found: list[Run] = []
    for address in output.channels:
        last = found[-1] if found else None
        if last is not None and address == last.address + last.count * step and (output.wide or address % WORD):
            found[-1] = Run(last.address, last.count + 1)
        else:
            found.append(Run(address, 1))
    return tuple(found)


def packs(outputs: Sequence[OutputTensor]) -> Iterator[bool]:
    """For every output whether the mlator can pack it: 8 bits, word after word, whole words per channel."""
    for output, start in zip(outputs, offsets(outputs), strict=False):
        pixels = output.dim[0] * output.dim[1]
        yield not output.wide and output.pixel_step == WORD and pixels % WORD == 0 and start % WORD == 0


def packed(output: OutputTensor, device: Device) -> tuple[Packed, ...]:
    """How the mlator gets at the channels of an output."""
    return tuple(_packed(address, device) for address in output.channels)


def _packed(address: int, device: Device) -> Packed:
    addresses = ADDRESSES[device.name]
    place = addresses.decode(address)
    if not isinstance(place, DataWord):
        raise ValueError(f"address 0x{address:08x} of an output is not in data memory")
    processor = place.instance * device.shared
    return Packed(processor // device.group_processors, address % WORD,
                  addresses.write_pointer(processor, place.word * WORD))
