"""Where a command's input tensors come from: a data set, a NumPy file, or a seeded random generator."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ..engine.base import Trace, checked_inputs
from ..engine.rim import to_integers
from ..errors import BadInput, Diagnostics, declare, fail
from ..ir import Graph
from ..max7800x.images import Ai8xNormalization
from ..quantization.data import LOADERS, SHAPES, DataSet, Labels, load_data

declare({
    "BT6003": "an input file cannot be read",
    "BT6013": "two models to compare have different tensors",
    "BT6004": "the data set does not fit the model's input",
    "BT6008": "the given samples cannot be used",
})

MOST_SAMPLES = 10**9
"""More than any data set has."""

File = Annotated[Path | None, typer.Option("--input", "-i", help="`.npy` (one input) or `.npz` (by input name), with a "
                                           "batch axis: integers as they are, floats by the input's scale.")]
Data = Annotated[str | None, typer.Option(help="Take the test images of a data set: digits, mnist, cifar10; or a "
                                          "folder with data sets, for the one whose images the model takes.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with the data sets.")]
Count = Annotated[int | None, typer.Option("--count", "-n", min=1, max=MOST_SAMPLES,
                                                   help="Only the first N samples.")]

RANDOM_SAMPLES = 4


def data_source(data: str | None, root: Path | None) -> tuple[str | None, Path | None]:
    """The name of the data set and the folder with the sets. `--data` gives either of them: without a name (None) the
    set is the model's own. A folder that has a data set's name is written `./digits`.

    Raises `BadInput` (BT6002) when two folders are named.
    """
    if data is None or data in LOADERS or not Path(data).is_dir():
        return data, root
    if root is not None:
        fail(BadInput, "BT6002", "--data and --data-dir", "both name a folder", "give one of them")
    return None, Path(data)


def model_inputs(graph: Graph, file: Path | None, data: str | None, root: Path | None, count: int | None) -> Trace:
    """The graph's inputs as integers, at most `count` samples: from `file`, else from `data`, else random (seed 0).

    Raises `BadInput` for a file or data set that is absent, unreadable, empty or does not fit (BT6002..BT6004, BT6008,
    BT4001..4004).
    """
    if file is not None and data is not None:
        fail(BadInput, "BT6002", "--input and --data", "both say where the samples come from", "give one of them")
    if file is not None:
        return _checked(graph, _arrays(graph, file), count)
    if data is not None:
        name, folder = data_source(data, root)
        return _checked(graph, _images(graph, name or _own_set(graph), folder), count)
    rng = np.random.default_rng(0)
    types = {node.name: graph.types[node.name] for node in graph.inputs}
    return {name: rng.integers(t.elem.min, t.elem.max + 1, (count or RANDOM_SAMPLES, *t.shape))
            for name, t in types.items()}


def _checked(graph: Graph, arrays: Mapping[str, NDArray[Any]], count: int | None) -> Trace:
    """At most `count` samples as integers of the inputs' types; at least one."""
    _require_usable(arrays)
    inputs = checked_inputs(graph, _integers(graph, arrays, count))
    if not len(next(iter(inputs.values()))):
        fail(BadInput, "BT6008", ", ".join(inputs), "there is no sample, so nothing would be compared",
             "give at least one")
    return inputs


def _require_usable(arrays: Mapping[str, NDArray[Any]]) -> None:
    found = Diagnostics()
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            found.add("BT6008", f"input {name}", "it holds NaN or infinite values", "give finite numbers")
    found.raise_as(BadInput)


def _integers(graph: Graph, arrays: Mapping[str, NDArray[Any]], count: int | None) -> Trace:
    cut = {name: array[:count] for name, array in arrays.items()}
    shapes = {node.name: graph.types[node.name].shape for node in graph.inputs}
    floats = {name: array for name, array in cut.items()
              if array.dtype.kind == "f" and array.shape[1:] == shapes.get(name)}
    return {name: array for name, array in cut.items() if name not in floats} | to_integers(graph, floats)


def _own_set(graph: Graph) -> str:
    """The one data set whose images the model takes, by their shape. Raises `BadInput` (BT6004)."""
    shapes = [graph.types[node.name].shape for node in graph.inputs]
    names = [name for name, shape in SHAPES.items() if [shape] == shapes]
    if len(names) != 1:
        fail(BadInput, "BT6004", "--data", f"it names a folder, and {', '.join(names) or 'no data set'} has images of "
             f"the model's inputs {', '.join(map(str, shapes))}",
             "name the set (--data NAME --data-dir FOLDER), or give the samples with --input")
    return names[0]


def _images(graph: Graph, data: str, root: Path | None) -> dict[str, NDArray[Any]]:
    return {graph.inputs[0].name: _fitting(graph, data, root, "auto").test_x}


def _fitting(graph: Graph, data: str, root: Path | None, pixels: str) -> DataSet:
    """The data set, with its pixels as the model takes them. Raises `BadInput` (BT6002, BT6004)."""
    if pixels not in PIXELS:
        fail(BadInput, "BT6002", f"--pixels {pixels}", "there is no such way", f"use one of {', '.join(PIXELS)}")
    images, node = load_data(data, root), graph.inputs[0]
    if len(graph.inputs) > 1 or graph.types[node.name].shape != images.input_shape:
        fail(BadInput, "BT6004", f"data set {data}", f"its images are {images.input_shape}, the model's inputs "
             f"{', '.join(str(graph.types[n.name]) for n in graph.inputs)}", "choose the set it was trained on")
    return PIXELS[pixels](images, graph)


def _auto(images: DataSet, graph: Graph) -> DataSet:
    """Signed pixels for a model whose input is all of -1..1, else those of the set."""
    node = graph.inputs[0]
    elem = graph.types[node.name].elem
    whole = elem.signed and node.scale is not None and node.scale.values == (1 / (1 << (elem.bits - 1)),)
    return images.signed if whole else images


def _ai8x(images: DataSet, graph: Graph) -> DataSet:
    """As ai8x-training's loaders make them, which take pixels 0..255 alone. Raises `BadInput` (BT6002)."""
    if not images.normalization.of_bytes:
        fail(BadInput, "BT6002", "--pixels ai8x", f"ai8x's loaders divide pixels of 8 bits by 255, and in "
             f"{images.name} x = {images.normalization}", "use --pixels signed, which gives -1 to 1 for any set")
    return replace(images, normalization=Ai8xNormalization())


PIXELS: dict[str, Callable[[DataSet, Graph], DataSet]] = {
    "auto": _auto, "own": lambda images, graph: images, "signed": lambda images, graph: images.signed,
    "ai8x": _ai8x,
}
"""How pixels become the model's input, by name."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images of a data set as integers of a model's input, with their labels."""

    inputs: Trace
    labels: Labels
    classes: int
    description: str


class Split(str, Enum):
    """Which images of a data set."""

    TEST = "test"
    TRAIN = "train"
    ALL = "all"


def labelled_inputs(graph: Graph, data: str, root: Path | None, count: int | None, pixels: str,
                    split: Split = Split.TEST) -> Labelled:
    """At most `count` images with their labels; `ALL`: training images, then test images. Raises `BadInput` as
    `model_inputs` does."""
    name, folder = data_source(data, root)
    images = _fitting(graph, name or _own_set(graph), folder, pixels)
    parts = {Split.TEST: ("test",), Split.TRAIN: ("train",), Split.ALL: ("train", "test")}[split]
    x, y = (np.concatenate([getattr(images, f"{part}_{kind}") for part in parts]) for kind in "xy")
    inputs = _checked(graph, {graph.inputs[0].name: x}, count)
    return Labelled(inputs, y[:count], images.classes, f"{split.value} images of {images}")


def _arrays(graph: Graph, file: Path) -> dict[str, NDArray[Any]]:
    try:
        content = np.load(file, allow_pickle=False)
        arrays = dict(content) if isinstance(content, np.lib.npyio.NpzFile) else {graph.inputs[0].name: content}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        fail(BadInput, "BT6003", str(file), str(error), "write it with numpy.save or numpy.savez, without objects")
    if any(array.ndim == 0 for array in arrays.values()):
        fail(BadInput, "BT6003", str(file), "it holds a single number", "give arrays (batch, *shape)")
    return arrays
