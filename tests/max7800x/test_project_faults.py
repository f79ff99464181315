"""Single-bit faults in programs and projects: each is found, or shown to be harmless.

What is wrong is one bit of the program in flash (kernels, biases, registers, input, known answer, other data,
instructions), or of a value on its way to a register of the accelerator.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_support import refreshed_manifest

from bittrue import api
from bittrue.errors import Difference
from bittrue.targets.base import FILES, SIMULATION
from bittrue.targets.project import MANIFEST_NAME

from .fault_nets import CASES
from .fault_reasons import Explainer
from .fault_scene import Fault, Finding, Scene, faults, scene
from .project_nets import image_to_image
from .test_project import compiled

KINDS = (*["kernels"] * 5, *["biases"] * 4, *["layer registers"] * 8, *["other registers"] * 5, *["input"] * 4,
         *["known answer"] * 2, "other data", "instructions")
"""Kinds of faults, as often as they are drawn: 30."""
COUNTS = (pytest.param(len(KINDS)), pytest.param(10 * len(KINDS), marks=pytest.mark.nightly))
"""Faults in every case: 300 and 3000 in all."""


def drawn(found: Scene, count: int) -> Iterator[Fault]:
    """Random faults of all kinds."""
    rng, places = random.Random(f"{found.name} {count}"), faults(found)
    kinds = [kind for kind in KINDS if kind in places]
    order = rng.sample(kinds, len(kinds))
    for index in range(count):
        where, address, write, bits = rng.choice(places[order[index % len(order)]])
        yield Fault(order[index % len(order)], rng.randrange(bits), address, write, where)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", COUNTS)
def test_every_fault_is_found_or_harmless_for_a_reason(name: str, count: int) -> None:
    """`pytest -rP` shows what became of the faults."""
    table: Counter[tuple[str, str]] = Counter()
    with scene(name) as found:
        assert list(found.findings(found.run)) == []
        explainer = Explainer(found)
        for fault in drawn(found, count):
            shown = shown_by(found, fault)
            if shown is Finding.NOTHING:
                reasons = explainer.reasons(fault)  # raises for a fault without a reason
                assert reasons
                table[fault.kind, "harmless"] += 1
            else:
                table[fault.kind, shown.value] += 1
    sys.stdout.writelines(f"{kind}: {what}: {value}\n" for (kind, what), value in sorted(table.items()))
    assert table.total() == count
    assert sum(value for (_, what), value in table.items() if what != "harmless") >= count // 3


def shown_by(found: Scene, fault: Fault) -> Finding:
    """The first thing that shows a fault."""
    return next(found.findings(found.strike(fault)[0]), Finding.NOTHING)


# ---- faults in the project's files

@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(image_to_image(), "max78000", tmp_path_factory.mktemp("faults"), count=1)


TEXTS = ("cnn.c", "cnn.h", "main.c", "weights.h", "sampledata.h", "sampleoutput.h", "Makefile", "README.md")
SOURCES = ("plan.json", "model.onnx", "inputs/0_x.npy")


def places(folder: Path, checks: tuple[str, ...]) -> list[str]:
    """Where verification finds something wrong."""
    try:
        return [problem.where for problem in api.verify(folder, checks).target.problems]
    except Difference as error:  # the project cannot even be read
        return [found.where for found in error.diagnostics]


@pytest.mark.parametrize("name", TEXTS)
def test_a_wrong_bit_in_a_text_is_named_by_file_and_line(project: Path, name: str) -> None:
    rng, path = random.Random(name), project / name
    before = path.read_bytes()
    for _ in range(3):
        at = rng.choice([i for i, byte in enumerate(before) if byte != ord("\n")])
        path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1:])
        refreshed_manifest(project, "max78000")
        found = places(project, (FILES,))
        path.write_bytes(before)
        line = 1 + before[:at].count(b"\n")
        assert any(where.endswith(f"{name}, line {line}") for where in found)


@pytest.mark.parametrize("name", [*SOURCES, MANIFEST_NAME])
def test_a_wrong_bit_in_what_a_project_is_made_from_is_named_by_file(project: Path, name: str) -> None:
    rng, path = random.Random(name), project / name
    manifest, before = (project / MANIFEST_NAME).read_bytes(), path.read_bytes()
    for _ in range(8):
        at, bit = rng.randrange(len(before)), rng.randrange(8)
        path.write_bytes(before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1:])
        if name != MANIFEST_NAME:
            refreshed_manifest(project, "max78000")
        found = places(project, ("manifest", FILES))
        path.write_bytes(before)
        (project / MANIFEST_NAME).write_bytes(manifest)
        assert any(path.name in where for where in found), (at, bit)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn.c", "weights.h", "sampledata.h", "sampleoutput.h"])
def test_a_wrong_number_in_the_sources_is_found_on_the_chip(project: Path, name: str) -> None:
    """One bit in every byte: of a layer's register, of one kernel's weights, of four channels of a pixel."""
    rng, path = random.Random(name), project / name
    text = path.read_text()
    words = list(re.finditer("(?<=, )0x[0-9a-f]{8}u?(?=})" if name == "cnn.c" else "0x[0-9a-f]{8}", text))
    found = []
    for word in rng.sample(words, 4):
        changed = f"0x{int(word[0].rstrip('u'), 16) ^ 0x40404040:08x}"
        path.write_text(text[:word.start()] + changed + text[word.end():])
        refreshed_manifest(project, "max78000")
        found.append(places(project, (SIMULATION,)))
        path.write_text(text)
    refreshed_manifest(project, "max78000")
    assert all(found)
