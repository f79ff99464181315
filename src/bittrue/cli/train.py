"""`bittrue train`: a float model, its quantized form, both trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, err, out, print_json


def train(
    model: Annotated[str, typer.Argument(help="A built-in network (digits_cnn, digits_leaky, digits_resnet, "
                                              "digits_concat) or `file.py:function`.")],
    preset: Annotated[str, typer.Option(help="Quantization preset, for example w4a4.")] = "w4a4",
    data: Annotated[str, typer.Option(help="Data set: digits, mnist, cifar10.")] = "digits",
    root: Annotated[Path | None, typer.Option("--data-dir", help="Folder with the data sets.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and metrics.")] = Path("out/run"),
    float_epochs: Annotated[int, typer.Option(help="Epochs of the float model; 0 starts quantized at once.")] = 10,
    epochs: Annotated[int, typer.Option(help="Epochs of quantization-aware training.")] = 10,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 3e-3,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 64,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch; 1 is fastest for tiny networks.")] = 1,
    optimizer: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    schedule: Annotated[str, typer.Option(help="constant, linear or cosine.")] = "cosine",
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 1e-4,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights.")] = 0,
    resume: Annotated[Path | None, typer.Option(help="`last.ckpt` of an interrupted run, same settings.")] = None,
    as_json: Json = False,
) -> None:
    """Train a network in float, quantize it, and train it on with fake quantization.

    Example: bittrue train digits_cnn --preset w4a4 --out out/digits
    """
    import torch

    from ..quantization import fit, load_data, preset_named
    from ..quantization.runs import Run

    torch.set_num_threads(threads)
    preset_named(preset)  # a misspelt preset shall not cost a training
    run, dataset = Run(model, preset, data), load_data(data, root)
    settings = {"lr": lr, "batch_size": batch_size, "optimizer": optimizer, "schedule": schedule,
                "weight_decay": weight_decay, "seed": seed, "progress": False if as_json else None}
    plain = run.plain()
    before = None
    if float_epochs and resume is None:
        before = fit(plain, dataset, epochs=float_epochs, **settings).accuracy  # type: ignore[arg-type]
    quantized = run.quantized(plain, dataset)
    run.save(folder)
    result = fit(quantized, dataset, epochs=epochs, out_dir=folder, resume=resume, **settings)  # type: ignore[arg-type]
    report = {"accuracy_float": before, "accuracy_quantized": result.accuracy, "epochs": len(result.history),
              "checkpoint": str(result.last_checkpoint)}
    if as_json:
        print_json(report)
        return
    for change in quantized.meta["bittrue.report"]:
        err.print(f"note: {change}", markup=False)
    out.print(f"float {_percent(before)}, quantized ({preset}) {_percent(result.accuracy)} on the test split of {data}")
    out.print(f"next: bittrue freeze {folder}")


def _percent(accuracy: float | None) -> str:
    return "not trained" if accuracy is None else f"{accuracy:.2%}"
