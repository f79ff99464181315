"""Samples that several processes share."""

from __future__ import annotations

import sys

import pytest

from bittrue.errors import Difference, ToolMissing, fail
from bittrue.targets.samples import CHUNK, run_all


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("count", [1, CHUNK, 2 * CHUNK + 1])
def test_results_are_in_order_and_progress_is_complete(count: int, jobs: int) -> None:
    done: list[int] = []
    samples = [f"sample {number}" for number in range(count)]
    assert run_all(lambda number, sample: (number, sample), samples, jobs, done.append, "BT5570") == \
        list(enumerate(samples))
    assert sum(done) == count
    assert max(done) <= CHUNK


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sample_that_fails_is_an_error(jobs: int) -> None:
    def run(number: int, sample: int) -> int:
        if sample == 109:
            fail(Difference, "BT5574", f"sample {number}", "it fails", "mend it")
        return sample

    with pytest.raises(Difference, match="BT5574 sample 9"):
        run_all(run, range(100, 120), jobs, None, "BT5570")


def test_a_missing_package_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ToolMissing, match="BT5460 joblib"):
        run_all(lambda number, sample: sample, [1], 1, None, "BT5460")
