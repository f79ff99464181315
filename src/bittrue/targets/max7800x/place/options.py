"""What a user may decide about a placement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlaceOptions:
    """Free choices that the user takes away from the placer, and how long it searches."""

    chw: bool | None = None
    """The input channel by channel (True), four channels to a word (False), or what fits (None)."""
    streaming: bool = True
    """Whether the input may enter through FIFOs while the first layers run, when it does not fit otherwise."""
    overlap: bool = True
    """Whether an output may take the place of input that has been read, when both do not fit otherwise."""
    effort: float = 4.0
    """Deterministic time of a search step, one for several seconds; more can find better placements of big networks."""
