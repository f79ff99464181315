"""Compiles a generated C project, with board support of our own, into the programs of an emulated chip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from ....errors import BadInput, declare, fail
from ...cache import cached, digest
from ...compilers import compile_files
from ...elf_image import Image
from ..device import Device
from .compilers import ARM, ARM_HARD, RISCV, Compiler, Core, find_compiler
from .layout import script, variables
from .regions import Memories, Room, arm_room, riscv_room

declare({
    "BT5461": "a C project is not there or has no C files",
    "BT5462": "a C project does not compile",
    "BT5463": "a C project does not link",
})

SUPPORT = Path(__file__).parent / "support"
SHARED_SOURCES = ("system.c", "print.c", "library.c")
"""The support's sources that both cores use."""
MAIN, RISCV_MAIN = "main.c", "main_riscv.c"
CACHE = "max7800x"


@dataclass(frozen=True)
class Firmware:
    """A compiled project: a program for the Arm core, and one for the RISC-V core if the project has one."""

    arm: Path
    riscv: Path | None
    warnings: tuple[str, ...]
    """What the compiler says of the project's own files: `file:line: text`."""
    memories: Memories
    """What it was compiled for."""

    @cached_property
    def images(self) -> tuple[Image, Image | None]:
        """Both programs, read once for all the chips that run them."""
        return Image(self.arm), None if self.riscv is None else Image(self.riscv)

    @property
    def main(self) -> Image:
        """The program of the core that runs the network."""
        arm, riscv = self.images
        return riscv or arm


@dataclass(frozen=True)
class Options:
    """How to compile: the compiler `zig` or `gcc`, floating point in the Arm core's registers or not, and defines.

    `flash` and `sram` give the chip other memories, of so many bytes (whole pages of 4096, up to 8 MiB): a sample
    input or a result may be larger than the chip's.
    """

    compiler: str = "zig"
    hard_float: bool = False
    defines: tuple[str, ...] = ()
    flash: int | None = None
    sram: int | None = None

    @property
    def arm(self) -> Core:
        """The Arm core."""
        return ARM_HARD if self.hard_float else ARM

    def memories(self, device: Device) -> Memories:
        """The memories to compile for."""
        chip = Memories.of(device)
        return replace(chip, flash=self.flash or chip.flash, sram=self.sram or chip.sram)


def build(project: Path, device: Device, folder: Path, options: Options | None = None) -> Firmware:
    """Compile the C files of a folder; the programs are left in `folder`, which is made if it is not there.

    A project with `main_riscv.c` has two programs: `main.c` alone is the Arm core's, all others the RISC-V core's.
    Raises `BadInput` (BT5461 to BT5463, with the compiler's messages) and `ToolMissing` (BT5460).
    """
    used = options or Options()
    sources = _sources(project)
    memories = used.memories(device)
    if not any(path.name == RISCV_MAIN for path in sources):
        path, warnings = _program(sources, used.arm, device, arm_room(memories, shared=False), folder, used)
        return Firmware(path, None, warnings, memories)
    arm = [path for path in sources if path.name == MAIN]
    path, first = _program(arm, used.arm, device, arm_room(memories, shared=True), folder, used)
    start = Image(path).symbols["__FlashStart_"]
    riscv = [path for path in sources if path.name != MAIN]
    other, second = _program(riscv, RISCV, device, riscv_room(device, memories, start), folder, used)
    return Firmware(path, other, first + second, memories)


@contextmanager
def built(project: Path, device: Device, options: Options | None = None) -> Iterator[Firmware]:
    """`build` in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="bittrue-") as folder:
        yield build(project, device, Path(folder), options)


def _sources(project: Path) -> list[Path]:
    found = sorted(project.glob("*.c")) if project.is_dir() else []
    if not found:
        fail(BadInput, "BT5461", str(project), "there are no C files in this folder", "name the folder of a C project")
    return [path.resolve() for path in found]


def _program(sources: Sequence[Path], core: Core, device: Device, room: Room, folder: Path,
             options: Options) -> tuple[Path, tuple[str, ...]]:
    """One core's program, and the compiler's warnings."""
    compiler = find_compiler(options.compiler, core)
    support = _support(compiler, core, device)
    flags = (*_flags(core, device), *(f"-D{define}" for define in options.defines))
    objects, warnings = compile_files(lambda source, made: compiler.compile(source, made, flags).stderr, sources,
                                      folder, "BT5462", f"{core.name}_")
    target, layout = folder / f"{core.name}.elf", folder / f"{core.name}.ld"
    layout.write_text(script(objects, variables(objects), sum(part.size for part in variables(support)), room))
    result = compiler.link([*objects, *support], layout, target)
    if result.returncode:
        fail(BadInput, "BT5463", f"{core.name} core", result.stderr.strip()[:2000],
             "define what is missing; use less memory if it does not fit")
    return target, tuple(warnings)


def _flags(core: Core, device: Device) -> tuple[str, ...]:
    defines = (*core.defines, f"TARGET_NUM={device.part.removeprefix('MAX')}", f"TARGET={device.part}")
    return ("-isystem", str(SUPPORT / "include"), *(f"-D{define}" for define in defines))


def _support(compiler: Compiler, core: Core, device: Device) -> list[Path]:
    """The board support's object files, compiled once and kept."""
    names = (*SHARED_SOURCES, core.start)
    texts = [path.read_bytes() for path in sorted(SUPPORT.rglob("*.[ch]"))]
    key = digest(compiler.version, *compiler.compile_flags, *_flags(core, device), *names, *texts)
    folder = cached(CACHE, key, lambda work: _make_support(compiler, core, device, names, work))
    return [folder / f"{name}.o" for name in names]


def _make_support(compiler: Compiler, core: Core, device: Device, names: Sequence[str], folder: Path) -> None:
    for name in names:
        flags = (*_flags(core, device), "-fno-builtin")
        result = compiler.compile(SUPPORT / "source" / name, folder / f"{name}.o", flags)
        if result.returncode:
            fail(BadInput, "BT5462", f"board support, {name}", result.stderr.strip()[:2000], "use another compiler")
