"""Whatever some numbers of layers and places are, the rules answer with violations and never fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import DEVICES
from bittrue.targets.max7800x.network import (
    BUFFER,
    INPUT,
    Activation,
    Eltwise,
    Layer,
    Network,
    Operator,
    Pool,
    RollingBuffer,
)
from bittrue.targets.max7800x.placement import BufferPlacement, Fifo, LayerPlacement, Placement
from bittrue.targets.max7800x.rules import TITLES, problems

from .placed import added, conv, conv1d, copy, filled, linear, net, place, up

DIM = (6, 8)
NUMBER = st.integers(-2, 20) | st.sampled_from([0, 1, 3, 100, 3000])
PAIR = st.tuples(NUMBER, NUMBER)
MAP = st.integers(-1, 1 << 65) | st.integers(0, 20).map(lambda n: (1 << n) - 1)
OFFSET = st.integers(-8, 0x9000) | st.integers(0, 8).map(lambda n: 0x1000 * n)
FLAG = st.booleans()
WEIGHTS = st.builds(filled, st.lists(st.integers(0, 5), min_size=1, max_size=5).map(tuple), st.integers(1, 9),
                    st.integers(0, 5), st.none() | st.integers(-300, 300))

LAYER: dict[str, st.SearchStrategy[Any]] = {
    "operator": st.sampled_from(list(Operator)), "in_channels": NUMBER, "in_dim": PAIR, "spatial_join": FLAG,
    "crop": PAIR, "channel_skip": NUMBER, "pool": st.builds(Pool, FLAG, PAIR, PAIR, PAIR), "pool_first": FLAG,
    "eltwise": st.none() | st.sampled_from(list(Eltwise)), "operands": NUMBER, "flatten": FLAG,
    "weights": st.none() | WEIGHTS, "bypass": FLAG, "bypass_channels": NUMBER, "kernel": PAIR, "stride": PAIR,
    "pad": PAIR, "dilation": PAIR, "output_pad": PAIR, "groups": NUMBER, "shift": st.integers(-20, 20),
    "activation": st.sampled_from(list(Activation)), "output_width": st.sampled_from([8, 16, 32]),
    "buffer_shift": NUMBER, "sequence": st.none() | st.integers(0, 4)}
"""Numbers that a layer may have, wrong ones among them."""

PLACE: dict[str, st.SearchStrategy[Any]] = {
    "processors": MAP, "output_processors": MAP, "in_offset": OFFSET, "out_offset": OFFSET, "write_gap": NUMBER,
    "read_gap": st.integers(-1, 2), "streaming": FLAG, "read_ahead": FLAG, "tram_calc": st.none() | FLAG,
    "bias_groups": st.none() | st.lists(st.integers(-1, 5), max_size=3).map(tuple), "calc_x4": FLAG}
"""The same for a place."""

SOUND = (conv("a", 3, 4, DIM, bias=1), conv("bb", 70, 66, DIM), conv1d("c", 3, 4, 20, 3, dilation=(5, 1)),
         up("d", 3, 4, DIM), linear("e", 72, 3, DIM, bits=4), copy("f", 20, DIM), added("g", 3, 65, DIM))


@st.composite
def changed(draw: st.DrawFn, values: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """A few numbers that are not those of the sound thing."""
    names = draw(st.lists(st.sampled_from(sorted(values)), max_size=2))
    return {name: draw(values[name]) for name in names}


@st.composite
def networks(draw: st.DrawFn) -> Network:
    layers: list[Layer] = []
    for index in range(draw(st.integers(1, 3))):
        sources = tuple(draw(st.lists(st.sampled_from([BUFFER, INPUT, *range(index)]), min_size=1, max_size=2)))
        sound = draw(st.sampled_from(SOUND))
        layers.append(replace(sound, **({"name": f"layer{index}", "sources": sources} | draw(changed(LAYER)))))
    buffer = draw(st.none() | st.builds(RollingBuffer, st.just("past"), NUMBER, PAIR))
    return net(*layers, buffer=buffer, in_channels=draw(NUMBER), in_dim=draw(st.just(DIM) | PAIR))


@st.composite
def placements(draw: st.DrawFn, network: Network) -> Placement:
    """Near what fits, where that can be said, with some numbers changed."""
    safe = net(*(layer if layer.in_channels > 0 and layer.out_channels > 0 else SOUND[0] for layer in network.layers))
    sound = place(safe)
    layers: list[LayerPlacement] = [replace(spot, **draw(changed(PLACE))) for spot in sound.layers]
    buffer = draw(st.none() | st.builds(BufferPlacement, MAP, OFFSET)) if network.buffer else None
    return Placement(tuple(layers[draw(st.integers(0, 8)) == 0:]), draw(FLAG), draw(st.sampled_from(list(Fifo))),
                     draw(FLAG), buffer)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_numbers(data: st.DataObject) -> None:
    network = data.draw(networks())
    placement = data.draw(placements(network))
    for device in DEVICES.values():
        for found in (problems(network, None, device), problems(network, placement, device)):
            event(max((p.code for p in found), default="sound"))
            assert {p.code for p in found} <= set(TITLES)
