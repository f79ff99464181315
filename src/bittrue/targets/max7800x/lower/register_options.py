"""The choices that change register writes, named as the existing network loader names its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ....errors import BadInput, Diagnostics, declare
from ..device import ADDRESSES, Device
from ..hardware import hardware_layers
from ..placement import Fifo, groups_used
from ..plan import Max7800xPlan

declare({
    "BT5400": "a register option that the chip does not have",
    "BT5401": "a register option that has no effect",
    "BT5402": "a register option with a value that does not exist",
})

WAIT_STATES = range(4)


@dataclass(frozen=True)
class RegisterOptions:
    """How a program sets the chip up. Average pooling that rounds, simple one-bit weights and binary weights belong to
    the network; FIFOs belong to the placement."""

    write_zero_registers: bool = False
    """Write layer registers whose value is 0 as well."""
    zero_unused: bool = False
    """Write 0 to the registers of all layers that the network does not have."""
    zero_sram: bool = False
    """Test all memories, which leaves them empty."""
    init_tram: bool = False
    """Write 0 to the TRAM of all groups in use."""
    ready_sel: int = 0
    """Wait states of the groups, 0 to 3."""
    ready_sel_fifo: int = 0
    """Wait states of the FIFOs."""
    ready_sel_aon: int = 0
    """Wait states of the always-on domain."""
    mexpress: bool = True
    """Kernels are written as packed words."""
    pipeline: bool | None = None
    """Whether the pipeline is on; None for every chip that has one."""
    one_shot: bool = False
    """Stop after every layer."""
    fifo_go: bool = False
    """The first word in the FIFO starts the network."""
    ext_rdy: bool = False
    """Wait for an external ready signal."""
    link_layer: bool = False
    """Link every layer to the next one, even where counting on does the same."""
    powerdown: bool = False
    """Switch off the kernel memories of groups that are not in use."""

    def pipelined(self, device: Device) -> bool:
        """Whether the pipeline is on."""
        return device.pipeline if self.pipeline is None else self.pipeline

    def check(self, plan: Max7800xPlan) -> None:
        """Raises `BadInput` with every option that the chip does not have (BT5400), that changes nothing for this
        network (BT5401), or that has a wrong value (BT5402)."""
        found = Diagnostics()
        for name, value in self._wrong_wait_states():
            found.add("BT5402", f"option {name}", f"there are 0 to {WAIT_STATES[-1]} wait states, not {value}",
                      f"give a number from 0 to {WAIT_STATES[-1]}")
        for name in self._missing(plan.device):
            found.add("BT5400", f"option {name}", f"{plan.device.part} does not have it", "leave the option out")
        for name, why in self._idle(plan):
            found.add("BT5401", f"option {name}", why, "leave the option out")
        found.raise_as(BadInput)

    def _wrong_wait_states(self) -> Iterator[tuple[str, int]]:
        for name in ("ready_sel", "ready_sel_fifo", "ready_sel_aon"):
            if getattr(self, name) not in WAIT_STATES:
                yield name, getattr(self, name)

    def _missing(self, device: Device) -> Iterator[str]:
        for name, has in FEATURES.items():
            if getattr(self, name) and not has(device):
                yield name

    def _idle(self, plan: Max7800xPlan) -> Iterator[tuple[str, str]]:
        for name, (unused, why) in IDLE.items():
            if getattr(self, name) and unused(plan):
                yield name, why
        if self.pipeline is False and not plan.device.pipeline:
            yield "pipeline", f"{plan.device.part} has no pipeline"


FEATURES: dict[str, Callable[[Device], bool]] = {
    "pipeline": lambda device: device.pipeline,
    "one_shot": lambda device: device.one_shot,
    "fifo_go": lambda device: device.fifo_go,
    "ext_rdy": lambda device: "ext_rdy" in ADDRESSES[device.name].registers["CTL"].by_name,
    "link_layer": lambda device: device.link_layer,
}
"""Option -> whether a chip has it."""

IDLE: dict[str, tuple[Callable[[Max7800xPlan], bool], str]] = {
    "ready_sel_fifo": (lambda plan: plan.placement.fifo is not Fifo.STANDARD,
                       "the input does not come through the standard FIFO"),
    "fifo_go": (lambda plan: plan.device.fifo_go and plan.placement.fifo is Fifo.NONE,
                "the input does not come through a FIFO"),
    "powerdown": (lambda plan: len(groups_used(plan.network, plan.placement)) == plan.device.groups,
                  "all groups are in use"),
    "zero_unused": (lambda plan: hardware_layers(plan.maps.layers) >= plan.device.layers,
                    "the network uses all layers"),
}
"""Option -> when it changes nothing, and why."""
