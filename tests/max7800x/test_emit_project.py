"""The emitted project as a whole: files, no warnings for both cores, what options change in the text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bittrue.errors import BadInput
from bittrue.targets.max7800x.emit import emit
from bittrue.targets.max7800x.placement import Fifo

from .emit_cases import ABOUT, device, narrow, program, project, wide

M0, M2 = "max78000", "max78002"
BOTH = (narrow(device()), wide(device()), narrow(device(), 3, dim=(1, 3)))
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "max78002": {"chip": M2, "given": {"energy": 1, "timer": 0, "boost": "2.5"}},
    "one shot": {"chip": M2, "given": {"one-shot": 1, "no-pll": 1}},
    "softmax": {"given": {"softmax": 1, "verify-kernels": 1}, "outputs": (wide(device()),)},
    "mlator": {"given": {"mlator": 1}, "outputs": BOTH},
    "bare": {"given": {"no-unload": 1, "no-kat": 1, "mexpress": 0, "compact-weights": 0, "compact-data": 0,
                       "no-wfi": 1}},
    "fifo": {"given": {"fifo": 1, "energy": 1}, "fifo": Fifo.STANDARD},
    "names": {"given": {"c-filename": "app", "api-filename": "net", "weight-filename": "w", "sample-filename": "in",
                        "sample-output-filename": "out.h"}},
    "risc-v": {"given": {"riscv": 1, "softmax": 1, "deepsleep": 1}, "outputs": (wide(device()),)},
    "risc-v debug": {"given": {"riscv-debug": 1, "riscv-exclusive": 1, "energy": 1, "timer": 1, "mexpress": 0}},
    "risc-v fast": {"given": {"riscv": 1, "fast-fifo-quad": 1, "no-wfi": 1}, "fifo": Fifo.QUAD, "chip": M2},
}


@pytest.mark.parametrize("name", CASES)
def test_no_warnings(name: str, tmp_path: Path):
    pytest.importorskip("ziglang")
    from .emit_stubs import ARM, RISCV, compile_c, write_project

    files = project(**CASES[name])
    write_project(files, tmp_path / "project")
    arm = CASES[name].get("given", {}).get("c-filename", "main") + ".c"
    for source in (source for source in files if source.endswith(".c")):
        core = RISCV if "main_riscv.c" in files and source != arm else ARM
        assert compile_c(tmp_path / "project", source, core) == ""


def test_the_files_of_a_project():
    common = {"main.c", "cnn.c", "cnn.h", "weights.h", "sampledata.h", "sampleoutput.h", "Makefile", "project.mk",
              "README.md"}
    assert set(project()) == common
    assert set(project(**CASES["risc-v"])) == common | {"main_riscv.c", "softmax.c", "Makefile.ARM", "Makefile.RISCV"}
    assert set(project(**CASES["bare"])) == common - {"sampleoutput.h"}
    assert set(project(**CASES["names"])) == \
        common - {"main.c", "cnn.c", "weights.h", "sampledata.h", "sampleoutput.h"} | \
        {"app.c", "net.c", "w.h", "in.h", "out.h"}


def test_the_same_twice():
    assert project(**CASES["mlator"]) == project(**CASES["mlator"])


@pytest.mark.parametrize("name", CASES)
def test_lines_end_cleanly(name: str):
    for text in project(**CASES[name]).values():
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\n\n\n" not in text
        assert all(line == line.rstrip() for line in text.splitlines())


def test_all_values_of_all_outputs_are_counted():
    header = project(outputs=BOTH)["cnn.h"]
    assert "#define CNN_NUM_OUTPUTS 55\n" in header  # 40 + 6 + 9
    assert "#define CNN_OUTPUT_WORDS 19\n" in header  # 10 + 6 + 9 bytes
    assert "#define CNN_OUTPUT_2_OFFSET 64 " in header


def test_every_function_of_the_manual_is_there():
    files = project()
    for name in ("enable", "disable", "init", "configure", "load_weights", "verify_weights", "load_bias", "start",
                 "stop", "continue", "unload", "boost_enable", "boost_disable"):
        assert f"int cnn_{name}(" in files["cnn.h"]
        assert f"int cnn_{name}(" in files["cnn.c"]


def test_the_network_starts_before_a_fifo_is_written():
    memory, fifo = (project(**given)["main.c"].split("cnn_configure();")[1] for given in ({}, {"fifo": Fifo.STANDARD}))
    assert memory.index("load_input();") < memory.index("cnn_start();")
    assert fifo.index("cnn_start();") < fifo.index("load_input();")


def test_the_board_and_the_chip_are_in_the_makefile():
    makefile = project({"board-name": "FTHR_RevA"})["Makefile"]
    assert "BOARD ?= FTHR_RevA\n" in makefile
    assert "TARGET ?= MAX78000\n" in makefile
    assert "PROJECT ?= small_net\n" in makefile


def test_wrong_options_write_nothing():
    with pytest.raises(BadInput) as error:
        project({"mlator": 1, "softmax": 1}, outputs=(narrow(device(), dim=(3, 3)),))
    assert [found.code for found in error.value.diagnostics] == ["BT5481", "BT5481"]


def test_any_name_can_stand_in_the_project(tmp_path: Path):
    pytest.importorskip("ziglang")
    from .emit_stubs import ARM, compile_c, write_project

    about = replace(ABOUT, name='net */ "%d" \\\n#error', layers=("a | b /* c",))
    files = {name: text.decode() for name, text in emit(program(device()), device(), about).items()}
    write_project(files, tmp_path / "project")
    assert compile_c(tmp_path / "project", "main.c", ARM) == ""
    assert compile_c(tmp_path / "project", "cnn.c", ARM) == ""
    assert "PROJECT ?= net_d_error\n" in files["Makefile"]
    assert "| 0 | a / b / * c |" in files["README.md"]
