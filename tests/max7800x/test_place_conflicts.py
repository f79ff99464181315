"""Networks that have no placement, and the reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bittrue.errors import Diagnostics, Unsupported
from bittrue.targets.max7800x.legalize import Arrangement, arrange, connected
from bittrue.targets.max7800x.network import BUFFER, INPUT, Pool
from bittrue.targets.max7800x.place import PlaceOptions, place
from bittrue.targets.max7800x.place.conflict import conflicts
from bittrue.targets.max7800x.place.demand import Area, Capacity, Demand, Kernel
from bittrue.targets.max7800x.place.model import Resource
from bittrue.targets.max7800x.place.shapes import Shape
from bittrue.targets.max7800x.place.solve import Verdict, search

from .wired import NEW, OLD, Wired

WHOLE = Pool(False, (2, 3), (2, 3))


def codes(arrangement: Arrangement, options: PlaceOptions | None = None) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        place(arrangement, OLD, options)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_a_tensor_larger_than_an_instance() -> None:
    net = Wired(8, (91, 91))
    net.conv(net.conv(INPUT, 130, size=1), 4, pool=Pool(False, (8, 8), (8, 8)))
    with pytest.raises(Unsupported) as caught:
        place(net.arranged(OLD), OLD, PlaceOptions(streaming=False))
    texts = [str(diagnostic).splitlines()[0] for diagnostic in caught.value.diagnostics]
    assert texts == [f"BT5388 layer l0: it takes {91 * 91 * 3 * 4} bytes of 11 instances, and an instance has 32768"]


def test_kernels_larger_than_a_processors_memory() -> None:
    """769 outputs of 3x3 kernels, in 13 passes of 60 processors: 780 columns."""
    net = Wired(8, (2, 3))
    net.conv(INPUT, 769, pool=WHOLE)
    with pytest.raises(Unsupported, match="BT5389 layer l0: its kernels take 780 columns in each of its processors, "
                                          "and a processor has 768"):
        place(net.arranged(OLD), OLD)


def test_a_bias_larger_than_a_groups_memory() -> None:
    net = Wired(8, (2, 3))
    net.conv(INPUT, 513, size=1, bias=True)
    with pytest.raises(Unsupported, match="BT5390 layer l0: its bias takes 513 bytes of the bias memory of a group, "
                                          "which has 512"):
        place(net.arranged(OLD), OLD)


def test_all_layers_that_are_too_large_are_named() -> None:
    net = Wired(8, (2, 3))
    first = net.conv(INPUT, 800, pool=WHOLE)
    net.conv(first, 700, size=1, bias=True)
    assert codes(net.arranged(OLD)) == ["BT5389", "BT5389", "BT5390"]


def test_only_the_layers_in_conflict_are_named() -> None:
    """Six tensors are small; three of the others live at the same time and do not fit together."""
    net = Wired(4, (60, 60))
    small = net.conv(INPUT, 4, pool=Pool(False, (4, 4), (4, 4)))
    net.conv(INPUT, 64, size=1)
    net.conv(1, 64, size=1)
    net.conv(1, 64, size=1)
    net.conv(net.joined(small, outputs=8), 12)
    net.conv(2, 4)
    net.conv(3, 4)
    with pytest.raises(Unsupported) as caught:
        place(net.arranged(OLD, 4, 5, 6), OLD, PlaceOptions(overlap=False))
    (found,) = caught.value.diagnostics
    assert found.code == "BT5391"
    assert found.where == "layers l1, l2, l3"
    assert f"{3 * 60 * 60 * 4 * 16} bytes of {16 * 32768}" in found.why


def test_biases_that_do_not_fit_into_all_groups() -> None:
    """Five of 500 bytes: every group holds one."""
    net, last = Wired(64, (2, 3), bits=2), INPUT
    for _ in range(5):
        last = net.conv(last, 500, size=1, bias=True)
    with pytest.raises(Unsupported, match="BT5393 layers l0, l1, l2, l3, l4: their biases take 2500 bytes of 2048 in 4 "
                                          "groups of 512"):
        place(net.arranged(OLD), OLD)


def test_kernels_that_would_fit_were_it_not_for_a_layer_that_stays_in_its_groups() -> None:
    """Two layers of 32 processors with 420 columns each, that a copy without convolution ties together."""
    net = Wired(3, (2, 3))
    one = net.conv(INPUT, 32)
    other = net.through(one)
    net.conv(one, 400, pool=WHOLE)
    net.conv(other, 400, pool=WHOLE)
    arrangement = net.arranged(OLD, 2)
    with pytest.raises(Unsupported) as caught:
        place(arrangement, OLD)
    (found,) = caught.value.diagnostics
    assert (found.code, found.where) == ("BT5395", "layers l2, l3, l1")
    assert "l2 420 columns of 32 processors, l3 420 columns of 32 processors" in found.why


def test_layers_that_cannot_reach_their_outputs() -> None:
    """Channels 4 to 19 of 20 lie in two groups, channels 0 to 15 of 64 in one."""
    net = Wired(3, (4, 5))
    narrow, wide, rest = net.conv(INPUT, 16), net.conv(INPUT, 4), net.conv(INPUT, 48)
    net.joined(net.joined(narrow, rest, outputs=4), wide, narrow)
    found = Diagnostics()
    arrangement = arrange(net.network(), OLD, found)
    assert not len(found)
    assert codes(arrangement) == ["BT5394"]
    assert not place(connected(arrangement), OLD).overlap_data


def test_a_search_without_time_says_so() -> None:
    net = Wired(3, (20, 31))
    net.conv(net.conv(INPUT, 30), 5)
    assert codes(net.arranged(OLD), PlaceOptions(effort=1e-9)) == ["BT5396"]


@pytest.mark.parametrize("channels", [17, 8])
def test_an_input_that_cannot_be_chw(channels: int) -> None:
    """More channels than instances; two layers that read it."""
    net = Wired(channels, (4, 5))
    net.joined(net.conv(INPUT, 8), net.conv(INPUT, 8))
    assert codes(net.arranged(OLD), PlaceOptions(chw=True)) == ["BT5387"]


def test_a_persistent_buffer_is_not_placed() -> None:
    net = Wired(8, (4, 5))
    net.conv(net.conv(INPUT, 8), 8)
    arrangement = net.arranged(OLD)
    layers = (arrangement.network.layers[0], replace(arrangement.network.layers[1], sources=(BUFFER,)))
    assert codes(replace(arrangement, network=replace(arrangement.network, layers=layers))) == ["BT5397"]


# ---- demands on their own ------------------------------------------------------------------------------------------

CAPACITY = Capacity(words=100, units=10, bias=8)


def demand(*areas: tuple[int, int, int, int], units: tuple[int, ...] = ()) -> Demand:
    """Blocks of (processors, words, born, dies), and kernels of layers that read them."""
    shapes = tuple(Shape.packed(width) for width, *_ in areas)
    return Demand(CAPACITY, shapes,
                  tuple(Area(i, shapes[i].instances, 0, size, born, dies, (i,))
                        for i, (_, size, born, dies) in enumerate(areas)),
                  tuple(Kernel(i, i, shapes[i].instances, count) for i, count in enumerate(units)),
                  used=tuple((i, shape.instances) for i, shape in enumerate(shapes)))


def test_areas_that_are_in_use_one_after_the_other_may_share_all_words() -> None:
    assert search(demand((64, 100, 0, 1), (64, 100, 2, 3)), 1).verdict is Verdict.FITS
    assert search(demand((64, 100, 0, 2), (64, 1, 2, 3)), 1).verdict is Verdict.IMPOSSIBLE


def test_a_conflict_has_no_entry_too_many() -> None:
    """Of five areas that are in use together three take more than all instances; any two fit."""
    wanted = demand((40, 60, 0, 5), (4, 1, 0, 5), (40, 60, 1, 5), (40, 60, 2, 5), (4, 1, 2, 5))
    (found,) = conflicts(wanted, 5)
    assert len(found.of(Resource.DATA)) == 2
    assert found.resources == (Resource.DATA,)


def test_conflicts_of_two_resources_are_both_reported() -> None:
    wanted = demand((64, 60, 0, 5), (64, 60, 1, 5), units=(6, 6))
    assert [conflict.resources for conflict in conflicts(wanted, 5)] == [(Resource.DATA,), (Resource.KERNELS,)]


def test_no_conflict_where_everything_fits() -> None:
    assert conflicts(demand((64, 50, 0, 5), (64, 50, 1, 5), units=(5, 5)), 5) == ()


def test_the_devices_differ() -> None:
    net = Wired(8, (60, 60))
    net.conv(net.conv(INPUT, 130, size=1), 4)
    with pytest.raises(Unsupported, match="BT5388"):
        place(net.arranged(OLD), OLD, PlaceOptions(streaming=False))
    assert not place(net.arranged(NEW), NEW).overlap_data
