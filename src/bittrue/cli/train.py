"""`bittrue train`: a float model, its quantized form, both trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..zoo import ZOO, Recipe
from .console import Json, err, print_json, say

if TYPE_CHECKING:
    from ..quantization import FitResult, QuantizedModel
    from ..quantization.runs import Run

OWN = "the network's"
"""Shown as the default of an option whose default depends on the network."""


def _own(help_text: str, *names: str) -> Any:
    """An option that the network's entry in the zoo has a value for."""
    return typer.Option(*names, help=help_text, show_default=OWN)


def train(
    model: Annotated[str, typer.Argument(help=f"A built-in network ({', '.join(ZOO)}) or `file.py:function`.")],
    preset: Annotated[str | None, _own("Quantization preset, for example w4a4.")] = None,
    data: Annotated[str | None, _own("Data set: digits, mnist, cifar10.")] = None,
    root: Annotated[Path | None, typer.Option("--data-dir", help="Folder with the data sets.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and metrics.")] = Path("out/run"),
    float_epochs: Annotated[int | None, _own("Epochs of the float model; 0 starts quantized at once.")] = None,
    epochs: Annotated[int | None, _own("Epochs of quantization-aware training.")] = None,
    lr: Annotated[float | None, _own("Learning rate.")] = None,
    quantized_lr: Annotated[float | None, _own("Learning rate of quantization-aware training, if --lr is not to hold "
                                               "for it.")] = None,
    batch_size: Annotated[int | None, _own("Images per step.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024,
                                         help="Threads of PyTorch; 1 is fastest for tiny networks.")] = 1,
    optimizer: Annotated[str | None, _own("adamw or sgd.")] = None,
    momentum: Annotated[float | None, _own("Momentum of sgd.")] = None,
    weight_decay: Annotated[float | None, _own("Weight decay.")] = None,
    schedule: Annotated[str | None, _own("constant, linear, cosine or step.")] = None,
    milestones: Annotated[list[float] | None, _own("Fraction of the epochs after which the schedule `step` lowers the "
                                                   "rate; may be repeated.", "--milestone")] = None,
    step_factor: Annotated[float | None, _own("What the schedule `step` multiplies the rate by.")] = None,
    augmentation: Annotated[str | None, _own("none, crop or crop_flip.")] = None,
    precision: Annotated[str | None, _own("32-true or bf16-mixed.")] = None,
    seed: Annotated[int, typer.Option(max=2**63 - 1, help="The same seed gives the same weights.")] = 0,
    resume: Annotated[Path | None, typer.Option(help="`last.ckpt` of an interrupted run, same settings.")] = None,
    as_json: Json = False,
) -> None:
    """Train a network in float, quantize it, and train it on with fake quantization.

    Example: bittrue train digits_cnn --preset w4a4 --out out/digits
    """
    given = {"float_epochs": float_epochs, "epochs": epochs, "lr": lr, "quantized_lr": quantized_lr,
             "batch_size": batch_size, "optimizer": optimizer, "momentum": momentum, "weight_decay": weight_decay,
             "schedule": schedule, "milestones": tuple(milestones) if milestones else None, "step_factor": step_factor,
             "augmentation": augmentation, "precision": precision}
    import torch

    torch.set_num_threads(threads)
    run, recipe = _chosen(model, preset, data, given)
    before, quantized, result = _train(run, recipe, root, folder, resume, seed=seed,
                                       progress=False if as_json else None)
    report = {"accuracy_float": before, "accuracy_quantized": result.accuracy, "epochs": len(result.history),
              "checkpoint": str(result.last_checkpoint)}
    if as_json:
        print_json(report)
        return
    for change in quantized.meta["bittrue.report"]:
        err.print(f"note: {change}", soft_wrap=True)
    say(f"float {_percent(before)}, quantized ({run.preset}) {_percent(result.accuracy)} on the test split of "
        f"{run.data}")
    say(f"next: bittrue freeze {folder}")


def _chosen(model: str, preset: str | None, data: str | None, given: dict[str, Any]) -> tuple[Run, Recipe]:
    """What was asked for, completed from the network's entry in the zoo; your own network has the plain recipe."""
    from ..quantization import preset_named
    from ..quantization.runs import Run
    from ..quantization.training import check_settings

    entry = ZOO.get(model)
    run = Run(model, preset or (entry.preset if entry else "w4a4"), data or (entry.data if entry else "digits"))
    recipe = (entry.recipe if entry else Recipe()).changed(given)
    preset_named(run.preset)  # a misspelt preset shall not cost a training
    check_settings(**recipe.quantized_settings())
    return run, recipe


def _train(run: Run, recipe: Recipe, root: Path | None, folder: Path, resume: Path | None,
           **both: Any) -> tuple[float | None, QuantizedModel, FitResult]:
    """The float model's accuracy (None when it was not trained), the quantized model, and what its training gave."""
    from ..quantization import fit, load_data

    dataset = load_data(run.data, root)
    plain = run.plain()
    before = None
    if recipe.float_epochs and resume is None:
        before = fit(plain, dataset, **recipe.float_settings(), **both).accuracy
    quantized = run.quantized(plain, dataset)
    if resume is None:
        run.save(folder)
    result = fit(quantized, dataset, out_dir=folder, resume=resume, **recipe.quantized_settings(), **both)
    run.save(folder)  # only now: a checkpoint of another network was refused, and what is in the folder stays as it is
    return before, quantized, result


def _percent(accuracy: float | None) -> str:
    return "not trained" if accuracy is None else f"{accuracy:.2%}"
