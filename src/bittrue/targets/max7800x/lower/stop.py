"""The part of a plan up to a layer, for running a network in part (`--stop-after`)."""

from __future__ import annotations

from dataclasses import replace

from ....errors import BadInput, Unsupported, declare, fail
from ..memory.order import number
from ..plan import Max7800xPlan
from ..rules import problems

declare({"BT5404": "a layer to stop after that does not exist, or is the last one"})


def stop_after(plan: Max7800xPlan, layer: int) -> Max7800xPlan:
    """The plan of the layers up to the one with this number, whose result becomes the only output.

    Memories are laid out anew: what later layers would have taken is free. Raises `BadInput` (BT5404), and
    `Unsupported` when the shorter network breaks a rule (its last layer may stream without padding).
    """
    numbers = [number(plan.network, index) for index in range(len(plan.network.layers))]
    if layer not in numbers[:-1]:
        fail(BadInput, "BT5404", f"stop after layer {layer}", f"the layers before the last one are "
             f"{', '.join(map(str, numbers[:-1])) or 'none'}", "give the number of one of them")
    count = numbers.index(layer) + 1
    network = replace(plan.network, layers=plan.network.layers[:count], outputs=(count - 1,))
    placement = replace(plan.placement, layers=plan.placement.layers[:count])
    found = problems(network, placement, plan.device)
    if found:
        raise Unsupported(*found)
    return Max7800xPlan.of(plan.device, network, placement, plan.options)
