"""Data sets for training and checks: one table of names, one form for all of them.

A data set holds its images as the integers they were stored as, and how these become real numbers: x = (pixel -
offset) / divisor, with a power of two as divisor, so that the float32 value is exact and an 8-bit input quantizer gives
the pixel back. Splits are deterministic and need no random numbers. Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, Diagnostics, ToolMissing, declare, fail

declare({
    "BT2050": "there is no data set of this name",
    "BT2051": "the files of a data set are missing",
    "BT2052": "a file of a data set is corrupt",
    "BT2053": "no folder with data sets is named",
    "BT2054": "a package that a data set needs is missing",
    "BT2055": "the arrays of a data set do not belong together",
})

Pixels = NDArray[np.uint8]
"""(N, channels, height, width)."""
Labels = NDArray[np.int64]
"""(N,)"""
FloatImages = NDArray[np.float32]
"""(N, channels, height, width)."""

ENVIRONMENT = "BITTRUE_DATA"
"""The environment variable that names the folder with the data sets when no `root` is given."""


@dataclass(frozen=True)
class Normalization:
    """x = (pixel - offset) / divisor."""

    offset: int = 0
    divisor: int = 1

    def __call__(self, pixels: NDArray[np.generic]) -> FloatImages:
        """Pixels as float32; exact for 8-bit pixels and a power of two as divisor.

        >>> Normalization(128, 128)(np.array([0, 128, 255], np.uint8)).tolist()
        [-1.0, 0.0, 0.9921875]
        """
        return (np.asarray(pixels, np.float32) - np.float32(self.offset)) / np.float32(self.divisor)

    @property
    def signed(self) -> Normalization:
        """2 * x - 1 instead of x, for pixels that become 0..1: integers of the same bits, with a sign. Others stay.

        >>> Normalization(0, 256).signed, Normalization(128, 128).signed
        (Normalization(offset=128, divisor=128), Normalization(offset=128, divisor=128))
        """
        shifts = self.offset == 0 and self.divisor % 2 == 0
        return Normalization(self.divisor // 2, self.divisor // 2) if shifts else self

    @property
    def of_bytes(self) -> bool:
        """Whether pixels 0..255 stay below 1, so that they have 8 bits.

        >>> Normalization(0, 256).of_bytes, Normalization(128, 128).of_bytes, Normalization(0, 16).of_bytes
        (True, True, False)
        """
        return 255 - self.offset < self.divisor

    def __str__(self) -> str:
        return f"(pixel - {self.offset}) / {self.divisor}"


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images and labels of a training and a test split.

    `train_pixels` and `test_pixels` are (N, C, H, W), uint8 for the built-in sets (any numeric dtype works, e.g.
    float32 images with the default normalization); `train_y` and `test_y` are class numbers 0..classes-1. `train_x` and
    `test_x` are the normalized float32 images. Raises `BadInput` (BT2055) when the arrays do not belong together.
    """

    name: str
    train_pixels: NDArray[np.generic]
    train_y: Labels
    test_pixels: NDArray[np.generic]
    test_y: Labels
    classes: int
    description: str = ""
    normalization: Normalization = Normalization()

    def __post_init__(self) -> None:
        found = Diagnostics()
        for split, x, y in (("train", self.train_pixels, self.train_y), ("test", self.test_pixels, self.test_y)):
            if len(x) != len(y) or not len(x):
                found.add("BT2055", f"{self.name}, {split} split", f"{len(x)} images and {len(y)} labels",
                          "give one label per image, and at least one image")
            elif y.min() < 0 or y.max() >= self.classes:
                found.add("BT2055", f"{self.name}, {split} split", f"labels {y.min()}..{y.max()} for {self.classes} "
                          "classes", "number the classes from 0")
        if self.train_pixels.shape[1:] != self.test_pixels.shape[1:]:
            found.add("BT2055", self.name, f"training images are {self.train_pixels.shape[1:]}, test images "
                      f"{self.test_pixels.shape[1:]}", "give both the same shape")
        found.raise_as(BadInput)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: (channels, height, width)."""
        return self.train_pixels.shape[1:]

    @property
    def signed(self) -> DataSet:
        """The same images from -1 to 1 instead of from 0 to 1."""
        return replace(self, normalization=self.normalization.signed)

    @cached_property
    def train_x(self) -> FloatImages:
        """The training images, normalized: float32 (N, C, H, W)."""
        return self.normalization(self.train_pixels)

    @cached_property
    def test_x(self) -> FloatImages:
        """The test images, normalized: float32 (N, C, H, W)."""
        return self.normalization(self.test_pixels)

    def __str__(self) -> str:
        shape = "x".join(map(str, self.input_shape))
        return (f"{self.name}: {len(self.train_y)} training and {len(self.test_y)} test images {shape}, {self.classes} "
                f"classes, x = {self.normalization}. {self.description}")


Loader = Callable[["Path | None"], DataSet]


def load_data(name: str, root: str | Path | None = None) -> DataSet:
    """The data set `name`: `digits` (needs no files), `mnist` or `cifar10`.

    `root` is the folder that holds the data sets (default: the environment variable BITTRUE_DATA); files are looked for
    in it and in its subfolders of the set's usual names. Raises `BadInput` (BT2050..BT2053) naming every file that was
    looked for and where, or what is wrong with it; `ToolMissing` (BT2054).
    """
    if name not in LOADERS:
        fail(BadInput, "BT2050", f"data set {name!r}", "it does not exist",
             f"use one of {', '.join(LOADERS)}; --data also takes an existing folder that holds data sets")
    chosen = root if root is not None else os.environ.get(ENVIRONMENT)
    return LOADERS[name](Path(chosen) if chosen else None)


def _digits(root: Path | None) -> DataSet:
    """scikit-learn's 1,797 handwritten digits of 8x8 pixels 0..16, which come with the package."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        fail(ToolMissing, "BT2054", "data set 'digits'", "scikit-learn is not installed",
             "pip install 'bittrue[train]'")
    images, labels = load_digits(return_X_y=True)
    pixels = images.reshape(-1, 1, 8, 8).astype(np.uint8)
    return split(pixels, labels.astype(np.int64), name="digits", classes=10, normalization=Normalization(0, 16),
                 description="scikit-learn's handwritten digits; every fifth image of each class is for testing.")


def split(pixels: NDArray[np.generic], labels: Labels, *, name: str, classes: int, normalization: Normalization,
          description: str, every: int = 5) -> DataSet:
    """A data set of which every `every`-th image of each class is for testing, the others for training."""
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    test = rank % every == every - 1
    return DataSet(name, pixels[~test], labels[~test], pixels[test], labels[test], classes, description, normalization)


def data_root(name: str, root: Path | None) -> Path:
    """The folder to look in. Raises `BadInput` (BT2053) when none is named."""
    if root is None:
        fail(BadInput, "BT2053", f"data set {name!r}", "no folder with data sets is named",
             f"give one with --data (load_data: root), or in the environment variable {ENVIRONMENT}")
    return root


def find_files(name: str, root: Path, folders: tuple[str, ...], wanted: tuple[tuple[str, ...], ...],
               fix: str) -> list[Path]:
    """The first existing file of each group of alternatives in `wanted`, in the first of `folders` that has them all.

    Raises `BadInput` (BT2051) that lists what was looked for and where, when no folder has them all.
    """
    places = [root / folder for folder in folders]
    found = ([next((place / n for n in names if (place / n).is_file()), place) for names in wanted] for place in places)
    files = next((f for f, place in zip(found, places, strict=True) if place not in f), None)
    if files is None:
        listed = ", ".join(" or ".join(names) for names in wanted)
        fail(BadInput, "BT2051", f"data set {name!r}", f"there are not all of {listed} in any of "
             f"{', '.join(map(str, places))}", fix)
    return files


File = TypeVar("File")


def read_all(files: list[Path], read: Callable[[Path], File]) -> list[File]:
    """What `read` makes of each file. Raises `BadInput` with the problems of all files."""
    found = Diagnostics()
    results = [_attempt(file, read, found) for file in files]
    found.raise_as(BadInput)
    return [result for result in results if result is not None]


def _attempt(file: Path, read: Callable[[Path], File], found: Diagnostics) -> File | None:
    try:
        return read(file)
    except BadInput as error:
        found.extend(error)
        return None


def _mnist(root: Path | None) -> DataSet:
    from .data_mnist import load

    return load(data_root("mnist", root))


def _cifar10(root: Path | None) -> DataSet:
    from .data_cifar import load

    return load(data_root("cifar10", root))


LOADERS: dict[str, Loader] = {"digits": _digits, "mnist": _mnist, "cifar10": _cifar10}
"""The built-in data sets."""

SHAPES: dict[str, tuple[int, int, int]] = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
"""The shape of their images, (C, H, W), known before any file is read."""

CLASSES: dict[str, int] = dict.fromkeys(SHAPES, 10)
"""How many classes they have."""
