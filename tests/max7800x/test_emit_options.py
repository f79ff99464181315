"""Options of the emitted project: reading, contradictions, effects."""

from __future__ import annotations

from typing import Any

import pytest

from bittrue.errors import BadInput
from bittrue.targets.max7800x.emit import EMIT_OPTIONS, EmitOptions, check_effects
from bittrue.targets.max7800x.emit.options import TABLE, Boost
from bittrue.targets.max7800x.placement import Fifo

from .emit_cases import ABOUT, device, fifo_program, narrow, program, wide


def codes(error: pytest.ExceptionInfo[BadInput]) -> list[tuple[str, str]]:
    return [(found.code, found.where) for found in error.value.diagnostics]


def test_defaults_are_those_of_the_table():
    assert EmitOptions.parse(None) == EmitOptions()
    assert EmitOptions.parse({row.name: str(int(row.default)) for row in TABLE if isinstance(row.default, bool)}) \
        == EmitOptions()


def test_every_option_is_in_the_help_texts_once():
    names = [option.name for option in EMIT_OPTIONS]
    assert len(set(names)) == len(names)
    assert {"compact-data", "mlator", "boost", "riscv-exclusive", "write-zero-registers", "stop-after"} <= set(names)
    assert next(option.default for option in EMIT_OPTIONS if option.name == "mexpress") == "1"
    assert next(option.default for option in EMIT_OPTIONS if option.name == "timer") == "none"


def test_values_are_read():
    options = EmitOptions.parse({"boost": "2.5", "timer": 3, "no-unload": "1", "c-filename": "app",
                                 "max-checklines": 7})
    assert options.boost == Boost(2, 5)
    assert (options.timer, options.unload, options.c_filename, options.max_checklines) == (3, False, "app.c", 7)


def test_what_changes_registers_goes_to_the_registers():
    options = EmitOptions.parse({"mexpress": 0, "no-pipeline": 1, "ready-sel": 2, "one-shot": 1, "softmax": 1,
                                 "zero-sram": 0})
    assert dict(options.registers) == {"mexpress": False, "pipeline": False, "ready_sel": 2, "one_shot": True}
    assert (options.mexpress, options.one_shot) == (False, True)


@pytest.mark.parametrize(("name", "implied"), [("riscv-debug", True), ("riscv-exclusive", True), ("energy", False)])
def test_options_of_the_risc_v_core_imply_it(name: str, implied: bool):
    assert EmitOptions.parse({name: 1}).riscv is implied


def test_all_wrong_values_at_once():
    with pytest.raises(BadInput) as error:
        EmitOptions.parse({"mlater": 1, "softmax": "yes", "boost": "4.1", "timer": "-1", "ready-sel": 4,
                           "c-filename": "../main.c", "board-name": "a b", "stop-after": "²"})
    assert codes(error) == [("BT5003", f"target max7800x, option {name}") for name in
                            ("mlater", "softmax", "boost", "timer", "ready-sel", "c-filename", "board-name",
                             "stop-after")]


def test_contradictions_all_at_once():
    with pytest.raises(BadInput) as error:
        EmitOptions.parse({"mlator": 1, "softmax": 1, "no-unload": 1, "no-kat": 1, "max-checklines": 5,
                           "deepsleep": 1, "no-wfi": 1, "one-shot": 1, "timer": 0, "energy": 1})
    assert codes(error) == [("BT5482", f"option {name}") for name in
                            ("mlator", "softmax", "max-checklines", "deepsleep", "deepsleep", "timer", "energy")]


def test_mlator_noverify_alone_has_no_effect():
    with pytest.raises(BadInput) as error:
        EmitOptions.parse({"mlator-noverify": 1})
    assert codes(error) == [("BT5481", "option mlator-noverify")]


def test_two_files_of_one_name():
    with pytest.raises(BadInput) as error:
        EmitOptions.parse({"weight-filename": "cnn.h", "sample-filename": "data", "sample-output-filename": "data.h"})
    assert codes(error) == [("BT5482", "file cnn.h"), ("BT5482", "file data.h")]


def effects(given: dict[str, Any], *outputs: Any, fifo: Fifo = Fifo.NONE, chip: str = "max78000") -> list[str]:
    what, about = program(device(chip), *outputs), ABOUT
    if fifo is not Fifo.NONE:
        what, about = fifo_program(device(chip), fifo, *outputs)
    try:
        check_effects(EmitOptions.parse(given), about, what, device(chip))
    except BadInput as error:
        return [f"{found.code} {found.where.removeprefix('option ')}" for found in error.diagnostics]
    return []


def test_options_that_the_plan_decides_must_be_so():
    asked = {"fifo": 1, "fast-fifo": 1, "fast-fifo-quad": 1, "avg-pool-rounding": 1, "simple1b": 1, "riscv": 1}
    assert effects(asked) == [f"BT5481 {name}" for name in asked if name != "riscv"]
    assert effects(asked, fifo=Fifo.STANDARD) == [f"BT5481 {name}" for name in list(asked)[1:5]]
    assert effects(asked, fifo=Fifo.QUAD) == ["BT5481 avg-pool-rounding", "BT5481 simple1b"]


def test_the_fast_fifo_needs_the_risc_v_core():
    assert effects({}, fifo=Fifo.FAST) == ["BT5483 riscv"]
    assert effects({"riscv": 1}, fifo=Fifo.FAST) == []
    assert effects({}, fifo=Fifo.STANDARD) == []


@pytest.mark.parametrize(("dim", "step", "helps"), [((2, 4), 4, True), ((3, 3), 4, False), ((2, 4), 8, False),
                                                   ((1, 1), 4, False)])
def test_mlator_needs_whole_words_of_pixels(dim: tuple[int, int], step: int, helps: bool):
    outputs = (narrow(device(), dim=dim, step=step),)
    assert effects({"mlator": 1}, *outputs) == ([] if helps else ["BT5481 mlator"])


def test_softmax_needs_one_wide_output():
    assert effects({"softmax": 1}, wide(device())) == []
    assert effects({"softmax": 1}, narrow(device())) == ["BT5481 softmax"]
    assert effects({"softmax": 1}, wide(device()), wide(device())) == ["BT5481 softmax"]


def test_no_effect_of_a_fifo_and_a_short_answer_and_no_pll():
    assert effects({"compact-data": 0}, fifo=Fifo.STANDARD) == ["BT5481 compact-data"]
    assert effects({"max-checklines": 4}) == []
    assert effects({"max-checklines": 5}) == ["BT5481 max-checklines"]
    assert effects({"no-pll": 1}) == ["BT5481 no-pll"]
    assert effects({"no-pll": 1}, chip="max78002") == []
