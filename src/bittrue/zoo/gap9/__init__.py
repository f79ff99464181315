"""Networks for GAP9: those of a published int8 regression, and MLPerf Tiny's.

`NETWORKS` describes them and needs no PyTorch, nor does `random_graph`; `Model` and `frozen` (modules `model` and
`frozen`) do.
"""

from __future__ import annotations

from .random_graph import random_graph, small_graph
from .table import BASELINE, NETWORKS, Network
from .topology import Kind, Step, Topology

__all__ = ["BASELINE", "NETWORKS", "Kind", "Network", "Step", "Topology", "random_graph", "small_graph"]
