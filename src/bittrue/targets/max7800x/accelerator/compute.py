"""What a layer computes of the image that it read: outputs, and which of them have a defined value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..device import Device
from .biases import Biases
from .complaints import Complaints, Kind
from .convolve import Array, convolve, convolve_each
from .fetch import Image
from .layer import LayerProgram, Mode
from .memories import Flags, Ints
from .post import FRACTION, finished
from .weights import WAYS, Weights


@dataclass(frozen=True, eq=False)
class Outputs:
    """`values` and `known`: (outputs, rows, columns); of layers without sums over processors (processors, passes, ...).

    `known` is None where all is known.
    """

    values: Ints
    known: Flags | None


def compute(program: LayerProgram, image: Image, weights: Weights, biases: Biases | None,
            complaints: Complaints) -> Outputs | None:
    """The outputs of a layer with kernels. None, with a complaint, where the kernel is larger than the image."""
    if min(program.output) < 1:
        complaints.add(Kind.SIZES_DISAGREE, f"kernels of {program.kernels.size} on {program.image} pixels")
        return None
    if program.mode.by_processor:
        return _each(program, image, weights, biases, complaints)
    if program.mode is Mode.QUAD:
        return _quarters(program, image, weights, biases, complaints)
    added = _added(program, complaints)
    if not added:
        complaints.add(Kind.PROCESSORS, "none of the groups whose sums are added has a processor")
        return None
    return _sums(program, image, weights, biases, complaints, added, np.arange(program.outputs))


def _added(program: LayerProgram, complaints: Complaints) -> list[int]:
    """The processors (as numbers in the image) whose sums enter the result."""
    added: list[int] = []
    index = 0
    for part in program.parts:
        if part.group in program.sources:
            added += range(index, index + len(part.processors))
        elif part.processors:
            complaints.add(Kind.PROCESSORS, f"the sums of group {part.group} are not added (LCTL.cnnsi_en)")
        index += len(part.processors)
    return added


def _quarters(program: LayerProgram, image: Image, weights: Weights, biases: Biases | None,
              complaints: Complaints) -> Outputs:
    """Output channel 4 i + g is channel i of group g."""
    values: Ints | None = None
    known: Flags | None = None
    index = 0
    for part in program.parts:
        own = list(range(index, index + len(part.processors)))
        index += len(own)
        outputs = np.arange(part.group, program.outputs, WAYS)
        if not own or not len(outputs):
            continue
        found = _sums(program, image, weights, biases, complaints, own, outputs)
        if values is None or known is None:
            values = np.zeros((program.outputs, *found.values.shape[1:]), np.int64)
            known = np.zeros(values.shape, np.bool_)
        values[outputs], known[outputs] = found.values, True if found.known is None else found.known
    if values is None:
        values = np.zeros((program.outputs, 1, 1), np.int64)
    return Outputs(values, known)


def _sums(program: LayerProgram, image: Image, weights: Weights, biases: Biases | None, complaints: Complaints,
          processors: list[int], outputs: Ints) -> Outputs:
    inputs = image.values[processors].reshape(-1, *image.values.shape[2:])
    kernels = _joined(weights.values[processors][:, outputs])
    sums = convolve(inputs, kernels, program.kernels.size, program.pad, program.stretch)
    known = _defined(program, image, weights, complaints, processors, outputs)
    if biases is not None:
        sums += (biases.values[outputs] << FRACTION)[:, None, None]
        known = _with_bias(known, biases.known[outputs], kernels, complaints)
    return Outputs(finished(sums, program.post), known)


def _joined(kernels: Array) -> Array:
    """(processors, outputs, passes, weights) -> (outputs, processors x passes, weights)."""
    turned = kernels.transpose(1, 0, 2, 3)
    return np.ascontiguousarray(turned).reshape(turned.shape[0], -1, turned.shape[3])


def _with_bias(known: Flags | None, bias: Flags, kernels: Array,
               complaints: Complaints) -> Flags | None:
    if bias.all():
        return known
    used = ~bias & kernels.any(axis=(1, 2))
    if used.any() and (known is None or known.reshape(len(bias), -1)[used].any()):
        complaints.add(Kind.UNWRITTEN_BIAS, f"output channels {_list(used)}")
    whole = bias[:, None, None]
    return whole if known is None else known & whole


def _defined(program: LayerProgram, image: Image, weights: Weights, complaints: Complaints, processors: list[int],
             outputs: Ints) -> Flags | None:
    """Which outputs have a defined value: None for all, else of a shape that fits the outputs."""
    if image.known is None and weights.known is None:
        return None
    usable = np.ones(len(outputs), np.bool_)
    if weights.known is not None:
        usable = np.asarray(weights.known[processors][:, outputs].all(axis=(0, 2)), np.bool_)
    known: Flags = usable[:, None, None]
    if image.known is not None:
        unknown = ~image.known[processors]
        uses = weights.values[processors][:, outputs] != 0
        uses[:, ~usable] = False
        _complain_data(program, unknown, uses.any(axis=(1, 3)), _middle(program, uses), complaints, processors)
        hit = convolve(unknown.reshape(-1, *unknown.shape[2:]), _joined(uses), program.kernels.size, program.pad,
                       program.stretch)
        known = known & (hit == 0)
    return known


def _complain_data(program: LayerProgram, unknown: Flags, used: Flags, middle: bool, complaints: Complaints,
                   processors: list[int]) -> None:
    """Complain about unknown pixels that kernels use.

    A 1-D convolution that runs as an image, which is one with kernels of the middle column alone, reads less than a row
    past its data, and what it makes of them is not used: these are none.
    """
    flat = (unknown & used[:, :, None, None]).reshape(*unknown.shape[:2], -1)
    body = flat.shape[2] - (program.reads.columns - 1 if middle else 0)
    bad = np.asarray(flat[:, :, :body].any(axis=(1, 2)), np.bool_)
    if bad.any():
        numbers = [program.processors[i] for i, one in zip(processors, bad, strict=True) if one]
        complaints.add(Kind.UNWRITTEN_DATA, f"read by processors {', '.join(map(str, numbers))}")


def _middle(program: LayerProgram, uses: Flags) -> bool:
    """Whether only the middle column of 3x3 kernels is in use; `uses`: (..., weights)."""
    rows, columns = program.kernels.size
    return columns > 1 and not uses.reshape(-1, rows, columns)[:, :, ::columns - 1].any()


def copied(device: Device, program: LayerProgram, image: Image, complaints: Complaints) -> Outputs:
    """The outputs of a layer without kernels. Complains about pixels that nobody wrote.

    Channels that do not exist are none: those of which no pixel is known, of processors that have others. A copy of
    one value may be the small layer that clears the sums of average pooling, whatever it copies.
    """
    small = device.average_pool_reset and program.pixels == len(program.processors) == 1
    if image.known is not None and not small:
        known = image.known.reshape(*image.known.shape[:2], -1)
        some, every = np.asarray(known.any(axis=2), np.bool_), np.asarray(known.all(axis=2), np.bool_)
        bad = np.asarray((some & ~every).any(axis=1) | ~some.any(axis=1), np.bool_)
        if bad.any():
            complaints.add(Kind.UNWRITTEN_DATA, f"copied by processors {_list(bad, program.processors)}")
    return Outputs(image.values.astype(np.int64), image.known)


def _each(program: LayerProgram, image: Image, weights: Weights, biases: Biases | None,
          complaints: Complaints) -> Outputs:
    shape = image.values.shape[:2]
    kernels = weights.values[:, 0].reshape(shape[0] * shape[1], -1)
    size, pad, stretch = program.kernels.size, program.pad, program.stretch
    sums = convolve_each(image.values.reshape(-1, *image.values.shape[2:]), kernels, size, pad, stretch)
    known: Flags | None = None
    if weights.known is not None:
        unwritten = np.asarray(~weights.known[:, 0].all(axis=1), np.bool_)
        complaints.add(Kind.UNWRITTEN_KERNEL, f"processors {_list(unwritten, program.processors)}")
        known = weights.known[:, 0].reshape(-1, 1, 1)
    if image.known is not None:
        unknown, uses = ~image.known, kernels != 0
        _complain_data(program, unknown, uses.any(axis=1).reshape(shape), _middle(program, uses), complaints,
                       list(range(shape[0])))
        hit = convolve_each(unknown.reshape(-1, *unknown.shape[2:]), uses, size, pad, stretch)
        known = hit == 0 if known is None else known & (hit == 0)
    if biases is not None:
        sums += (biases.values.reshape(-1) << FRACTION)[:, None, None]
        known = _with_bias(known, biases.known.reshape(-1), kernels[:, None], complaints)
    full = (*shape, *sums.shape[1:])
    return Outputs(finished(sums, program.post).reshape(full),
                   None if known is None else np.broadcast_to(known, sums.shape).reshape(full))


def _list(flags: Flags, names: tuple[int, ...] | None = None) -> str:
    numbers = [int(i) if names is None else names[int(i)] for i in np.flatnonzero(flags)]
    return ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
