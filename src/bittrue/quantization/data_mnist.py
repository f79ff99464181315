"""MNIST from its IDX files, as published or unpacked."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from ..errors import BadInput, fail
from .data import DataSet, Labels, Normalization, Pixels, find_files, read_all, split

FOLDERS = ("", "mnist", "MNIST/raw", "MNIST")
UNSIGNED_BYTE = 0x08
"""IDX's code of the element type uint8, third byte of the file; the fourth byte is the number of axes."""
LARGEST = 1 << 28
"""No IDX file of this kind holds more bytes; a header that says so is corrupt."""


def load(root: Path) -> DataSet:
    """MNIST under `root`. Where only the test split's files are there, its images are split into training and test, and
    the description says so. Raises `BadInput` (BT2051, BT2052)."""
    try:
        train = _files(root, "train")
    except BadInput:
        return _only_test(root)
    (train_x, train_y), (test_x, test_y) = _read(train), _read(_files(root, "t10k"))
    return DataSet("mnist", train_x, train_y, test_x, test_y, 10, "MNIST, its own training and test split.",
                   Normalization(0, 256))


def _only_test(root: Path) -> DataSet:
    pixels, labels = _read(_files(root, "t10k"))
    return split(pixels, labels, name="mnist", classes=10, normalization=Normalization(0, 256), description=(
        f"Only MNIST's test split ({len(labels)} images) is there: every fifth image of each class is for testing, the "
        "others for training, so accuracies do not compare with those of the full set."))


def _files(root: Path, part: str) -> list[Path]:
    wanted = tuple((f"{part}-{kind}-ubyte.gz", f"{part}-{kind}-ubyte", f"{part}-{kind.replace('-idx', '.idx')}-ubyte")
                   for kind in ("images-idx3", "labels-idx1"))
    return find_files("mnist", root, FOLDERS, wanted, "put MNIST's IDX files there (the t10k files alone are enough)")


def _read(files: list[Path]) -> tuple[Pixels, Labels]:
    """Images (N, 1, H, W) and labels (N,), both files checked before either problem is raised."""
    axes = dict(zip(files, (3, 1), strict=True))
    images, labels = read_all(files, lambda file: read_idx(file, axes[file]))
    if images.shape[0] != labels.shape[0]:
        fail(BadInput, "BT2052", str(files[1]), f"it holds {len(labels)} labels for {len(images)} images", "fetch both "
             "files again")
    return images[:, np.newaxis], labels.astype(np.int64)


def read_idx(path: Path, axes: int) -> Pixels:
    """A uint8 array with `axes` axes from an IDX file, gzip or raw. Raises `BadInput` (BT2052): not IDX, another
    element type or number of axes, truncated, or longer than its header says."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
            header = stream.read(4 + 4 * axes)
            shape = _shape(path, header, axes)
            body = stream.read(prod(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        fail(BadInput, "BT2052", str(path), f"it cannot be read: {error}", "fetch the file again")
    if len(body) != prod(shape):
        got = f"only {len(body)}" if len(body) < prod(shape) else "more"
        fail(BadInput, "BT2052", str(path), f"its header announces {prod(shape)} bytes {shape}, but it holds {got}",
             "fetch the file again")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, axes: int) -> tuple[int, ...]:
    magic = bytes((0, 0, UNSIGNED_BYTE, axes))
    sizes = tuple(int.from_bytes(header[i:i + 4], "big") for i in range(4, len(header), 4))
    if len(header) < 4 + 4 * axes or header[:4] != magic or not 0 < prod(sizes) <= LARGEST:
        fail(BadInput, "BT2052", str(path), f"it begins with {header[:4].hex() or 'nothing'} and sizes {sizes}, not "
             f"with {magic.hex()} and {axes} sizes", "fetch the file again, or name the right one")
    return sizes
