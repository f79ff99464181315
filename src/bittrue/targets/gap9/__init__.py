"""Target `gap9`: a C project on the PMSIS API, tiled and double-buffered, run on our own simulator of the cluster."""

from .target import GAP9

__all__ = ["GAP9"]
