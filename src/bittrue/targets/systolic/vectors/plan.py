"""The user's choice of vectors, and the plan that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil

from ....errors import BadInput, Diagnostics, declare
from ....ir import Graph
from .layout import VectorPlan, require_unique
from .shape import LayerShape, layer_shape, vector_layers
from .template import Template, built_in

declare({
    "BT5132": "a layer, sample or tile of the vectors is not there",
    "BT5133": "the size of the array is out of range",
})

MOST_LANES = 256


@dataclass(frozen=True)
class Choice:
    """What a user may choose. Empty tuples mean all."""

    template: Template = field(default_factory=lambda: built_in("bittrue"))
    rows: int = 8
    cols: int = 8
    layers: tuple[str, ...] = ()
    images: tuple[int, ...] = ()
    itiles: tuple[int, ...] = ()
    otiles: tuple[int, ...] = ()


def plan_vectors(graph: Graph, samples: int, choice: Choice | None = None) -> VectorPlan:
    """The plan for a graph and a number of samples.

    Raises `BadInput` (BT5132, BT5133) for a choice that is not there, BT5134 for files of one name.
    """
    choice = choice or Choice()
    found = Diagnostics()
    _check_array(choice, found)
    layers = {layer.name: layer for layer in vector_layers(graph)}
    _check_layers(choice, tuple(layers), found)
    _check_numbers("sample", choice.images, samples, "--image", found)
    found.raise_as(BadInput)
    chosen = [layer for name, layer in layers.items() if not choice.layers or name in choice.layers]
    shapes = [layer_shape(graph, layer, choice.rows, choice.cols) for layer in chosen]
    _check_tiles(choice, shapes, found)
    found.raise_as(BadInput)
    images = tuple(sorted(set(choice.images))) or tuple(range(samples))
    plan = VectorPlan(choice.template, choice.rows, choice.cols, images,
                      tuple(_with_chosen_tiles(shape, choice) for shape in shapes))
    require_unique(plan.files)
    return plan


def _check_array(choice: Choice, found: Diagnostics) -> None:
    for name, count in (("rows", choice.rows), ("cols", choice.cols)):
        if not 1 <= count <= MOST_LANES:
            found.add("BT5133", f"--{name} {count}", f"an array has 1 to {MOST_LANES} {name}", "choose another number")


def _check_layers(choice: Choice, names: tuple[str, ...], found: Diagnostics) -> None:
    if not names:
        found.add("BT5132", "model", "it has no convolution and no linear layer", "use a model that has one")
    for name in choice.layers:
        if names and name not in names:
            found.add("BT5132", f"--layer {name}", "there is no such convolution or linear layer",
                      f"use one of {', '.join(names)}")


def _check_tiles(choice: Choice, shapes: list[LayerShape], found: Diagnostics) -> None:
    counts = [max(ceil(shape.channels[side] / lanes) for shape in shapes)
              for side, lanes in ((0, choice.rows), (1, choice.cols))]
    _check_numbers("input-channel tile", choice.itiles, counts[0], "--itile", found)
    _check_numbers("output-channel tile", choice.otiles, counts[1], "--otile", found)


def _check_numbers(what: str, numbers: tuple[int, ...], count: int, option: str, found: Diagnostics) -> None:
    for number in numbers:
        if not 0 <= number < count:
            found.add("BT5132", f"{option} {number}", f"there is no such {what}; there are {count}",
                      f"use {option} 0 to {count - 1}")


def _with_chosen_tiles(shape: LayerShape, choice: Choice) -> LayerShape:
    return replace(shape, tiles=tuple((oc, ic) for oc, ic in shape.tiles
                                      if oc in (choice.otiles or (oc,)) and ic in (choice.itiles or (ic,))))
