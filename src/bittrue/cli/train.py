"""`bittrue train`: a float model, its quantized form, both trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import BadInput, fail
from ..max7800x.policy import read_policy
from ..max7800x.presets import FAMILY
from ..report.tables import plain_table, right_aligned
from ..zoo import ZOO, Recipe
from .console import Json, print_json, say
from .inputs import DataDir, data_source
from .terminal import err, out

if TYPE_CHECKING:
    from ..quantization import DataSet
    from ..quantization.phases import Phase
    from ..quantization.runs import Run

OWN = "the network's"
"""Shown as the default of an option whose default depends on the network."""


def _own(help_text: str, *names: str) -> Any:
    """An option that the network's entry in the zoo has a value for."""
    return typer.Option(*names, help=help_text, show_default=OWN)


def train(
    model: Annotated[str, typer.Argument(help=f"A built-in network ({', '.join(ZOO)}) or `file.py:function`.")],
    preset: Annotated[str | None, _own("Quantization preset, for example w4a4 or max7800x-w8.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy file (YAML) for MAX78000 and MAX78002, instead of a "
                                                     "preset: weight bits of each layer, epochs in float.")] = None,
    data: Annotated[str | None, _own("Data set: digits, mnist, cifar10; or a folder with data sets, for the network's "
                                     "own.")] = None,
    root: DataDir = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and metrics; an older run is "
                                                       "replaced.")] = Path("out/run"),
    float_epochs: Annotated[int | None, _own("Epochs of the float model; 0 starts quantized at once.")] = None,
    epochs: Annotated[int | None, _own("Epochs of quantization-aware training; 0 trains in float only.")] = None,
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
    validation: Annotated[float | None, _own("Fraction of the training images that is set aside and watched instead of "
                                             "the test images.")] = None,
    seed: Annotated[int, typer.Option(max=2**63 - 1, help="The same seed gives the same weights.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out, of the same settings, "
                                                          "stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train a network in float, quantize it, and train it on with fake quantization.

    Example: bittrue train digits_cnn --preset w4a4 --out out/digits
    """
    given = {"float_epochs": float_epochs, "epochs": epochs, "lr": lr, "quantized_lr": quantized_lr,
             "batch_size": batch_size, "optimizer": optimizer, "momentum": momentum, "weight_decay": weight_decay,
             "schedule": schedule, "milestones": tuple(milestones) if milestones else None, "step_factor": step_factor,
             "augmentation": augmentation, "precision": precision, "validation": validation}
    import torch

    torch.set_num_threads(threads)
    name, root = data_source(data, root)
    if name is None and root is not None and ":" in model:
        fail(BadInput, "BT6002", "--data", "it names a folder, and no data set belongs to a network of your own",
             "name the set: --data NAME --data-dir FOLDER")
    run, recipe = _chosen(model, preset, policy, name, given)
    dataset, phases = _train(run, recipe, root, folder, resume=resume, seed=seed, progress=False if as_json else None)
    if as_json:
        print_json({**run.to_json(), "data_set": str(dataset),
                    "phases": {name: phase.to_json() for name, phase in phases.items()}})
        return
    for change in getattr(list(phases.values())[-1].result.model, "report", ()):
        err.print(f"note: {change}", soft_wrap=True)
    out.print(_table(phases))
    watched = f"{recipe.validation:.0%} of the training images, set aside" if recipe.validation else "the test images"
    say(f"accuracy on {watched}; {dataset}")
    say(f"next: bittrue freeze {folder}")


def _chosen(model: str, preset: str | None, policy: Path | None, data: str | None,
            given: dict[str, Any]) -> tuple[Run, Recipe]:
    """What was asked for, completed from the network's entry in the zoo; your own network has the plain recipe. A
    policy says how many epochs are in float."""
    from ..quantization.runs import Run

    entry, text, recipe = ZOO.get(model), "", Recipe()
    if entry is not None:
        recipe = entry.recipe
    if policy is not None:
        if preset is not None:
            fail(BadInput, "BT6002", "--preset and --policy", "both say how many bits the weights have",
                 "give one of them")
        schedule = read_policy(policy)
        preset, text = FAMILY, policy.read_text(encoding="utf-8")
        recipe = recipe.changed({"float_epochs": schedule.folds_at,
                                 "folded_epochs": schedule.start_epoch - schedule.folds_at})
    run = Run(model, preset or (entry.preset if entry else "w4a4"), data or (entry.data if entry else "digits"), text)
    return run, recipe.changed(given)


def _train(run: Run, recipe: Recipe, root: Path | None, folder: Path,
           **how: Any) -> tuple[DataSet, dict[str, Phase]]:
    from ..quantization.phases import train_run

    data = run.images(root)
    try:
        return data, train_run(run, recipe, data, folder, **how)
    except KeyboardInterrupt:
        err.print("interrupted: the same command with --resume goes on after the last complete epoch", soft_wrap=True)
        raise


def _table(phases: Mapping[str, Phase]) -> Table:
    table = plain_table("phase", "epochs", "accuracy", "epochs now", "seconds", "per epoch", "test images")
    for name, phase in phases.items():
        each = "" if phase.seconds_per_epoch is None else f"{phase.seconds_per_epoch:,.2f}"
        table.add_row(name, str(len(phase.result.history)), f"{phase.result.accuracy:.2%}", str(phase.trained),
                      f"{phase.seconds:,.1f}", each, f"{phase.test_accuracy:.2%}")
    return right_aligned(table)
