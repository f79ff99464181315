"""How well a frozen classifier classifies: its integers, run by an executor, against labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine.fast import FastExecutor
from .errors import BadInput, declare, fail
from .ir import Graph, IntArray
from .quantization.data import Labels

declare({"BT5360": "a model is no classifier for the data set"})


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a classifier said: `scores` (N, classes), the integers of its output, and the true `labels` (N,).

    `steps`, (classes,), are the scales of the scores where these differ between classes, else ones.
    """

    scores: IntArray
    labels: Labels
    steps: NDArray[np.float64]

    @cached_property
    def predicted(self) -> Labels:
        """The class with the largest score (the first of several), (N,)."""
        classes: Labels = (self.scores * self.steps).argmax(1)
        return classes

    @property
    def correct(self) -> int:
        """How many samples are classified rightly."""
        return int((self.predicted == self.labels).sum())

    @property
    def top1(self) -> float:
        """The fraction of them."""
        return self.correct / len(self.labels)

    @cached_property
    def confusion(self) -> IntArray:
        """How often class i (row) was taken for class j (column), (classes, classes)."""
        counts = np.zeros((self.scores.shape[1],) * 2, np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts

    @property
    def recalls(self) -> list[float | None]:
        """For every class the fraction of its samples that is found; None without samples."""
        rows = self.confusion.sum(1)
        return [float(self.confusion[i, i] / n) if n else None for i, n in enumerate(rows)]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {"samples": len(self.labels), "correct": self.correct, "top1": self.top1,
                "confusion": self.confusion.tolist(), "recalls": self.recalls}


def evaluate(graph: Graph, inputs: Mapping[str, IntArray], labels: Labels, classes: int) -> Evaluation:
    """Run a frozen classifier on integer inputs (N, ...) with the fast executor.

    Raises `BadInput` as `classified` does, and for inputs that do not fit (BT4001..BT4003).
    """
    _require_scores(graph, classes)
    return classified(graph, FastExecutor(graph, keep="outputs").predict(inputs), labels, classes)


def classified(graph: Graph, outputs: Mapping[str, IntArray], labels: Labels, classes: int) -> Evaluation:
    """What outputs (N, ...) of a classifier say, whoever computed them.

    Raises `BadInput` (BT5360) for a graph whose first output is not one score per class.
    """
    _require_scores(graph, classes)
    output = graph.outputs[0]
    scale = graph.node[output].scale
    steps = np.ones(classes) if scale is None or len(scale.values) != classes else np.asarray(scale.values)
    return Evaluation(outputs[output].reshape(-1, classes), labels, steps)


def _require_scores(graph: Graph, classes: int) -> None:
    shape = graph.types[graph.outputs[0]].shape
    if int(np.prod(shape)) != classes:
        fail(BadInput, "BT5360", f"output {graph.outputs[0]}", f"its shape is {shape}, and the data set has {classes} "
             "classes", "evaluate it on the set it was trained for")
