"""Targets `max78000` and `max78002`: microcontrollers with a 64-processor convolution accelerator.

The way of the data: `legalize` makes hardware layers of a graph (`network`), `place` decides where they run
(`placement`), `memory`, `rules`, `cycles` and `latency` say what that takes; `lower` makes bus writes and memory images
of it (`program`), `emit` a C project. `simulate` compiles that project and runs it on an emulated `chip`, whose
accesses to the accelerator are answered by `accelerator`, which knows nothing of networks; results are held against
the oracle. `ai8x` reads and writes the vendor's format; `to_graph` gives the integer graph of hardware layers.

Target and chips are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .target import MAX78000, MAX78002, Max7800x

__all__ = ["MAX78000", "MAX78002", "Max7800x"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import target

    return getattr(target, name)
