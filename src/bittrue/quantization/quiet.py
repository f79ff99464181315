"""Silences third-party warnings that say nothing to a user of bittrue: each by its text, never all of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

KNOWN = (
    "Checkpoint directory .* exists and is not empty",  # Lightning, when a run is resumed or repeated
    "brevitas.fx is deprecated",  # Brevitas, about its own import of it
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # PyTorch, about Lightning
    "Detected pickle protocol",  # PyTorch, about a file that it then refuses to load anyway
    "Be aware that when using `ckpt_path`, callbacks",  # Lightning, when a resumed run saves no checkpoints of its own
    "The 'train_dataloader' does not have many workers",  # Lightning; the images are in memory
    "fast_hadamard_transform package not found",  # Brevitas: an optional GPU kernel that nothing here uses
)
"""Beginnings (regular expressions) of the messages."""


@contextmanager
def quiet() -> Iterator[None]:
    """Within this context the `KNOWN` warnings of third-party packages are not shown (and are no errors in tests)."""
    with warnings.catch_warnings():
        for message in KNOWN:
            warnings.filterwarnings("ignore", message=message)
        yield
