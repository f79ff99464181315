"""Every compiler takes the kernels without a warning; the inner loop is what it should be."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from bittrue.targets.gap9.kernels import KERNELS, NO_REQUANT, SOURCE, pack_conv, source_files
from gap9.kernel_builds import STRICT, ZIG, Call, sources, typed
from gap9.kernel_inputs import activations, conv_fields, weights
from gap9.kernel_reference import convolve

ZIG_RISCV = (*ZIG, "-target", "riscv32-freestanding", "-mcpu=generic_rv32+m+c", "-fno-sanitize=all")
GCC_RISCV = ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32")
RISCV = {"zig": ZIG_RISCV, "gcc": GCC_RISCV}


def compile_all(compiler: tuple[str, ...], folder: Path, *flags: str) -> list[Path]:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"there is no {compiler[0]}")
    command = [*compiler, *STRICT, "-ffreestanding", *flags, "-c"]
    targets = [folder / f"{Path(source).stem}.o" for source in sources()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda source, target: subprocess.run([*command, source, "-o", target], check=True), sources(),
                      targets))
    return targets


def words(path: Path) -> list[int]:
    """The code of an object at every even address, as 32-bit words."""
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".text")
        assert section is not None
        text = section.data()
    return [int.from_bytes(text[i:i + 4], "little") for i in range(0, len(text) - 3, 2)]


def bodies(code: list[int], instructions: int) -> list[list[int]]:
    """What follows every lp.setup 0 of so many instructions."""
    return [code[i + 2:i + 2 + 2 * instructions:2] for i, word in enumerate(code)
            if word & 0x7FFF == 0x407B and word >> 20 == 2 * instructions]


def is_load(word: int) -> bool:
    """p.lw rd, 4(rs1!)."""
    return word & 0x707F == 0x200B and word >> 20 == 4


def is_dot(word: int) -> bool:
    """pv.sdotsp.b or pv.sdotusp.b."""
    return word & 0x707F == 0x1057 and word >> 25 in (0x54, 0x5C)


@pytest.mark.parametrize("name", list(RISCV))
def test_inner_loops(name: str, tmp_path: Path) -> None:
    """4 channels x 2 rows: 6 loads and 8 dot products; 8 x 2: 10 and 16. Nothing else, and no result used at once."""
    objects = {path.stem: path for path in compile_all(RISCV[name], tmp_path)}
    code = [words(objects[stem]) for stem in ("matrix", "matrix_rest")]
    for instructions, sums in ((14, 8), (26, 16)):
        found = [body for part in code for body in bodies(part, instructions)]
        assert {body[-1] >> 25 for body in found} == {0x54, 0x5C}, "signed and unsigned activations"
        for body in found:
            assert [is_dot(word) for word in body].count(True) == sums
            assert all(is_load(word) or is_dot(word) for word in body)
            assert len({word >> 7 & 31 for word in body if is_dot(word)}) == sums
            for load, use in pairwise(body):
                assert not is_load(load) or load >> 7 & 31 not in (use >> 15 & 31, use >> 20 & 31) or is_load(use)


@pytest.mark.parametrize("flags", [("-O0",), ("-O3", "-g"), ("-Os",), ("-DBT_PORTABLE",)])
@pytest.mark.parametrize("name", list(RISCV))
def test_compiles_without_a_warning(name: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    assert len(compile_all(RISCV[name], tmp_path, *flags)) == len(sources())


def test_the_host_compiler_gcc(tmp_path: Path) -> None:
    assert len(compile_all(("gcc",), tmp_path)) == len(sources())


def test_no_library_is_needed(tmp_path: Path) -> None:
    """Nothing but the kernels' own names and memory copies is left to the linker (no 64-bit or floating point)."""
    defined, wanted = set(), set()
    for path in compile_all(ZIG_RISCV, tmp_path):
        with path.open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            assert table is not None
            for symbol in table.iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL":
                    (wanted if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    assert wanted - defined <= {"memcpy", "memset"}


def test_the_builtins_give_the_same(tmp_path: Path) -> None:
    """With the GAP compiler's builtins written out in C, convolution and pooling give the same integers."""
    random = np.random.default_rng(9)
    x, w = activations(random, False, (6, 5, 8)), weights(random, 8, (8, 8, 3, 3))
    geometry = ((6, 5), (1, 1), (1, 1), (1, 1))
    call = Call("conv")
    raw = call.run(6 * 5 * 8 * 4, 8, True, input=call.address(x), requant=call.requant(NO_REQUANT), bias=None,
                   weights=call.address(pack_conv(w, 8)), **conv_fields(x, w, *geometry, 8, False))
    assert (typed(raw, np.int32, (6, 5, 8)) == convolve(x, w, *geometry)).all()


def test_every_file_belongs_to_a_kernel() -> None:
    assert {path.name for path in SOURCE.glob("*.[ch]")} == {path.name for path in source_files(KERNELS)}
    assert [path.name for path in source_files(["pad"]) if path.suffix == ".c"] == ["pad.c"]
