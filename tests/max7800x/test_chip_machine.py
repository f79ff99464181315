"""Programs on the emulated Arm core: text, results, interrupts, time, and every trap by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bittrue.targets.max7800x.chip import Chip, Firmware, Options, Outcome, Stopped, TrapKind
from bittrue.targets.max7800x.device import MAX78000, MAX78002

from .chip_programs import PROGRAM, Memory, compiled


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return compiled(tmp_path_factory.mktemp("chip"), PROGRAM)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def chip(firmware: Firmware, memory: Memory) -> Chip:
    return Chip(MAX78000, firmware, memory)


def line(text: str) -> str:
    """The line of the program with this text, as traps name it."""
    return f"main.c:{next(n for n, row in enumerate(PROGRAM.splitlines(), 1) if text in row)}"


def test_main_prints_and_returns(chip: Chip) -> None:
    result = chip.run()
    assert (result.text, result.outcome, result.value, result.traps) == ("hello 100\n", Outcome.RETURNED, -7, ())
    assert 200_000_000 <= chip.cycles < 201_000_000  # two seconds at 100 MHz, slept
    assert result.instructions < 200_000


def test_the_other_chip_runs_faster(tmp_path: Path) -> None:
    result = Chip(MAX78002, compiled(tmp_path, PROGRAM, MAX78002), Memory()).run()
    assert (result.text, result.value) == ("hello 120\n", -7)


def test_functions_are_called_by_name(chip: Chip) -> None:
    assert chip.call("add", 1, 2, 3, 4) == 4321
    assert chip.call("take_memory") == 1
    with pytest.raises(KeyError):
        chip.call("nothing")


def test_memory_is_read_and_written(chip: Chip) -> None:
    chip.boot()
    table = chip.symbol("behind")
    assert chip.read_memory(table, 12) == bytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
    chip.write_memory(table + 4, b"\x99\x01")
    assert chip.call("touch", table + 4) == 0x199
    with pytest.raises(ValueError, match="neither in flash nor in SRAM"):
        chip.read_memory(0x2001FFFF, 2)


def test_accelerator_sees_writes_in_order_and_answers_reads(chip: Chip, memory: Memory) -> None:
    chip.call("store")
    assert memory.writes == [(0x50000010, 0x11223344, 4), (0x50000021, 0x5A, 1), (0x50000014, 0x55667788, 4),
                             (0x50000030, 0x1234, 2)]
    assert chip.call("load") == 0x11223344 + 0x77
    chip.call("copy")
    assert memory.writes[4:] == [(0x50000100 + 4 * word, word + 1, 4) for word in range(4)]


def test_an_error_of_the_accelerator_comes_out(firmware: Firmware) -> None:
    class Broken(Memory):
        def read(self, address: int, size: int = 4) -> int:
            raise ZeroDivisionError(hex(address))
    with pytest.raises(ZeroDivisionError, match="0x50000010"):
        Chip(MAX78000, firmware, Broken()).call("load")


@pytest.mark.parametrize(("function", "value"), [("start_and_sleep", 42), ("start_and_spin", 43)])
def test_interrupt_ends_waiting(chip: Chip, memory: Memory, function: str, value: int) -> None:
    chip.call("enable")
    assert chip.call(function) == value
    assert memory.writes[-2:] == [(0x50100000, 1, 4), (0x50100004, 1, 4)]
    assert (chip.interrupts, chip.wait_interrupt(), chip.wait_interrupt()) == (1, True, False)


def test_interrupt_that_comes_last_is_taken_before_the_call_ends(chip: Chip, memory: Memory) -> None:
    chip.call("enable")
    chip.call("poke", 0x50100000)
    assert not memory.interrupt
    assert chip.wait_interrupt()


def test_network_takes_the_time_that_it_is_said_to(firmware: Firmware) -> None:
    chips = [Chip(MAX78000, firmware, Memory(), network_cycles=cycles) for cycles in (20_000, 32_345)]
    for chip in chips:
        chip.call("enable")
        chip.call("start_and_sleep")
    assert chips[1].cycles - chips[0].cycles == 12345


def test_timers_measure_what_is_slept(chip: Chip) -> None:
    assert 1500 <= chip.call("timed") <= 1505
    assert chip.run().outcome is Outcome.RETURNED  # selects another clock
    assert 1500 <= chip.call("timed") <= 1503


def test_system_timer_interrupts(chip: Chip) -> None:
    before = chip.call("touch", chip.symbol("behind")) * chip.cycles
    assert chip.call("wait_for_ticks") == 3
    assert 3000 <= chip.cycles - before < 3200


TRAPS = [
    ("touch", [0x30000000], TrapKind.UNMAPPED, "access to 4 bytes at 0x30000000, where nothing is", "WORD(address); }"),
    ("poke", [0x10000100], TrapKind.READ_ONLY, "write of 4 bytes to flash at 0x10000100", "WORD(address) = 1"),
    ("fill_table", [6], TrapKind.OVERRUN, "write beyond table[] (5 words) by 4 bytes", "to++"),
    ("fill_backwards", [], TrapKind.OVERRUN, "write 4 bytes before table[] (5 words)", "table - 1"),
    ("deep", [100], TrapKind.STACK, "the stack overflows its 16384 bytes", None),
    ("spin", [], TrapKind.ENDLESS, "it jumps to where it is", "for (;;) ;"),
    ("busy", [], TrapKind.BUDGET, "it did not end within 400000 instruction words", "while (!done) ; }"),
    ("sleep", [], TrapKind.ASLEEP, "it sleeps, and no interrupt will come", None),
    ("illegal", [], TrapKind.FAULT, "", "udf"),
    ("no_vectors", [], TrapKind.FAULT, "an exception cannot be taken: 4 bytes at 0x30000", None),
    ("orphan", [], TrapKind.NO_HANDLER, "interrupt 101 has no handler", None),
]


@pytest.mark.parametrize(("function", "arguments", "kind", "text", "where"), TRAPS, ids=[case[0] for case in TRAPS])
def test_traps(chip: Chip, function: str, arguments: list[int], kind: TrapKind, text: str, where: str | None) -> None:
    with pytest.raises(Stopped) as caught:
        chip.call(function, *arguments, budget=400_000)
    trap = caught.value.result.traps[0]
    assert (trap.kind, caught.value.result.outcome) == (kind, Outcome.TRAP)
    assert text in trap.text
    assert where is None or trap.where.endswith(line(where))
    assert trap.diagnostic().code.startswith("BT54")


def test_a_full_array_is_no_overrun(chip: Chip) -> None:
    chip.call("fill_table", 5)
    assert chip.traps == ()


def test_overruns_can_be_noted_only(firmware: Firmware) -> None:
    chip = Chip(MAX78000, firmware, Memory(), stop_at_overrun=False)
    chip.call("fill_table", 9)
    assert [str(trap) for trap in chip.traps] == [
        f"write beyond table[] (5 words) by 4 bytes, at fill, {line('to++')}"]
    assert chip.read_memory(chip.symbol("behind"), 4) == b"\1\0\0\0"


def test_exit_ends_the_program(tmp_path: Path) -> None:
    program = PROGRAM.replace("int main(void)\n{", "int main(void)\n{\n  refuse(2);")
    result = Chip(MAX78000, compiled(tmp_path, program), Memory()).run()
    assert (result.text, result.outcome, result.value) == ("*** FAIL ***\n", Outcome.RETURNED, -5)


@pytest.mark.parametrize("inlining", ["", "__attribute__((noinline)) "])
def test_the_loop_in_fail_is_a_failure(tmp_path: Path, inlining: str) -> None:
    program = f'#include <stdio.h>\n{inlining}void fail(void) {{ printf("no"); while (1); }}\n' \
        'int main(void) { printf("yes "); fail(); return 0; }\n'
    result = Chip(MAX78000, compiled(tmp_path, program), Memory()).run()
    assert (result.text, result.outcome, result.traps) == ("yes no", Outcome.FAILED, ())


def test_floating_point_in_registers(tmp_path: Path) -> None:
    program = "volatile float a = 1.5f, b = 2.25f;\nint main(void) { return (int)(a * b * 8.0f); }\n"
    for hard in (False, True):
        firmware = compiled(tmp_path / str(hard), program, options=Options(hard_float=hard))
        assert Chip(MAX78000, firmware, Memory()).run().value == 27
