"""Compiling projects: messages of the compiler, two cores, sizes of memories, missing tools."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bittrue.errors import BadInput, ToolMissing
from bittrue.targets import compilers
from bittrue.targets.max7800x.chip import Chip, Options, Outcome, Stopped, build, built, requirements
from bittrue.targets.max7800x.chip import compilers as tools
from bittrue.targets.max7800x.chip.layout import Variables, guard_size, variables
from bittrue.targets.max7800x.chip.regions import Room
from bittrue.targets.max7800x.device import MAX78000, MAX78002

from .chip_programs import PROGRAM, Memory, compiled, project

EMPTY = "int main(void) { return 0; }\n"


def test_every_error_of_every_file_is_named(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", main="int main(void) {\n  return a;\n}\nint b = c;\n", other="#include <no.h>\n")
    with pytest.raises(BadInput) as caught:
        build(folder, MAX78000, tmp_path / "out")
    found = [(problem.code, problem.where) for problem in caught.value.diagnostics]
    assert found == [("BT5462", "main.c:2"), ("BT5462", "main.c:4"), ("BT5462", "other.c:1")]
    assert "undeclared" in caught.value.diagnostics[0].why


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_c_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="BT5461"):
        build(tmp_path / name, MAX78000, tmp_path / "out")


def test_a_missing_function_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"BT5463 arm core.*cnn_magic"):
        compiled(tmp_path, "int cnn_magic(void);\nint main(void) { return cnn_magic(); }\n")


def test_sram_is_as_large_as_the_chips(tmp_path: Path) -> None:
    program = "volatile char room[200000];\nint main(void) { return room[5]; }\n"
    with pytest.raises(BadInput, match="will not fit in region 'SRAM'"):
        compiled(tmp_path / "small", program, MAX78000)
    assert Chip(MAX78002, compiled(tmp_path / "large", program, MAX78002), Memory()).run().outcome is Outcome.RETURNED


def test_flash_can_be_made_larger(tmp_path: Path) -> None:
    program = f"const volatile char room[600000] = {{ [{599999}] = 9 }};\nint main(void) {{ return room[599999]; }}\n"
    with pytest.raises(BadInput, match="will not fit in region 'FLASH'"):
        compiled(tmp_path / "as it is", program)
    firmware = compiled(tmp_path / "larger", program, options=Options(flash=1 << 20))
    assert Chip(MAX78000, firmware, Memory()).run().value == 9


def test_sram_can_be_made_larger_for_both_cores(tmp_path: Path) -> None:
    program = "volatile char room[300000];\nint main(void) { room[299999] = 5; return room[299999]; }\n"
    alone = compiled(tmp_path / "alone", program, options=Options(sram=1 << 19))
    assert Chip(MAX78000, alone, Memory()).run().value == 5
    folder = project(tmp_path / "two", main=EMPTY, main_riscv=program)
    chip = Chip(MAX78000, build(folder, MAX78000, tmp_path / "out", Options(sram=1 << 19)), Memory())
    assert chip.call("main") == 5
    assert chip.symbol("room") >= 0x20020000


def test_warnings_come_every_time(tmp_path: Path) -> None:
    program = '#include <stdio.h>\nint main(void) { printf("%s", 5); return 0; }\n'
    for attempt in ("one", "two"):
        (warning,) = compiled(tmp_path / attempt, program).warnings
        assert warning.startswith("main.c:2: format specifies type 'char *'")


def test_defines_reach_the_compiler(tmp_path: Path) -> None:
    firmware = compiled(tmp_path, "int main(void) { return ANSWER + TARGET_NUM; }\n",
                        options=Options(defines=("ANSWER=2",)))
    assert Chip(MAX78000, firmware, Memory()).run().value == 78002


def test_missing_compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers, "find_spec", lambda name: None)
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    for compiler, missing in (("zig", "ziglang"), ("gcc", "arm-none-eabi-gcc")):
        with pytest.raises(ToolMissing, match=rf"BT5460 arm.*{missing}"):
            compiled(tmp_path, EMPTY, options=Options(compiler=compiler))


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None if name != "numba" else name)
    with pytest.raises(ToolMissing, match="BT5464 emulated chip: not installed: unicorn, pyelftools"):
        requirements.require_packages()


@pytest.mark.parametrize("hard", [False, True])
def test_gcc(tmp_path: Path, hard: bool) -> None:
    if shutil.which(tools.ARM.gcc) is None:
        pytest.skip(f"{tools.ARM.gcc} is not installed")
    firmware = compiled(tmp_path, PROGRAM, options=Options(compiler="gcc", hard_float=hard))
    chip = Chip(MAX78000, firmware, Memory())
    assert chip.run().text == "hello 100\n"
    chip.call("enable")
    assert chip.call("start_and_sleep") == 42
    with pytest.raises(Stopped, match=r"write beyond table\[\] \(5 words\) by 4 bytes, at fill"):
        chip.call("fill_table", 6)


def test_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with built(project(tmp_path, main=EMPTY), MAX78000) as firmware:
        assert firmware.arm.is_file()
    assert not firmware.arm.parent.exists()


def test_variables_are_found_one_by_one(tmp_path: Path) -> None:
    compiled(tmp_path, "int a[3];\nstatic volatile short b[5] = { 1 };\nint main(void) { return a[1] + b[2]; }\n")
    assert variables(sorted((tmp_path / "out").glob("*.o"))) == [
        Variables("arm_0_main.o", ".bss.a", 12, True), Variables("arm_0_main.o", ".data.b", 10, False)]


def test_guards_share_half_of_what_is_free() -> None:
    room = Room((0x10000000, 1 << 19), (0x20000000, 0x20000))
    free = 0x20000 - 0x4000 - 100 - 3 * (1000 + 16)
    assert guard_size([Variables("a.o", f".bss.{n}", 1000, True) for n in range(3)], 100, room) == free // 8 // 16 * 16
    assert guard_size([Variables("a.o", ".bss.a", 0x20000, True)], 100, room) == 16
