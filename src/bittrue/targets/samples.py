"""Whole data sets on a target's simulator: some samples at a time, on several cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import ToolMissing, fail
from .base import Progress

S = TypeVar("S")
R = TypeVar("R")

CHUNK = 8
"""Samples that a simulator takes at a time."""


def run_all(run: Callable[[int, S], R], samples: Sequence[S], jobs: int, progress: Progress | None,
            code: str) -> list[R]:
    """What `run` gives for every sample (its number, and what there is to run), in order, by `jobs` processes.

    Raises what `run` raises, `ToolMissing` (`code`) without joblib.
    """
    try:
        from joblib import Parallel, delayed
    except ModuleNotFoundError:
        fail(ToolMissing, code, "joblib", "it is not installed", "pip install 'bittrue[sim]'")
    tasks = (delayed(_chunk)(run, begin, samples[begin:begin + CHUNK]) for begin in range(0, len(samples), CHUNK))
    found: list[R] = []
    for part in Parallel(n_jobs=jobs, return_as="generator")(tasks):
        found += part
        if progress is not None:
            progress(len(part))
    return found


def _chunk(run: Callable[[int, S], R], begin: int, samples: Sequence[S]) -> list[R]:
    return [run(begin + number, sample) for number, sample in enumerate(samples)]
