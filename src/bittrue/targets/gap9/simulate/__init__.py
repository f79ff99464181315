"""The cluster simulator: executes RISC-V programs with the cycles of the cluster."""

from .cluster import Captured, Cluster
from .memories import GAP9, Memories
from .program import Program, Segment
from .results import ClusterResult, CoreCounters, Region
from .timeline import Entry, write_trace

__all__ = ["GAP9", "Captured", "Cluster", "ClusterResult", "CoreCounters", "Entry", "Memories", "Program", "Region",
           "Segment", "write_trace"]
