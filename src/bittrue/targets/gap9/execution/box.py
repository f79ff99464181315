"""A compiled project and the cluster that runs it, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ....ir import IntArray
from ..emit import Layout, layout_of
from ..plan import Gap9Plan
from ..program import Area
from ..simulate import Cluster, ClusterResult
from ..simulate import Program as Executable
from .captured import Places, layer_values, values_of
from .guards import guard_step
from .projects import build_project, load_project

START, PATIENCE = 50_000_000, 20
"""Cycles that a program may take before its network, and times the planner's cycles that this may take."""

PLAIN = ("BT_CHECK=0",)
"""How a program is compiled whose cycles count."""
STRICT = ("BT_CHECK=1", "BT_STRICT=1")
"""How a program is compiled that checks itself, and whose accesses to L1 are watched."""


@dataclass(frozen=True, eq=False)
class SampleRun:
    """One run of a program from its start."""

    result: ClusterResult
    layers: Mapping[str, IntArray]
    """What the tiles of every layer stored, by tensor, (height, width, channels)."""
    outputs: Mapping[str, IntArray]
    """What L2 holds in the end, by output tensor; nothing of a program that did not end by itself."""

    @property
    def ended(self) -> bool:
        """Whether the program ended as it should."""
        return self.result.exit_code == 0 and not self.result.traps


@dataclass(frozen=True, eq=False)
class Box:
    """A compiled project."""

    plan: Gap9Plan
    project: Path
    executable: Executable
    """Read once for all the clusters that run it."""
    layout: Layout

    def run(self, sample: Mapping[str, bytes] | None = None, guarded: bool = False) -> SampleRun:
        """Run the program on its own sample, or on these bytes of the inputs by tensor.

        `guarded` (for a program that is compiled with STRICT): an access of a core to L1 beside the buffers of its step
        is a trap. Raises `BadInput` (BT5560, BT5575) and `Difference` (BT5571, BT5577) for a program that is not the
        plan's.
        """
        program, network = self.plan.program, self.plan.network
        room = sum(transfer.size for step in program.steps for transfer in step.stores)
        cluster = load_project(self.project, self.executable, self.layout, sample, capture=room)
        places = Places.of(cluster, program)
        names = dict(enumerate(layer.name for layer in network.layers))
        watch = partial(guard_step, cluster, program, places.near) if guarded else None
        result = cluster.run(START + PATIENCE * self.plan.total_cycles, names, watch)
        outputs = {} if result.traps else dict(self._outputs(cluster, places.areas[Area.ARENA]))
        return SampleRun(result, layer_values(program, places, cluster.captured()), outputs)

    def _outputs(self, cluster: Cluster, arena: int) -> Iterator[tuple[str, IntArray]]:
        for name in self.plan.network.outputs:
            root, _ = self.plan.network.root(name)
            memory = cluster.read_memory(arena + self.plan.program.places[root.name], root.bytes)
            yield name, values_of(self.plan.network, name, np.frombuffer(memory, np.uint8))


@contextmanager
def compiled(project: Path, plan: Gap9Plan, defines: Sequence[str] = PLAIN, compiler: str = "zig") -> Iterator[Box]:
    """Compile a project; the program is there as long as the context.

    Raises `BadInput` for C that does not compile or gives no program (BT5500), `ToolMissing` without a compiler.
    """
    with TemporaryDirectory(prefix="bittrue-") as work:
        built = build_project(project, Path(work), compiler, defines)
        yield Box(plan, project, Executable.load(built.elf), layout_of(plan.program))
