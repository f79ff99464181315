"""The fast executor: the same integers as the oracle, by C kernels that are compiled at first use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import Literal

import numpy as np

from ..errors import ToolMissing, declare, fail
from ..ir import Graph, IntArray
from .base import Trace, checked_inputs
from .compile import CompileError
from .native import BACKENDS, Backend, Kernels, kernels
from .plan import Plan

class FastExecutor:
    name="fast"
    def __init__(self, graph, threads=None, keep="all", backend=None):
        self.graph=graph; self.threads=threads or os.cpu_count() or 1
        self.kernels=kernels(BACKENDS[0] if backend is None else next(b for b in BACKENDS if b.name==backend))
        self.lock=Lock()
        self.fused=Plan(graph,self.kernels,graph.outputs,True,self.threads)
    @cached_property
    def all(self): return Plan(self.graph,self.kernels,tuple(n.name for n in self.graph.nodes),False,self.threads)
    def predict(self, inputs):
        batch=next(iter(inputs.values())).shape[0]
        with self.lock: return self.fused.run(inputs,batch)
    def run(self, inputs):
        inputs=checked_inputs(self.graph, inputs); batch=next(iter(inputs.values())).shape[0]
        return self.all.run(inputs,batch)
