"""Ways for the input, in the order in which they are tried: every layer that streams costs cycles, and data that
overlap cost the loader its check."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import Device
from ..network import INPUT, Network, Operator
from ..placement import SHARED
from .geometry import Way
from .options import PlaceOptions
from .shapes import GROUPS, INSTANCES


def ways(network: Network, device: Device, options: PlaceOptions) -> Iterator[tuple[Way, bool]]:
    """(way, whether outputs may be written over inputs) that a network allows, best first.

    There is none when the input is to be CHW and cannot be.
    """
    for streaming in range(_most_streaming(network, device) + 1 if options.streaming else 1):
        for overlap in (False, True) if options.overlap else (False,):
            for chw in _formats(network, options):
                if not streaming or _feeds(network, chw):
                    yield Way(chw, streaming > 0, streaming), overlap


def _formats(network: Network, options: PlaceOptions) -> tuple[bool, ...]:
    """Whether CHW, in the order to try. A single channel needs a quarter of the memory in CHW."""
    if not _can_be_chw(network):
        return () if options.chw else (False,)
    if options.chw is not None:
        return (options.chw,)
    return (True, False) if network.in_channels == 1 else (False, True)


def _can_be_chw(network: Network) -> bool:
    """Only the first layer can read CHW, one channel per instance, and it must convolve."""
    first = network.layers[0]
    alone = all(INPUT not in layer.sources for layer in network.layers[1:])
    return alone and network.in_channels <= INSTANCES and first.convolves and not first.flatten and first.operands == 1


def _feeds(network: Network, chw: bool) -> bool:
    """Whether the FIFOs can bring all channels."""
    return network.in_channels <= GROUPS * (1 if chw else SHARED)


def _most_streaming(network: Network, device: Device) -> int:
    """How many layers could stream: a chain of convolutions from the input on that nothing else reads."""
    chain = 0
    for index, layer in enumerate(network.layers[:device.streaming_layers]):
        reads = layer.sources == (index - 1,)
        users = [i for i, user in enumerate(network.layers) if layer.sources[0] in user.sources]
        kept = index > 0 and index - 1 in network.outputs
        able = layer.operator is not Operator.LINEAR and (layer.convolves or device.streaming_passthrough)
        if not reads or users != [index] or kept or not able:
            break
        chain = index + 1
    return chain
