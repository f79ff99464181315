"""Training on Lightning: float and fake-quantized models alike, reproducible bit for bit, resumable.

Every epoch draws its order from (seed, epoch), and every batch its augmentation and its random numbers from (seed,
epoch, batch), so a run that is interrupted and resumed from its last checkpoint ends with the same weights as one that
was not.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput, Diagnostics, declare, fail
from .checkpoint import BEST, LAST, History, Settings, read_checkpoint
from .convert import QuantizedModel
from .data import DataSet
from .data_augment import AUGMENTATIONS, Images
from .quiet import quiet
from .scales import set_activation_scales

with quiet():
    import lightning.pytorch as lightning
    from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger

declare({
    "BT2030": "a training setting is out of range",
    "BT2031": "the model does not fit the data set",
})

EpochMetrics = dict[str, float]
"""`epoch` (from 1), `train_loss`, `accuracy` (on the watched split, 0..1), `learning_rate`."""

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": lambda groups, lr, momentum: torch.optim.AdamW(groups, lr=lr, betas=(momentum, 0.999)),
    "sgd": lambda groups, lr, momentum: torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0),
}


def _step(done: float, milestones: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> float:
    passed = sum(done >= milestone for milestone in milestones)
    return float(factor**passed)


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": lambda done, *steps: 1.0,
    "linear": lambda done, *steps: 1.0 - done,
    "cosine": lambda done, *steps: 0.5 + 0.5 * float(np.cos(np.pi * done)),
    "step": _step,
}
"""Factor of the learning rate by the fraction of the epochs that is done; `step` also takes the fractions at which the
rate falls, and the factor by which it does."""

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"32-true": "32-true", "bf16-mixed": "bf16-mixed"}
"""float32 throughout, or layers in bfloat16 while training (autocast; the weights stay float32, and so does the
measurement of accuracies)."""


METRICS = "metrics.csv"

WRITTEN = (LAST, BEST, METRICS)
"""The files in `out_dir`, beside TensorBoard's."""

AUGMENTATION_STREAM = 1
"""Keeps the random numbers of the augmentation apart from those of the order."""

_Images = Callable[..., Tensor]
"""Takes image numbers and what to do with the pixels before they are normalized (default: nothing)."""


@dataclass(frozen=True)
class FitResult:
    """A trained model (the one given, trained in place), one dict of metrics per epoch, and the checkpoints' paths
    (None where none was written)."""

    model: nn.Module
    history: History
    last_checkpoint: Path | None = None
    best_checkpoint: Path | None = None

    @property
    def accuracy(self) -> float:
        """Accuracy after the last epoch, 0..1, on the watched split."""
        return self.history[-1]["accuracy"]


def fit(model: nn.Module, data: DataSet, *, epochs: int, lr: float = 2e-3, batch_size: int = 64,
        optimizer: str = "adamw", schedule: str = "cosine", weight_decay: float = 1e-4, label_smoothing: float = 0.0,
        validation: float = 0.0, seed: int = 0, out_dir: str | Path | None = None, resume: str | Path | None = None,
        progress: bool | None = None, accelerator: str = "cpu", calibration_batches: int = 8,
        on_epoch: Callable[[EpochMetrics], None] | None = None, momentum: float = 0.9,
        milestones: Sequence[float] = (0.5, 0.75), step_factor: float = 0.1, augmentation: str = "none",
        precision: str = "32-true") -> FitResult:
    """Train a classifier on the training split with cross entropy; works on plain and on quantized models.

    A quantized model first takes its activation scales from `calibration_batches` training batches (0: keep them).
    `validation` is the fraction of the training images that is set aside and watched; at 0 the test split is watched,
    and then `best.ckpt` is chosen on the test split. `out_dir` gets `last.ckpt`, `best.ckpt`, `metrics.csv` and
    TensorBoard's event files; without it nothing is written. `resume` names a `last.ckpt` of a run with the same
    settings (`epochs` may be larger, which is the same as one long run when the schedule is constant; a run that has
    all its epochs is only loaded, and nothing is written). `progress` None shows a bar on terminals. `momentum` is
    SGD's (Nesterov; 0: plain SGD) or the decay of Adam's first moment. The schedule `step` multiplies the rate by
    `step_factor` at each of `milestones`, which are fractions of the epochs. `augmentation` is one of `AUGMENTATIONS`
    and changes training images only; `precision` is one of `PRECISIONS`.

    Raises `BadInput` (BT2030, BT2031, and BT2040..BT2042 for the checkpoint).
    """
    settings = Settings(lr=lr, batch_size=batch_size, optimizer=optimizer, schedule=schedule, weight_decay=weight_decay,
                        label_smoothing=label_smoothing, validation=validation, seed=seed,
                        calibration_batches=calibration_batches, data=data.name, momentum=momentum,
                        milestones=tuple(milestones), step_factor=step_factor, augmentation=augmentation,
                        precision=precision)
    _check(settings, epochs)
    checkpoint = None if resume is None else read_checkpoint(Path(resume), model, settings, epochs)
    run = _Run(model, _Split.of(data, settings), settings, epochs, checkpoint.history if checkpoint else [],
               None if out_dir is None else Path(out_dir), on_epoch)
    with _isolated(seed), quiet():
        _check_images(data, settings)
        _check_outputs(model, run.split, data.classes)
        if checkpoint is not None and len(checkpoint.history) == epochs:
            model.load_state_dict(checkpoint.weights)
            return FitResult(model.eval(), checkpoint.history, checkpoint.path)
        if checkpoint is None and isinstance(model, QuantizedModel) and calibration_batches:
            set_activation_scales(model, ((run.split.batch(i)[0],) for i in run.order(0)[:calibration_batches]))
        return _train(run, None if resume is None else str(resume), _shown(progress), accelerator)


def check_fit(model: nn.Module, data: DataSet, *, epochs: int, **settings: Any) -> None:
    """Raises `BadInput` (BT2030, BT2031) for what `fit` would refuse: before a long training, not after it."""
    chosen = Settings(**settings)
    _check(chosen, epochs)
    with quiet():
        _check_images(data, chosen)
        _check_outputs(model, _Split.of(data, chosen), data.classes)


def evaluate(model: nn.Module, data: DataSet, *, batch_size: int = 256) -> float:
    """Accuracy on the test split, 0..1: the class of the largest logit. The model's mode is left as it was."""
    return _accuracy(model, _images(data, data.test_pixels), torch.from_numpy(data.test_y), batch_size)


def _accuracy(model: nn.Module, images: Callable[[Any], Tensor], labels: Tensor, batch_size: int) -> float:
    training = model.training
    model.eval()
    with torch.no_grad():
        hits = sum(int((model(images(np.arange(i, min(i + batch_size, len(labels))))).argmax(1)
                        == labels[i:i + batch_size]).sum()) for i in range(0, len(labels), batch_size))
    model.train(training)
    return hits / len(labels)


def _images(data: DataSet, pixels: Any) -> _Images:
    """Normalized images by their numbers; only the wanted ones are ever made float."""
    def images(numbers: Any, change: Callable[[Images], Images] = lambda unchanged: unchanged) -> Tensor:
        return torch.from_numpy(data.normalization(change(pixels[numbers])))
    return images


@dataclass(frozen=True)
class _Split:
    """What is trained on and what is watched."""

    images: _Images
    labels: Tensor
    watched_images: Callable[[Any], Tensor]
    watched_labels: Tensor

    @classmethod
    def of(cls, data: DataSet, settings: Settings) -> _Split:
        count = len(data.train_y)
        aside = round(count * settings.validation)
        order = np.random.default_rng(settings.seed).permutation(count) if aside else np.arange(count)
        kept, watched = np.sort(order[aside:]), np.sort(order[:aside])
        labels = torch.from_numpy(data.train_y)
        images = _images(data, data.train_pixels)
        if not aside:
            return cls(images, labels, _images(data, data.test_pixels), torch.from_numpy(data.test_y))
        return cls(lambda i, *change: images(kept[i], *change), labels[kept],
                   lambda i: images(watched[i]), labels[watched])

    def batch(self, numbers: Any, *change: Callable[[Images], Images]) -> tuple[Tensor, Tensor]:
        return self.images(numbers, *change), self.labels[numbers]


@dataclass
class _Run:
    """One training run: everything that its Lightning module and callbacks share."""

    model: nn.Module
    split: _Split
    settings: Settings
    epochs: int
    history: History
    out: Path | None
    on_epoch: Callable[[EpochMetrics], None] | None

    def order(self, epoch: int) -> list[Any]:
        """The batches of an epoch as arrays of image numbers; the last one may be smaller, but never a single image
        (batch norm cannot normalize one)."""
        shuffled = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.split.labels))
        batches = [shuffled[i:i + self.settings.batch_size] for i in range(0, len(shuffled), self.settings.batch_size)]
        return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches

    def augmented(self, epoch: int, number: int, images: Images) -> Images:
        """The images of a batch as the epoch sees them."""
        rng = np.random.default_rng((self.settings.seed, epoch, number, AUGMENTATION_STREAM))
        return AUGMENTATIONS[self.settings.augmentation](images, rng)


class _Batches(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """The batches of the epoch that the trainer is in, by number."""

    def __init__(self, run: _Run, epoch: Callable[[], int]) -> None:
        self.run, self.epoch = run, epoch
        self.order = lru_cache(maxsize=1)(run.order)

    def __len__(self) -> int:
        return len(self.order(self.epoch()))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        epoch = self.epoch()
        return self.run.split.batch(self.order(epoch)[number], partial(self.run.augmented, epoch, number))


class _Module(lightning.LightningModule):
    """The model with its loss and optimizer."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self.run, self.model = run, run.model
        self.losses: list[Tensor] = []
        self.rate = run.settings.lr

    def on_train_epoch_start(self) -> None:
        self.losses, self.rate = [], self.trainer.optimizers[0].param_groups[0]["lr"]

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        torch.manual_seed(_mixed(self.run.settings.seed, self.current_epoch, number))
        loss = F.cross_entropy(self.model(batch[0]), batch[1], label_smoothing=self.run.settings.label_smoothing)
        self.losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        split, settings = self.run.split, self.run.settings
        accuracy = _accuracy(self.model, lambda i: split.watched_images(i).to(self.device),
                             split.watched_labels.to(self.device), 4 * settings.batch_size)
        metrics = {"train_loss": float(torch.stack(self.losses).mean()), "accuracy": accuracy,
                   "learning_rate": self.rate}
        self.run.history.append({"epoch": self.current_epoch + 1, **metrics})
        self.log_dict(metrics, prog_bar=True)
        if self.run.out is not None:
            write_csv(self.run.out / METRICS, self.run.history)
        if self.run.on_epoch is not None:
            self.run.on_epoch(dict(self.run.history[-1]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["bittrue"] = {"settings": asdict(self.run.settings), "history": self.run.history}

    def configure_optimizers(self) -> Any:
        settings = self.run.settings
        optimizer = OPTIMIZERS[settings.optimizer](_groups(self.model, settings.weight_decay), settings.lr,
                                                   settings.momentum)
        factor = partial(_rate_factor, settings)
        epochs = self.run.epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: factor(min(epoch / epochs, 1.0)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


def _rate_factor(settings: Settings, done: float) -> float:
    return SCHEDULES[settings.schedule](done, settings.milestones, settings.step_factor)


def _mixed(*numbers: int) -> int:
    """One seed from several numbers, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for the weights of layers only: never for biases, batch norms and scales."""
    layers = (nn.Conv1d, nn.Conv2d, nn.Linear)
    decayed = {m.weight for m in model.modules() if isinstance(m, layers)}
    rest = [p for p in model.parameters() if p.requires_grad and p not in decayed]
    weights = [p for p in model.parameters() if p.requires_grad and p in decayed]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def write_csv(path: Path, history: Sequence[EpochMetrics]) -> None:
    """The metrics of all epochs as CSV, written whole: a reader never meets half a file."""
    lines = [",".join(history[0]), *(",".join(map(repr, row.values())) for row in history)]
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n")
    part.replace(path)


def _train(run: _Run, resume: str | None, progress: bool, accelerator: str) -> FitResult:
    out = run.out
    callbacks: list[Any] = [RichProgressBar(console_kwargs={"stderr": True})] if progress else []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        keep = partial(ModelCheckpoint, out, enable_version_counter=False, save_on_train_epoch_end=True)
        callbacks += [keep(Path(BEST).stem, monitor="accuracy", mode="max"), keep(Path(LAST).stem)]
    trainer = lightning.Trainer(
        accelerator=accelerator, devices=1, precision=PRECISIONS[run.settings.precision], max_epochs=run.epochs,
        callbacks=callbacks, enable_model_summary=False,
        logger=TensorBoardLogger(out, name="", version="tensorboard") if out else False, enable_progress_bar=progress,
        enable_checkpointing=out is not None, deterministic=accelerator != "cpu", use_distributed_sampler=False,
        log_every_n_steps=1, num_sanity_val_steps=0, default_root_dir=out)
    module = _Module(run).train()
    batches = torch.utils.data.DataLoader(_Batches(run, lambda: trainer.current_epoch), batch_size=None)
    with _interruptible():
        trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    run.model.eval()
    paths = (out / LAST, out / BEST) if out else (None, None)
    return FitResult(run.model, run.history, *paths)


def _check(settings: Settings, epochs: int) -> None:
    found = Diagnostics()
    for name, good, fix in (
            ("epochs", epochs >= 1, "at least 1"),
            ("lr", 0 < settings.lr < float("inf"), "a number more than 0"),
            ("batch_size", settings.batch_size >= 1, "at least 1"),
            ("weight_decay", 0 <= settings.weight_decay < float("inf"), "a number of at least 0"),
            ("label_smoothing", 0 <= settings.label_smoothing < 1, "from 0 to below 1"),
            ("validation", 0 <= settings.validation < 1, "from 0 to below 1"),
            ("seed", 0 <= settings.seed < 2**63, "0 to 2**63 - 1"),
            ("calibration_batches", settings.calibration_batches >= 0, "at least 0"),
            ("optimizer", settings.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
            ("schedule", settings.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("momentum", 0 <= settings.momentum < 1, "from 0 to below 1"),
            ("milestones", all(0 < m < 1 for m in settings.milestones), "fractions between 0 and 1"),
            ("step_factor", 0 < settings.step_factor <= 1, "more than 0, at most 1"),
            ("augmentation", settings.augmentation in AUGMENTATIONS, f"one of {', '.join(AUGMENTATIONS)}"),
            ("precision", settings.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")):
        if not good:
            value = epochs if name == "epochs" else getattr(settings, name)
            found.add("BT2030", name, f"it is {value!r}", f"use {fix}")
    found.raise_as(BadInput)


def _check_images(data: DataSet, settings: Settings) -> None:
    """Raises `BadInput` (BT2031) for an augmentation of something that is no image."""
    if settings.augmentation != "none" and len(data.input_shape) != 3:
        fail(BadInput, "BT2031", f"data set {data.name}", f"its samples {data.input_shape} are no images to augment",
             "use augmentation='none', or samples (channels, height, width)")


def _check_outputs(model: nn.Module, split: _Split, classes: int) -> None:
    """Raises `BadInput` (BT2031) unless the model maps a batch to one logit per class."""
    x = split.images(np.arange(min(2, len(split.labels))))
    training = model.training
    found = Diagnostics()
    try:
        with torch.no_grad():
            shape = tuple(model.eval()(x).shape)
        if shape != (len(x), classes):
            found.add("BT2031", type(model).__name__, f"it maps {tuple(x.shape)} to {shape}",
                      f"give it {classes} outputs, one logit per class")
    except (RuntimeError, ValueError, TypeError) as error:
        found.add("BT2031", type(model).__name__, f"it does not take images {tuple(x.shape[1:])}: {error}",
                  "use a model for this image size")
    model.train(training)
    found.raise_as(BadInput)


def _shown(progress: bool | None) -> bool:
    return sys.stderr.isatty() if progress is None else progress


@contextmanager
def _isolated(seed: int) -> Iterator[None]:
    """Seeds PyTorch for the run, and leaves its global state (random numbers, determinism, Lightning's log level) as it
    was."""
    log = logging.getLogger("lightning.pytorch")
    level, deterministic = log.level, torch.are_deterministic_algorithms_enabled()
    log.setLevel(logging.ERROR)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        log.setLevel(level)
        torch.use_deterministic_algorithms(deterministic)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lightning answers Ctrl-C by ignoring the signal from then on and leaving with `SystemExit`: put the handler back
    and let the caller see a KeyboardInterrupt."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
