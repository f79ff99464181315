"""A network becomes a program: tiles, places, DMA commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ....errors import Diagnostics, Unsupported
from ..network import Network
from ..program import Program
from .arena import most_alive, tensors
from .drafts import LayerDraft, all_steps
from .far import Far, place_far
from .footprints import job
from .limits import Limits
from .tables import tables_bytes
from .tiles import Taste
from .variants import Variants

TASTES = (Taste(), Taste(100, 3), Taste(500, 3), Taste(2_000, 3), Taste(2_000, 3, 16), Taste(20_000, 3))
"""What tiles are chosen by, one after the other until everything has a place: with more and more regard to L2."""
DEPTHS = (3, 6, 12)
"""Of the ring: the deeper it is, the longer parameters from L3 can come in advance, and the fewer stay in L2."""


def plan(network: Network, limits: Limits | None = None) -> Program:
    """The program of a network.

    Raises `Unsupported` with BT5550 for every layer of which no tile fits into L1, BT5551 for a network that fits
    neither into L2 nor into L2 and L3, and BT5559 for a plan that fails its own check.
    """
    held = limits or Limits()
    variants = Variants(network, [job(network, layer) for layer in network.layers], held)
    for taste in TASTES:
        layers = variants.whole(taste)
        far = place_far(network, layers, held, taste.depth)
        if far is not None:
            break
    else:
        raise _no_room(network, layers, held)
    if len(far.external) + far.spare > held.l3:
        raise _no_room_in_l3(far, held)
    if far.external:
        taste = min((replace(taste, depth=depth) for depth in DEPTHS), key=variants.cost)
    return variants.best(taste).program


def _no_room(network: Network, layers: Sequence[LayerDraft], limits: Limits) -> Unsupported:
    """Why a network does not fit into L2."""
    layer, alive = most_alive(tensors(network))
    tables, largest = tables_bytes(layers), max(
        work.bytes_of(chunk) for work in layers for chunk in range(len(work.chunks)))
    need = alive + tables + largest
    why = f"{need} bytes of L2" if need > limits.l2 else f"{need} bytes of L2 or, as they do not lie side by side, more"
    found = Diagnostics()
    found.add("BT5551", network.layers[layer].name, f"the tensors that are alive while it runs take {alive} "
              f"bytes, the largest parameters {largest}, {len(all_steps(layers))} steps {tables}: {why}; there are "
              f"{limits.l2}",
              f"make the image smaller or its channels fewer, by {max(need - limits.l2, need // 50)} bytes")
    return Unsupported(*found)


def _no_room_in_l3(far: Far, limits: Limits) -> Unsupported:
    found = Diagnostics()
    found.add("BT5551", "L3", f"parameters take {len(far.external)} bytes, tensors that wait {far.spare}, there are "
              f"{limits.l3}", "give the board's size of L3 if it has more, or narrower weights")
    return Unsupported(*found)
