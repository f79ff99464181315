"""A planned program as a C project for the GAP SDK: one text or image for every file.

    main.c network.c network.h steps.c steps.h constants.c bt_options.h Makefile README.md    from templates
    runtime/ kernels/                                                                         copied
    data/constants.bin external.bin sample.bin answers.bin                                    images
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...templates import environment
from ...words import comment, literal
from ..kernels import KERNELS, source_files
from ..program import Program
from .layers import layer_views, tensor_view
from .layout import Layout, layout_of
from .names import project_name
from .sizes import tables_bytes
from .tables import Tables

PACKAGE = "bittrue.targets.gap9"
RUNTIME = Path(__file__).parents[1] / "runtime"
"""The folder of the C files that every project has."""
TEMPLATES = ("main.c", "network.c", "network.h", "steps.c", "steps.h", "constants.c", "bt_options.h", "Makefile",
             "README.md")
LAST = ("matrix.c", "matrix_rest.c", "requant_slow.c")
"""The kernels' shared files, in the order in which they are linked behind the kernels that call them."""


def emit(program: Program, sample: Mapping[str, bytes], answers: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the project, by path. The same arguments give the same bytes.

    `sample` has the network's inputs by tensor, `answers` every layer's output by tensor: bytes of the elements in the
    order of the memory (height, width, channels), dense. Raises KeyError or ValueError for what is missing or has
    another size.
    """
    layout = layout_of(program)
    context = _context(program, layout)
    made = environment(PACKAGE)
    made.filters.update(comment=comment, literal=literal)
    files = {name: made.get_template(f"{name}.j2").render(context).encode() for name in TEMPLATES}
    files |= {f"runtime/{path.name}": path.read_bytes() for path in sorted(RUNTIME.glob("*.[ch]"))}
    files |= {f"kernels/{path.name}": path.read_bytes() for path in source_files(_kernels(program))}
    return files | dict(_data(program, layout, sample, answers))


def _kernels(program: Program) -> list[str]:
    return sorted({layer.kernel for layer in program.network.layers})


def _data(program: Program, layout: Layout, sample: Mapping[str, bytes],
          answers: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    yield "data/constants.bin", program.constants
    if program.external:
        yield "data/external.bin", program.external
    yield "data/sample.bin", layout.sample.join(sample)
    yield "data/answers.bin", layout.answers.join(answers)


def _context(program: Program, layout: Layout) -> dict[str, Any]:
    """Everything that the templates say."""
    views = layer_views(program)
    tables = Tables(program, views)
    network = program.network
    return {
        "program": program, "network": network, "layout": layout, "layers": views, "tables": tables,
        "name": network.name, "project": project_name(network.name), "first_loads": tables.first_loads(),
        "first_step": tables.address(0),
        "last_stores": [tables.transfer(found) for found in program.steps[-1].stores],
        "tables_bytes": tables_bytes(program),
        "inputs": [tensor_view(program, name) for name in network.inputs],
        "outputs": [tensor_view(program, name) for name in network.outputs],
        "stagings": [staging for step in program.steps for staging in step.staging],
        "longest_row": max(-(-network.tensors[name].row_bytes // 4) * 4 for name in network.inputs),
        "sources": sources(_kernels(program)), "flash": list(_flash(program, layout)),
    }


def sources(kernels: list[str]) -> list[str]:
    """The C files in the order in which they are linked: what runs together lies together in the shared cache."""
    files = dict.fromkeys(file for name in kernels for file in KERNELS[name].files if file not in LAST)
    shared = [file for file in LAST if any(file in KERNELS[name].files for name in kernels)]
    order = sorted(files, key=lambda file: file == "conv.c")  # a network's hottest loops: right before matrix.c
    return ["runtime/bt_run.c", "runtime/platform_gap9.c", *(f"kernels/{file}" for file in [*order, *shared]),
            "runtime/bt_check.c"]


def _flash(program: Program, layout: Layout) -> Iterator[str]:
    if program.external:
        yield "data/external.bin"
    if not layout.sample.in_l2:
        yield "data/sample.bin"
    if not layout.answers.in_l2:
        yield "data/answers.bin"
