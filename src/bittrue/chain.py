"""The whole way in one call: train, quantize, freeze, prove, execute on three executors, run on the array, compare all.

`bittrue demo` prints what comes out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import api
from .engine.base import Trace
from .engine.oracle import Oracle
from .frontends.brevitas import Frozen, freeze
from .frontends.brevitas.float32 import Float32Report, float32_report
from .frontends.brevitas.reference import input_integers
from .frontends.brevitas.trace import reference_trace
from .quantization import DataSet, evaluate, fit, load_data, preset_named
from .quantization.runs import Run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Training:
    """How both models are trained: enough for the built-in digits networks."""

    float_epochs: int = 15
    epochs: int = 15
    lr: float = 3e-3
    seed: int = 0


@dataclass(frozen=True)
class Reference:
    """The trained model in real arithmetic (float64) against the graph."""

    compared: int
    differences: int
    first: str | None
    """The first tensor that differs."""


@dataclass(frozen=True, eq=False)
class ChainReport:
    """What every link of the chain found."""

    run: Run
    accuracy: Mapping[str, float]
    """On the test split: `float`, `quantized`, `integer`."""
    frozen: Frozen
    model: api.ModelReport
    reference: Reference
    float32: Float32Report
    project: api.ProjectReport
    folder: Path

    @property
    def certificate(self) -> str:
        """"proved", or why not: of the model's file, and of its copy in the project."""
        return next((c for c in (self.frozen.certificate.verdict, self.model.certificate, self.project.certificate)
                     if c != "proved"), "proved")

    @property
    def differences(self) -> int:
        """Over all exact links. The float32 evaluation is no link: it is reported beside them."""
        return self.reference.differences + self.model.differences + self.project.differences

    @property
    def compared(self) -> int:
        """Elements over all exact links."""
        return self.reference.compared + self.model.compared + self.project.target.compared

    @property
    def exact(self) -> bool:
        """Whether nothing differs, everything is proved, and rounding explains every float32 difference: one that it
        does not explain means that the graph was proved equal to another model than the one that runs."""
        return self.differences == 0 and self.certificate == "proved" and self.float32.unexplained == 0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {
            "differences": self.differences, "compared": self.compared, "certificate": self.certificate,
            "accuracy": dict(self.accuracy), "run": asdict(self.run), "folder": str(self.folder),
            "reference": asdict(self.reference),
            "executors": {name: {"compared": r.compared, "differences": r.differences}
                          for name, r in self.model.executors.items()},
            "float32": {"layer_by_layer": self.float32.layer_by_layer, "end_to_end": self.float32.end_to_end,
                        "unexplained": self.float32.unexplained, "batch_sizes": self.float32.batch_sizes,
                        "disagreements": self.float32.disagreements},
            "layers": [{"name": layer.name, "certificate": layer.verdict} for layer in self.frozen.certificate.layers],
            "array": self.project.to_json(),
        }


def run_chain(run: Run, folder: Path, *, training: Training | None = None, samples: int = 2,
              options: Mapping[str, Any] | None = None, root: Path | None = None,
              say: Say = lambda line: None) -> ChainReport:
    """Take a network from PyTorch to the systolic array and compare every tensor on the way.

    The executors and the float64 reference see the whole test split, the array's RTL the first `samples` images.
    `folder` gets the checkpoints, `model.onnx`, `model.cert.json` and the project `array`. `say` hears what happens.
    Raises what the steps raise; a difference is no error but a figure in the report.
    """
    data = load_data(run.data, root)
    frozen, accuracy = _trained(run, data, training or Training(), folder, say)
    model, _ = frozen.save(folder / "model.onnx")
    say("executing the test split: oracle, ONNX Runtime, fast executor, float64 reference")
    inputs = input_integers(frozen, data.test_x)
    trace = Oracle(frozen.graph).run(inputs)
    accuracy["integer"] = float((trace[frozen.graph.outputs[0]].argmax(1) == data.test_y).mean())
    report = api.verify_model(model, inputs)
    reference = _compared(trace, reference_trace(frozen, data.test_x))
    float32 = float32_report(frozen, data.test_x)
    say("emitting and simulating the array (the first build takes a few seconds longer)")
    api.compile(model, "systolic", folder / "array", {name: x[:samples] for name, x in inputs.items()}, options)
    return ChainReport(run, accuracy, frozen, report, reference, float32, api.verify(folder / "array"), folder)


def _trained(run: Run, data: DataSet, training: Training, folder: Path, say: Say) -> tuple[Frozen, dict[str, float]]:
    """The frozen model and the accuracies of the float and the fake-quantized model it comes from."""
    preset_named(run.preset)  # a misspelt preset shall not cost a training
    say(f"training {run.model} on {data.name}: {training.float_epochs} epochs in float, "
        f"{training.epochs} with fake quantization ({run.preset})")
    settings: dict[str, Any] = {"lr": training.lr, "seed": training.seed, "progress": False}
    plain = run.plain()
    fit(plain, data, epochs=training.float_epochs, **settings)
    quantized = run.quantized(plain, data)
    run.save(folder)
    fit(quantized, data, epochs=training.epochs, out_dir=folder, **settings)
    say("freezing and proving")
    frozen = freeze(quantized.eval(), torch.from_numpy(data.test_x[:1]), name=Path(run.model).stem)
    return frozen, {"float": evaluate(plain, data), "quantized": evaluate(frozen.model, data)}


def _compared(trace: Trace, reference: Trace) -> Reference:
    different = {name: int(np.count_nonzero(trace[name] != values)) for name, values in reference.items()}
    return Reference(sum(values.size for values in reference.values()), sum(different.values()),
                     next((name for name, count in different.items() if count), None))
