"""Emitted projects run: what the software writes, in which order, what it makes of results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bittrue.targets.max7800x.device import ADDRESSES
from bittrue.targets.max7800x.emit import EmitOptions, emit, softmax_shift_q17p14_q15
from bittrue.targets.max7800x.emit.weights import packed_words
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.program import LayerWrites, OutputTensor, Program, Write

from .emit_cases import ABOUT, device, fifo_program, narrow, program, wide

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")

from .emit_run import Board, build
from .emit_stubs import write_project

AT = ADDRESSES["max78000"].register


def run(folder: Path, what: Program, given: dict[str, Any] | None = None, about: Any = ABOUT,
        finish: Callable[[Board], None] | None = None, chip: str = "max78000") -> Board:
    """Emit, compile, run; at the end of the inference the known answer is in memory, or what `finish` writes."""
    files = {name: text.decode() for name, text in
             emit(what, device(chip), about, EmitOptions.parse(given)).items()}
    write_project(files, folder / "project")
    board = build(files, folder / "project", device(chip), finish or (lambda board: answer(board, what)))
    board.run()
    return board


def answer(board: Board, what: Program) -> None:
    for block in what.expected:
        for i, word in enumerate(block.words):
            board.poke(block.address + i * block.step, int(word), block.mask)


def fill(board: Board, output: OutputTensor, values: np.ndarray[Any, Any]) -> None:
    """Write (C, pixels) to where an output lies."""
    for address, channel in zip(output.channels, values, strict=True):
        for pixel, value in enumerate(channel):
            at = address + pixel * output.pixel_step
            shift = 0 if output.wide else at % 4 * 8
            board.poke(at - at % 4, int(value) << shift, (0xFFFFFFFF if output.wide else 0xFF) << shift)


def test_registers_are_written_as_the_program_says(tmp_path: Path):
    what = program(device())
    board = run(tmp_path, what)
    registers = what.registers
    layers = [write for part in registers.configure for write in part.writes]
    wanted = [(w.address, w.value) for w in (*registers.init, *layers, *registers.start) if isinstance(w, Write)]
    got = [(address, value) for address, value, _ in board.writes]
    assert set(wanted) <= set(got)
    starts = [(w.address, w.value) for w in registers.start]
    assert got[got.index(starts[0]):][:3] == starts
    assert all(got.index(write) < got.index(starts[0]) for write in wanted[:-3])
    assert "*** PASS ***" in board.text
    for group in (0, 2):  # the interrupt handler stops the groups
        assert board.word(AT("CTL", group)) & 0x1001 == 0
    assert [(a, v) for a, v in got if 0x5011C000 <= a < 0x5011D000] == [(0x5011C000 + 4 * i, 0) for i in range(7)]


@pytest.mark.parametrize("compact", [0, 1])
def test_packed_kernels(tmp_path: Path, compact: int):
    what = program(device())
    board = run(tmp_path, what, {"compact-weights": compact})
    kernels = [(a, v, size) for a, v, size in board.writes if a & 0x180000 == 0x180000]
    wanted: list[tuple[int, int, int]] = []
    for start, block in zip((0x50180010, 0x50584020), what.kernels, strict=True):  # 4 bytes a column
        wanted += [(start | 1, 1, 1), *((start + 4 * i, int(w), 4) for i, w in enumerate(packed_words(block.data)))]
    assert kernels == wanted


@pytest.mark.parametrize("compact", [0, 1])
def test_kernels_column_by_column_are_read_back(tmp_path: Path, compact: int):
    what = program(device())
    board = run(tmp_path, what, {"mexpress": 0, "verify-kernels": 1, "compact-weights": compact})
    assert "All weights are as written" in board.text
    for start, block in zip((0x50180040, 0x50584080), what.kernels, strict=True):
        for i, column in enumerate(block.data):
            words = [board.word(start + 16 * i + 4 * part) for part in range(4)]
            assert words == [column[0], int.from_bytes(column[1:5].tobytes(), "big"),
                             int.from_bytes(column[5:].tobytes(), "big"), 0]


def test_packed_kernels_that_are_not_there_are_found(tmp_path: Path):
    """Plain memory does not unpack."""
    board = run(tmp_path, program(device()), {"verify-kernels": 1})
    assert "Weights at 0x50180040: expected" in board.text
    assert board.text.endswith("*** FAIL ***\n\n")


@pytest.mark.parametrize("compact", [0, 1])
def test_biases_and_input(tmp_path: Path, compact: int):
    what = program(device())
    what = replace(what, inputs=(*what.inputs, replace(what.inputs[0], address=0x50418040, step=12)))
    board = run(tmp_path, what, {"compact-data": compact})
    assert [board.word(0x50908000 + 4 * i) for i in range(3)] == [1, 255, 3]
    for channel in range(3):
        assert [board.word(0x50400040 + 0x8000 * channel + 4 * i) for i in (0, 1)] == [0x01020304 + channel, 0xFFFEFDFC]
    assert [board.word(0x50418040 + 4 * i) for i in range(4)] == [0x01020304, 0, 0, 0xFFFEFDFC]


def test_fifos_are_written_side_by_side(tmp_path: Path):
    what, about = fifo_program(device(), Fifo.STANDARD)
    board = run(tmp_path, what, about=about)
    pushed = [(a, v) for a, v, _ in board.writes if AT("FIFO_WR0") <= a <= AT("FIFO_WR3")]
    assert pushed == [(AT(name), i + first) for i in range(6) for name, first in (("FIFO_WR0", 0), ("FIFO_WR2", 1))]
    start = next(i for i, (a, v, _) in enumerate(board.writes) if (a, v) == (AT("CTL"), 0x00100009))
    assert all(a < AT("FIFO_WR0") or a > AT("FIFO_WR3") for a, _, _ in board.writes[:start])


def test_mismatches_have_address_expected_read(tmp_path: Path):
    what = program(device())

    def wrong(board: Board) -> None:
        answer(board, what)
        board.poke(0x50400104, 7)
        board.poke(0x50408108, 0xFF00, 0xFFFF)  # the mask leaves the upper byte out

    board = run(tmp_path, what, finish=wrong)
    assert board.text.endswith("Mismatch at 0x50400104: expected 0x00000002, read 0x00000007\n"
                               "Mismatch at 0x50408108: expected 0x00000005, read 0x00000000\n"
                               "2 of 5 words differ from the known answer\n\n*** FAIL ***\n\n")


def test_only_so_many_words_are_compared(tmp_path: Path):
    what = program(device())
    board = run(tmp_path, what, {"max-checklines": 1}, finish=lambda board: board.poke(0x50400100, 1))
    assert "*** PASS ***" in board.text


OUTPUTS = (
    (narrow(device(), 5, dim=(2, 4)),),
    (narrow(device(), 6, dim=(1, 3), first=2, step=12),),
    (narrow(device(), 3, "a", (3, 3)), wide(device(), 6, "b", (1, 2)), narrow(device(), 2, "c", (2, 2), 4)),
    (narrow(device(), 5, "a", (3, 4)), wide(device(), 3, "b", (1, 3)), narrow(device(), 2, "c", (1, 4), 18)),
)


@pytest.mark.parametrize(("outputs", "mlator"), [(OUTPUTS[0], 0), (OUTPUTS[0], 1), (OUTPUTS[1], 0), (OUTPUTS[2], 0),
                                                 (OUTPUTS[3], 1)])
def test_outputs_are_unloaded_in_order_and_nothing_beyond(tmp_path: Path, outputs: tuple[OutputTensor, ...],
                                                          mlator: int):
    rng = np.random.default_rng(5)
    values = [rng.integers(-128, 128, (len(o.channels), o.dim[0] * o.dim[1])) * (1 + o.wide * 70000) for o in outputs]
    places = [replace(o, channels=tuple(c + 0x400 * i for c in o.channels)) for i, o in enumerate(outputs)]
    what = replace(program(device(), *places), expected=())

    def finish(board: Board) -> None:
        for output, value in zip(places, values, strict=True):
            fill(board, output, value)

    given = {"mlator": mlator, "no-kat": 1}
    board = run(tmp_path, what, given, finish=finish)
    assert "*** PASS ***" in board.text
    wanted = b""
    for output, value in zip(outputs, values, strict=True):
        wanted += b"\0" * (-len(wanted) % 4 if output.wide else 0)
        wanted += value.astype("<i4" if output.wide else "i1").tobytes()
    words = -(-len(wanted) // 4)
    assert board.array("ml_data", words).tobytes() == wanted + b"\0" * (4 * words - len(wanted))
    if mlator:  # the registers that the mlator needs have their values back
        assert all(board.word(AT("WPTR_BASE", group)) == board.word(AT("LCTL2", group)) == 0 for group in range(4))


@pytest.mark.parametrize("shift", [0, 4])
def test_softmax_is_that_of_the_model(tmp_path: Path, shift: int):
    output = wide(device(), 6)
    values = np.array([-20000, 3000, 90000, 88000, -1 << 20, 91234]) >> shift
    board = run(tmp_path, replace(program(device(), output), expected=()), {"softmax": 1, "no-kat": 1},
                replace(ABOUT, softmax_shift=shift), lambda board: fill(board, output, values[:, None]))
    wanted = softmax_shift_q17p14_q15(values, shift)
    assert board.array("ml_softmax", 6, "<i2").tolist() == wanted.tolist()
    tenths = (1000 * int(wanted[2]) + 0x4000) >> 15
    assert f"Class 2: output {values[2] << shift}, softmax {wanted[2]} ({tenths // 10}.{tenths % 10}%)\n" in board.text


def test_one_shot_continues_after_every_layer(tmp_path: Path):
    runs = []
    what = program(device("max78002"))
    unused = LayerWrites(9, 0, "unused", (Write(ADDRESSES["max78002"].register("POST", 0, 9), 0, "post processing"),))
    what = replace(what, registers=replace(what.registers, configure=(*what.registers.configure, unused)))
    control = ADDRESSES["max78002"].register("CTL")

    def finish(board: Board) -> None:
        runs.append(board.word(control) & 1)
        answer(board, what)

    board = run(tmp_path, what, {"one-shot": 1}, finish=finish, chip="max78002")
    assert runs == [1, 1]  # two layers
    assert "*** PASS ***" in board.text


def test_energy_repeats_every_phase(tmp_path: Path):
    what, runs = program(device()), []
    board = run(tmp_path, what, {"energy": 1, "timer": 1}, finish=lambda board: (runs.append(1), answer(board, what)))
    assert len(runs) == 100
    assert sum(a == 0x50180011 for a, _, _ in board.writes) == 100  # weights
    assert sum(a == 0x50400040 for a, _, _ in board.writes) == 200  # input: alone, and with the inference
    assert "Inference time: 1 us" in board.text
