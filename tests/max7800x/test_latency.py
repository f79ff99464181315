"""Latency of small networks, every phase computed by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bittrue.report.max7800x_latency import latency_table
from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.latency import Basis, Clock, Latency, latency
from bittrue.targets.max7800x.latency.published import PUBLISHED, Published
from bittrue.targets.max7800x.network import Network
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.program import LayerWrites, RegisterProgram, Write

from .placed import added, chain, conv, copy, linear, net, place

DIM = (6, 8)
SMALL = chain(conv("first", 5, 4, DIM, bias=1), linear("last", 4, 3, DIM, output_width=32))

FIRST = (8 * 10) * 2 + 2 * 10 + 6 * 2 + 6 * 8 * 4
"""Cycles of the first layer: 80 pixels with their zeros read and written, one more each before the first output of all
and of every row, four outputs for 48 pixels."""
LAST = 48 * 2 + 48 * 3 + 1


def run(network: Network, device: Device = MAX78000, layers: dict[int, dict[str, Any]] | None = None,
        registers: RegisterProgram | None = None, pipeline: bool = True, **changes: Any) -> Latency:
    plan = Max7800xPlan.of(device, network, place(network, layers, **changes))
    return latency(plan, registers, pipeline)


def test_software_pays_31_cycles_an_access_on_the_max78000() -> None:
    """Kernels: processors 0 to 3 hold 4 columns of the first layer and the last one's 3 x 48 bytes, 16 columns;
    processor 4 only the first layer's. 20 x 9 bytes are 45 words, 4 x 9 are 9; five blocks start with a byte."""
    found = run(SMALL)
    assert found.phase("load weights").cycles == 31 * (4 * 45 + 9 + 5)
    assert found.phase("load biases").cycles == 31 * 4
    assert found.phase("configure").cycles == 31 * (2 * 11 + 4)
    assert found.phase("load input").cycles == 31 * 48 * 2  # five channels are two words for a pixel
    assert found.phase("unload").cycles == 31 * 3
    assert {p.mhz for p in found.phases if p.clock is Clock.CPU} == {100}


def test_the_inference_has_the_cycles_of_its_layers() -> None:
    found = run(SMALL)
    inference = found.phase("inference")
    assert [layer.cycles for layer in found.layers] == [FIRST, LAST]
    assert (inference.cycles, inference.clock, inference.mhz) == (1 + FIRST + LAST, Clock.ACCELERATOR, 50)
    assert inference.us == (1 + FIRST + LAST) / 50


def test_totals() -> None:
    """Weights, biases and registers are loaded once, the rest is done for every input."""
    found = run(SMALL)
    once = 31 * (194 + 4 + 26) / 100
    every = 31 * (96 + 3) / 100 + 665 / 100 + (1 + FIRST + LAST) / 50
    assert round(found.repeated_us, 6) == round(every, 6)
    assert round(found.total_us, 6) == round(once + every, 6)


def test_the_max78002_loads_at_50_mhz_and_computes_at_200() -> None:
    """35/2 + 27/4 x 120/50 = 33.7 cycles. The pipeline adds 11 cycles to 48 pixels, and 10 to 48 flattened ones."""
    found = run(SMALL, MAX78002)
    assert found.phase("load input").cycles == 3236  # 96 x 33.7 = 3235.2
    assert [layer.pipeline for layer in found.layers] == [11 * 48, 10 * 48]
    assert [layer.cycles for layer in found.layers] == [FIRST + 11 * 48, LAST + 10 * 48]
    assert (found.phase("inference").mhz, found.phase("load weights").mhz) == (200, 120)


def test_without_the_pipeline_the_max78002_computes_at_50_mhz() -> None:
    found = run(SMALL, MAX78002, pipeline=False)
    assert [layer.cycles for layer in found.layers] == [FIRST, LAST]
    assert found.phase("inference").mhz == 50
    assert found.energy_uj is None


def test_the_pipeline_by_kind_of_layer() -> None:
    depthwise = conv("dw", 4, 4, DIM, groups=4)
    point = conv("pw", 4, 130, DIM, kernel=(1, 1), pad=(0, 0))
    plain = copy("sum", 130, DIM)
    found = run(chain(depthwise, point, plain), MAX78002)
    assert [layer.pipeline for layer in found.layers] == [3 * 48, 10 * 48, 5 * 48 * 3]  # the last in three passes


def test_energy_on_the_max78002() -> None:
    """0.65 nJ a cycle, 22 pJ a cycle of a processor: five in the first layer, four in the last; 42.5 mW to load."""
    found = run(SMALL, MAX78002)
    first, last = FIRST + 528, LAST + 480
    assert found.energy_uj is not None
    assert round(found.energy_uj * 1e6) == 650 * (1 + first + last) + 22 * (5 * first + 4 * last)
    loading = found.phase("load input").energy
    assert loading is not None
    assert round(loading.uj * 120_000) == round(42.5 * 3236)
    assert found.phase("unload").energy is None


def test_no_energy_is_invented_for_the_max78000() -> None:
    assert [phase.energy for phase in run(SMALL).phases] == [None] * 7


def test_an_input_channel_by_channel() -> None:
    """48 pixels of a channel are 12 words."""
    network = net(conv("one", 5, 4, DIM))
    found = run(network, layers={0: {"processors": 0x11111}}, chw=True)
    assert found.phase("load input").cycles == 31 * 5 * 12


def test_an_input_of_several_passes_and_one_with_scattered_processors() -> None:
    """130 channels are three passes of 44 processors, the last with 42: eleven words each. Three processors of three
    instances are three words."""
    assert run(net(copy("one", 130, DIM))).phase("load input").cycles == 31 * 48 * 33
    scattered = run(net(conv("one", 3, 4, DIM)), layers={0: {"processors": 0x111}})
    assert scattered.phase("load input").cycles == 31 * 48 * 3


def test_operands_are_loaded_one_after_the_other() -> None:
    assert run(net(added("one", 2, 6, DIM))).phase("load input").cycles == 31 * 48 * 4


def test_results_of_8_bits_are_unloaded_four_to_a_word() -> None:
    assert run(net(conv("one", 3, 6, DIM))).phase("unload").cycles == 31 * 48 * 2


def test_behind_a_fifo_software_or_the_first_layers_set_the_pace() -> None:
    """Feeding: 48 words, status and data, 31 cycles each. The streaming layer counts without the factor 3/2."""
    network = chain(conv("first", 3, 4, DIM), conv("last", 4, 2, DIM))
    found = run(network, layers={0: {"streaming": True}}, fifo=Fifo.STANDARD)
    assert [layer.during_load for layer in found.layers] == [True, False]
    assert found.layers[0].cycles == FIRST
    assert found.phase("load input").cycles == 31 * 2 * 48
    assert found.phase("inference").cycles == 1 + found.layers[1].cycles
    wide = chain(conv("first", 3, 60, DIM), conv("last", 60, 2, DIM))
    slow = run(wide, layers={0: {"streaming": True}}, fifo=Fifo.STANDARD).phase("load input")
    assert slow.cycles == 2 * (FIRST + 56 * 48)  # at half the CPU's clock
    assert slow.basis is Basis.LEAST


def test_the_fast_fifo_is_bounded_by_the_first_layer() -> None:
    network = chain(conv("first", 3, 4, DIM), conv("last", 4, 2, DIM))
    found = run(network, fifo=Fifo.FAST)
    assert found.phase("load input").cycles == 2 * FIRST
    assert found.phase("load input").basis is Basis.LEAST
    assert [layer.during_load for layer in found.layers] == [True, False]


def test_a_network_that_streams_to_its_end() -> None:
    found = run(net(conv("one", 3, 4, DIM)), layers={0: {"streaming": True}}, fifo=Fifo.STANDARD)
    assert found.phase("inference").cycles == 1


def test_register_writes_are_counted_when_they_are_known() -> None:
    write = Write(0x50100000, 1, "")
    layers = (LayerWrites(0, 0, "first", (write,) * 9), LayerWrites(0, 1, "first", (write,) * 7))
    registers = RegisterProgram((write,) * 3, layers, (write,) * 2, (write,) * 5, 0, (0, 1))
    assert run(SMALL, registers=registers).phase("configure").cycles == 31 * (3 + 16 + 2)
    assert run(SMALL, registers=replace(registers, init=())).phase("configure").cycles == 31 * 18


def test_json_is_plain_data() -> None:
    found = run(SMALL, MAX78002)
    read = json.loads(json.dumps(found.to_json()))
    assert [phase["name"] for phase in read["phases"]] == [phase.name for phase in found.phases]
    assert read["phases"][0]["energy_error"] == 0.05
    assert read["phases"][1]["energy_uj"] is None
    assert read["total_us"] == found.total_us
    assert read["layers"][1]["layer"] == "last"


def test_the_table_shows_layers_under_their_phase() -> None:
    network = chain(conv("first", 3, 4, DIM), conv("last", 4, 2, DIM))
    table = latency_table(run(network, layers={0: {"streaming": True}}, fifo=Fifo.STANDARD))
    assert [cell.strip() for cell in table.columns[0].cells] == [
        "load weights", "load biases", "configure", "load input", "first", "start", "inference", "last", "unload"]
    cycles = list(table.columns[1].cells)
    assert (cycles[3], cycles[4]) == ("2,976", str(FIRST))
    assert table.columns[4].footer == ""


def test_the_table_shows_energy_with_its_error() -> None:
    table = latency_table(run(SMALL, MAX78002))
    assert next(iter(table.columns[4].cells)) == "2.3 ±5 %"  # 42.5 mW for 194 x 33.7 cycles at 120 MHz


def test_no_phase_has_another_name() -> None:
    with pytest.raises(KeyError):
        run(SMALL).phase("boil")


def test_published_figures_are_consistent() -> None:
    """The note's inference alone is the difference of two of its other columns, up to rounding."""
    found = {(p.network, p.phase, p.unit): p.value for p in PUBLISHED if p.source.endswith("table 4")}
    networks = {network for network, phase, unit in found if (phase, unit) == ("inference", "µJ")}
    assert len(networks) == 15
    for network in networks:
        both, load = found[network, "load input and inference", "µJ"], found[network, "load input", "µJ"]
        assert found[network, "inference", "µJ"] == both - load
    assert len({_key(p) for p in PUBLISHED}) == len(PUBLISHED)


def _key(p: Published) -> tuple[str, ...]:
    return p.network, p.chip, p.phase, p.unit, p.source, p.conditions
