"""`bittrue compile`: a frozen model becomes a target's project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from .console import Json, print_json, say
from .inputs import Count, Data, DataDir, File, model_inputs
from .options import Options, parse_options


def compile_(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="The project's folder; an older project is replaced.")],
    target: Annotated[str, typer.Option(help="The target.")] = "systolic",
    option: Options = None,
    file: File = None,
    data: Data = None,
    root: DataDir = None,
    count: Count = None,
    as_json: Json = False,
) -> None:
    """Write the target's project: memory images, test vectors, sources, and a manifest of hashes.

    The samples (--input or --data; four random ones otherwise) become the project's known answers.

    Example: bittrue compile model.onnx --target systolic --data digits -n 2 -o out/array
    """
    inputs = model_inputs(api.load(model), file, data, root, count)
    manifest = api.compile(model, target, folder, inputs, parse_options(option))
    if as_json:
        print_json({"project": str(folder), "target": manifest.target, "files": dict(manifest.files)})
        return
    samples = len(next(iter(inputs.values())))
    say(f"{folder}: {len(manifest.files)} files for {manifest.target}, {samples} samples")
    say(f"next: bittrue verify {folder}")
