"""Shared test configuration."""

from __future__ import annotations

import os

import pytest

# Before PyTorch is imported: the tests run in parallel, and its threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Checks on data sets outside of the project run only where BITTRUE_DATA names their folder, and say so."""
    if os.environ.get("BITTRUE_DATA"):
        return
    absent = pytest.mark.skip(reason="set BITTRUE_DATA to a folder with mnist/ and cifar10-jpeg/ to run this check")
    for item in items:
        if "data" in item.keywords:
            item.add_marker(absent)
