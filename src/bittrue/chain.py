"""The whole way in one call: train, quantize, freeze, prove, execute on three executors, compile for three chips, run
what was compiled, compare all.

`bittrue demo` prints what comes out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import api
from .engine.base import Trace
from .engine.oracle import Oracle
from .errors import Diagnostic, Unsupported
from .frontends.brevitas import Frozen, freeze
from .frontends.brevitas.float32 import Float32Report, float32_report
from .frontends.brevitas.reference import input_integers
from .frontends.brevitas.trace import reference_trace
from .ir import IntArray
from .quantization import DataSet
from .quantization.phases import FLOAT, QUANTIZED, train_run
from .quantization.runs import Run
from .zoo import Recipe

CHIPS = ("systolic", "max78000", "gap9")
"""The targets that a model is compiled for, one of each family."""

Say = Callable[[str], None]


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
    chips: Mapping[str, api.ProjectReport]
    """By target: what ran on its simulator, against the graph."""
    refused: Mapping[str, tuple[Diagnostic, ...]]
    """By target: why it cannot run the model."""
    folder: Path

    @property
    def certificate(self) -> str:
        """"proved", or why not: of the model's file, and of its copies in the projects."""
        every = (self.frozen.certificate.verdict, self.model.certificate,
                 *(project.certificate for project in self.chips.values()))
        return next((c for c in every if c != "proved"), "proved")

    @property
    def differences(self) -> int:
        """Over all exact links. The float32 evaluation is no link: it is reported beside them."""
        return self.reference.differences + self.model.differences + sum(
            project.differences for project in self.chips.values())

    @property
    def compared(self) -> int:
        """Elements over all exact links."""
        return self.reference.compared + self.model.compared + sum(
            project.target.compared for project in self.chips.values())

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
            "chips": {name: project.to_json() for name, project in self.chips.items()},
            "refused": {name: [problem.to_json() for problem in why] for name, why in self.refused.items()},
        }


def run_chain(run: Run, folder: Path, *, recipe: Recipe | None = None, chips: Sequence[str] = CHIPS, samples: int = 2,
              root: Path | None = None, say: Say = lambda line: None) -> ChainReport:
    """Take a network from PyTorch to chips and compare every tensor on the way.

    The executors and the float64 reference see the whole test split, the simulated chips the first `samples` images.
    `folder` gets what `train_run` writes, `model.onnx`, `model.cert.json` and a project for each chip. `say` hears what
    happens. Raises what the steps raise; a difference is no error but a figure in the report, and neither is a chip
    that cannot run the model.
    """
    data = run.images(root)
    frozen, accuracy = _trained(run, data, recipe or Recipe(), folder, say)
    model, _ = frozen.save(folder / "model.onnx")
    say("executing the test split: oracle, ONNX Runtime, fast executor, float64 reference")
    inputs = input_integers(frozen, data.test_x)
    trace = Oracle(frozen.graph).run(inputs)
    accuracy["integer"] = float((trace[frozen.graph.outputs[0]].argmax(1) == data.test_y).mean())
    report = api.verify_model(model, inputs)
    reference = _compared(trace, reference_trace(frozen, data.test_x))
    float32 = float32_report(frozen, data.test_x)
    projects, refused = _on_chips(model, {name: x[:samples] for name, x in inputs.items()}, folder, chips, say)
    return ChainReport(run, accuracy, frozen, report, reference, float32, projects, refused, folder)


def _trained(run: Run, data: DataSet, recipe: Recipe, folder: Path, say: Say) -> tuple[Frozen, dict[str, float]]:
    """The frozen model and the accuracies of the float and the fake-quantized model it comes from."""
    say(f"training {run.model} on {data.name}: {recipe.float_epochs} epochs in float, "
        f"{recipe.folded_epochs + recipe.epochs} quantized ({run.preset})")
    phases = train_run(run, recipe, data, folder, progress=False)
    say("freezing and proving")
    frozen = freeze(phases[QUANTIZED].result.model.eval(), torch.from_numpy(data.test_x[:1]), name=Path(run.model).stem)
    return frozen, {"float": phases[FLOAT].test_accuracy, "quantized": phases[QUANTIZED].test_accuracy}


def _on_chips(model: Path, samples: Mapping[str, IntArray], folder: Path, chips: Sequence[str],
              say: Say) -> tuple[dict[str, api.ProjectReport], dict[str, tuple[Diagnostic, ...]]]:
    """What every chip's project gives when it is built and run, and why others cannot be made."""
    found: dict[str, api.ProjectReport] = {}
    refused: dict[str, tuple[Diagnostic, ...]] = {}
    for chip in chips:
        say(f"compiling for {chip}, running it (the first build takes a few seconds longer)")
        try:
            api.compile(model, chip, folder / chip, samples)
        except Unsupported as error:
            refused[chip] = error.diagnostics
        else:
            found[chip] = api.verify(folder / chip)
    return found, refused


def _compared(trace: Trace, reference: Trace) -> Reference:
    different = {name: int(np.count_nonzero(trace[name] != values)) for name, values in reference.items()}
    return Reference(sum(values.size for values in reference.values()), sum(different.values()),
                     next((name for name, count in different.items() if count), None))
