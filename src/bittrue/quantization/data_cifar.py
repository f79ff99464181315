"""CIFAR-10: the published python batches (pickles, read without running any of their code) or one `.npz` of JPEGs per
split.

The `.npz` form holds `jpeg` (uint8, all files one after the other), `offsets` (int64, n + 1) and `labels` (uint8);
image i is `jpeg[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, Diagnostics, ToolMissing, fail
from .data import SHAPES, DataSet, Labels, Normalization, Pixels, find_files, read_all

BATCH_FOLDERS = ("", "cifar-10-batches-py", "cifar10/cifar-10-batches-py", "cifar10")
JPEG_FOLDERS = ("", "cifar10-jpeg", "cifar10")
JPEG_FILES = (("cifar10_jpeg_train.npz",), ("cifar10_jpeg_test.npz",))
LARGEST = 1 << 30
"""No member of a `.npz` of this kind unpacks to more bytes."""
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
SHAPE = SHAPES["cifar10"]
ROW = prod(SHAPE)
NORMALIZATION = Normalization(128, 128)


def load(root: Path) -> DataSet:
    """CIFAR-10 under `root`: the python batches if they are there, else the JPEGs. Raises `BadInput` (BT2051, BT2052)
    and `ToolMissing` (BT2054)."""
    missing = Diagnostics()
    try:
        files = find_files("cifar10", root, BATCH_FOLDERS, tuple((n,) for n in (*TRAIN_BATCHES, "test_batch")),
                           "unpack cifar-10-python.tar.gz there")
        return _from_batches(files)
    except BadInput as error:
        _only_absent(error)
        missing.extend(error)
    try:
        files = find_files("cifar10", root, JPEG_FOLDERS, JPEG_FILES, "or put the two .npz files of JPEGs there")
    except BadInput as error:
        missing.extend(error)
        raise BadInput(*missing) from None
    return _from_jpegs(files)


def _only_absent(error: BadInput) -> None:
    """Re-raise an error that is about files which are there."""
    if any(d.code != "BT2051" for d in error.diagnostics):
        raise error


def _from_batches(files: list[Path]) -> DataSet:
    parts = read_all(files, read_batch)
    train_x, train_y = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return DataSet("cifar10", train_x, train_y, *parts[-1], 10, "CIFAR-10, the lossless python batches.", NORMALIZATION)


def _from_jpegs(files: list[Path]) -> DataSet:
    train, test = read_all(files, read_jpegs)
    return DataSet("cifar10", *train, *test, 10, "CIFAR-10 recompressed as JPEG: accuracies come out a few points "
                   "below those of the lossless set.", NORMALIZATION)


class _Array:
    """Stands in for a NumPy array while a pickle is read: keeps the state, runs nothing."""

    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        """Takes what `numpy._reconstruct` would take, and ignores it."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DType(_Array):
    """Stands in for a NumPy dtype, of which only the code it is made with matters."""

    def __init__(self, code: Any = None, *arguments: Any) -> None:
        self.code = code


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """`numpy._frombuffer`, with which pickles of protocol 5 make an array."""
    array = _Array()
    array.state = (1, shape, dtype, order != "C", bytes(data) if isinstance(data, bytes | bytearray) else None)
    return array


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """`_codecs.encode` for the one encoding in which Python 3 writes bytes into old pickles."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encoded,
}
"""Everything that a batch may name. Nothing of NumPy is run while reading; the bytes become an array afterwards."""


class _Unpickler(pickle.Unpickler):
    """Reads plain containers and the `_STAND_INS`, refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which a data file has no use for")
        return _STAND_INS[module, name]


def read_batch(path: Path) -> tuple[Pixels, Labels]:
    """Images (N, 3, 32, 32) and labels (N,) of one python batch, which never runs code of the file's choosing. Raises
    `BadInput` (BT2052)."""
    try:
        content = _Unpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        fields = {k if isinstance(k, str) else k.decode(): v for k, v in content.items()}
        pixels = _pixels(fields["data"])
        labels = np.asarray([int(label) for label in fields["labels"]], np.int64)
    except (pickle.UnpicklingError, OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            OverflowError, MemoryError, RecursionError) as error:
        fail(BadInput, "BT2052", str(path), f"it is no CIFAR-10 batch: {error}", "unpack the published archive again")
    return _checked(path, pixels, labels)


def _pixels(array: Any) -> Pixels:
    """The uint8 array of a stand-in. Its pickled state is (version, shape, dtype, column major, bytes)."""
    _, shape, dtype, column_major, data = array.state
    if not isinstance(dtype, _DType) or dtype.code not in ("u1", b"u1") or column_major or not isinstance(data, bytes):
        raise ValueError("its data is no uint8 array in row order")
    rows, columns = shape
    if columns != ROW or len(data) != rows * ROW:
        raise ValueError(f"its data has the shape {shape} and {len(data)} bytes, not (images, {ROW})")
    return np.frombuffer(data, np.uint8).reshape(rows, *SHAPE)


def read_jpegs(path: Path) -> tuple[Pixels, Labels]:
    """Images (N, 3, 32, 32) and labels (N,) of a `.npz` of JPEGs, decoded by Pillow. Raises `BadInput` (BT2052) and
    `ToolMissing` (BT2054)."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.file_size > LARGEST for member in archive.infolist()):
                raise ValueError(f"a member unpacks to more than {LARGEST} bytes")
        with np.load(path, allow_pickle=False) as content:
            jpeg, offsets, labels = (np.asarray(content[name]) for name in ("jpeg", "offsets", "labels"))
        _check_offsets(jpeg, offsets)
        pixels = np.stack([_decoded(jpeg[a:b].tobytes(), i)
                           for i, (a, b) in enumerate(pairwise(offsets))])
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, MemoryError) as error:
        fail(BadInput, "BT2052", str(path), f"it is no file of JPEG images: {error}", "fetch the file again")
    return _checked(path, pixels, labels.astype(np.int64))


def _check_offsets(jpeg: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> None:
    if (jpeg.dtype != np.uint8 or jpeg.ndim != 1 or offsets.ndim != 1 or offsets.dtype.kind not in "iu"
            or len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(jpeg) or (np.diff(offsets) <= 0).any()):
        raise ValueError("its offsets do not cut `jpeg` into files")


def _decoded(data: bytes, number: int) -> Pixels:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        fail(ToolMissing, "BT2054", "data set 'cifar10'", "Pillow is not installed", "pip install 'bittrue[train]'")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.size != SHAPE[:0:-1]:
                raise ValueError(f"image {number} is {image.size[0]}x{image.size[1]}")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"image {number} does not decode: {error}") from None


def _checked(path: Path, pixels: Pixels, labels: Labels) -> tuple[Pixels, Labels]:
    if labels.shape != (len(pixels),) or not len(labels) or labels.min() < 0 or labels.max() > 9:
        fail(BadInput, "BT2052", str(path), f"it has {len(pixels)} images and labels of shape {labels.shape} in "
             f"{labels.min() if labels.size else '-'}..{labels.max() if labels.size else '-'}", "fetch the file again")
    return pixels, labels
