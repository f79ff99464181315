"""`bittrue freeze`: a trained model becomes an integer graph with a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInput, fail
from .clipping import require_method
from .console import Json, print_json, say
from .inputs import DataDir, data_source


def freeze(
    folder: Annotated[Path, typer.Argument(help="A folder that `bittrue train --out` wrote.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The ONNX file [FOLDER/model.onnx].")] = None,
    checkpoint: Annotated[str, typer.Option(help="Which checkpoint of the folder.")] = "last.ckpt",
    data: Annotated[str | None, typer.Option(help="Folder with the data sets, or the name of the run's set.")] = None,
    root: DataDir = None,
    clip: Annotated[str | None, typer.Option("--clip-method", help="MAX7800x: quantize the weights of the float phase "
                                             "without training, by SHIFT, SHIFT-AVG, SHIFT-AVGMAX, "
                                             "SHIFT-STDDEV or SCALE.")] = None,
    scale: Annotated[float | None, typer.Option(help="The factor of --clip-method SCALE [0.85].")] = None,
    stddev: Annotated[float | None, typer.Option(help="Standard deviations of --clip-method SHIFT-STDDEV [2.0].")]
        = None,
    bits: Annotated[int, typer.Option("--multiplier-bits", min=1, max=31,
                                      help="Widest multiplier the hardware has.")] = 31,
    as_json: Json = False,
) -> None:
    """Freeze a trained model to integers and prove the graph equal to it; exit code 1 when the proof fails.

    Example: bittrue freeze out/digits -o out/digits/model.onnx
    """
    import torch

    from ..frontends.brevitas import freeze as freeze_model
    from ..quantization.phases import float_checkpoint
    from ..quantization.runs import Run

    require_method(clip, {"--scale": ("SCALE", scale), "--stddev": ("SHIFT-STDDEV", stddev)})
    run = Run.load(folder)
    name, root = data_source(data, root)
    if name not in (None, run.data):
        fail(BadInput, "BT6004", f"data set {name}", f"the run was trained on {run.data}", "leave out the name")
    if clip is None:
        model, images = run.trained(folder / checkpoint, root)
    else:
        model, images = run.clipped(float_checkpoint(folder, checkpoint), clip, root, scale=scale, stddev=stddev)
    frozen = freeze_model(model, torch.from_numpy(images.test_x[:1]), name=Path(run.model).stem.replace(":", "_"),
                          max_multiplier_bits=bits)
    target, _ = frozen.save(output or folder / "model.onnx")
    verdict = frozen.certificate.verdict
    if as_json:
        print_json({"model": str(target), "certificate": verdict, "changes": [str(c) for c in frozen.changes],
                    "layers": [{"name": layer.name, "verdict": layer.verdict} for layer in frozen.certificate.layers]})
    else:
        for change in frozen.changes:
            say(f"note: {change}")
        say(f"{target}: {len(frozen.graph.nodes)} nodes, certificate {verdict}")
    if verdict != "proved":
        raise typer.Exit(1)
