"""`bittrue import ai8x`: an ai8x network description with its checkpoint becomes an integer graph and a plan."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInput, Unsupported, fail
from ..targets.max7800x.ai8x import Clip, Clipping, import_ai8x
from ..targets.max7800x.ai8x import Options as Ai8xOptions
from ..targets.max7800x.device import DEVICES
from ..targets.max7800x.files import emit_import, import_files, write_files
from ..targets.max7800x.placement import Fifo
from ..targets.max7800x.rules import problems
from ..targets.max7800x.to_graph import to_graph
from .clipping import require_method
from .console import Json, print_diagnostics, print_json, say
from .options import Options, parse_options


class Chip(str, Enum):
    """The chips of the family."""

    MAX78000 = "max78000"
    MAX78002 = "max78002"


def ai8x(
    config: Annotated[Path, typer.Option("--config", "-c", help="The network description (YAML).")],
    checkpoint: Annotated[Path, typer.Option("--checkpoint", "-k", help="The checkpoint (.pth.tar).")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="Where the model and its plan go.")],
    sample: Annotated[Path | None, typer.Option(help="A sample input (.npy), integers -128 to 127.")] = None,
    chip: Annotated[Chip, typer.Option("--target", "--device", help="The chip.")] = Chip.MAX78000,
    project: Annotated[Path | None, typer.Option("--project", "-p", help="Write the C project, too: its folder. Its "
                                                 "sample is that of --sample, or a random one.")] = None,
    option: Options = None,
    fifo: Annotated[Fifo, typer.Option(help="How the input enters.")] = Fifo.NONE,
    overlap_data: Annotated[bool, typer.Option("--overlap-data", help="Outputs may overwrite inputs.")] = False,
    avg_pool_rounding: Annotated[bool, typer.Option("--avg-pool-rounding", help="Averages are rounded.")] = False,
    simple_1b: Annotated[bool, typer.Option("--simple1b", help="1-bit weights by XOR.")] = False,
    reshape_inputs: Annotated[bool, typer.Option("--reshape-inputs", help="Surplus input channels are left out.")]
        = False,
    extra_layers: Annotated[bool, typer.Option("--extra-layers", help="The checkpoint may hold more layers than the "
                                               "description.")] = False,
    clip: Annotated[Clip | None, typer.Option("--clip-method", help="Quantize a float checkpoint as quantize.py does "
                                              "with this method, not by the rule of quantization-aware "
                                              "training.")] = None,
    scale: Annotated[float | None, typer.Option(help="Constant of --clip-method SCALE [0.85].")] = None,
    stddev: Annotated[float | None, typer.Option(help="Standard deviations of --clip-method STDDEV [2.0].")] = None,
    as_json: Json = False,
) -> None:
    """Read an ai8x description and checkpoint; write model.onnx, plan.json, network.yaml, sample.npy, and a project.

    The graph computes what the chip computes; plan.json keeps the processors and offsets of the description. Limits of
    the chip that the description breaks are listed as warnings.

    Example: bittrue import ai8x -c mnist.yaml -k mnist-q.pth.tar -o out/mnist --project out/mnist/project -O softmax
    """
    options = Ai8xOptions(fifo, overlap_data, avg_pool_rounding, simple_1b, drop_channels=reshape_inputs,
                          extra_layers=extra_layers)
    device = DEVICES[chip.value]
    if option and project is None:
        fail(BadInput, "BT6002", "--option", "it is a choice of the project", "add --project FOLDER, or leave it out")
    found = import_ai8x(config, checkpoint, device.part, sample, options=options,
                        clipping=_clipping(clip, scale, stddev))
    graph = to_graph(found.network).graph
    made = import_files(found, graph, device)
    broken = problems(found.network, found.placement, device)
    if project is not None:
        if broken:
            raise Unsupported(*broken)
        emit_import(found, graph, device, made, project, parse_options(option))
    write_files(made, folder)
    if as_json:
        print_json({"out": str(folder), "files": list(made), "project": project and str(project),
                    "layers": [x.name for x in found.network.layers], "notes": list(found.notes),
                    "warnings": [d.to_json() for d in broken]})
        return
    for note in found.notes:
        say(f"note: {note}")
    print_diagnostics(tuple(broken))
    say(f"{folder}: {len(found.network.layers)} layers of {found.network.name}, {', '.join(made)}")
    say(f"next: bittrue verify {project}" if project is not None else
        f"next: bittrue check {folder}/model.onnx --target {device.name} -O plan={folder}/plan.json")


def _clipping(method: Clip | None, scale: float | None, deviations: float | None) -> Clipping | None:
    """The clipping method with its constant. Raises `BadInput` (BT6002) for the constant of another method."""
    require_method(method, {"--scale": (Clip.SCALE.value, scale), "--stddev": (Clip.STDDEV.value, deviations)})
    usual = Clipping()
    return None if method is None else Clipping(method, usual.scale if scale is None else scale,
                                                usual.deviations if deviations is None else deviations)
