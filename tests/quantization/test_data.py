"""Data sets: exact pixels, deterministic splits, and files that are absent, truncated or hostile."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bittrue.errors import BadInput
from bittrue.quantization import DataSet, Normalization, load_data
from bittrue.quantization.data import ENVIRONMENT, LOADERS, SHAPES

Array = NDArray[Any]


def idx(array: Array) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, part: str, count: int, *, packed: bool, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (count, 5, 7)), np.arange(count) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        name, content = f"{part}-{kind}-ubyte", idx(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return images.astype(np.uint8)[:, np.newaxis], labels


def refused(name: str, root: Path | None, code: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        load_data(name, root)
    assert {d.code for d in caught.value.diagnostics} == {code}
    return caught.value


def test_digits_are_built_in_stratified_and_exact() -> None:
    data, again = load_data("digits"), load_data("digits", "/nonexistent")
    assert data.input_shape == SHAPES["digits"] == (1, 8, 8)
    assert len(data.train_y) + len(data.test_y) == 1797
    assert data.train_x.dtype == data.test_x.dtype == np.float32
    assert np.array_equal(data.test_x * 16, data.test_pixels)
    assert np.array_equal(data.train_x, again.train_x)
    shares = np.bincount(data.test_y) / np.bincount(np.concatenate([data.train_y, data.test_y]))
    assert shares.min() > 0.19
    assert shares.max() < 0.21
    assert "digits: 1442 training and 355 test images 1x8x8, 10 classes, x = (pixel - 0) / 16" in str(data)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
def test_mnist_with_both_splits(packed: bool, folder: str, tmp_path: Path) -> None:
    train = write_mnist(tmp_path / folder, "train", 30, packed=packed)
    test = write_mnist(tmp_path / folder, "t10k", 20, packed=packed, seed=1)
    data = load_data("mnist", tmp_path)
    assert np.array_equal(data.train_pixels, train[0])
    assert np.array_equal(data.train_y, train[1])
    assert np.array_equal(data.test_pixels, test[0])
    assert data.test_x.max() < 1
    assert "its own training and test split" in data.description


def test_mnist_with_only_its_test_split_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = write_mnist(tmp_path, "t10k", 100, packed=True)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    data = load_data("mnist")
    assert (len(data.train_y), len(data.test_y)) == (80, 20)
    assert np.bincount(data.test_y).tolist() == [2] * 10
    assert {x.tobytes() for x in (*data.train_pixels, *data.test_pixels)} == {x.tobytes() for x in images}
    assert "Only MNIST's test split (100 images)" in str(data)


def test_absent_data_names_files_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert "--data" in str(refused("mnist", None, "BT2053"))
    assert "BITTRUE_DATA" in str(refused("cifar10", None, "BT2053"))
    mnist = str(refused("mnist", tmp_path, "BT2051"))
    assert "t10k-images-idx3-ubyte.gz or t10k-images-idx3-ubyte" in mnist
    assert str(tmp_path / "MNIST/raw") in mnist
    cifar = str(refused("cifar10", tmp_path, "BT2051"))
    assert "data_batch_5" in cifar
    assert "cifar10_jpeg_train.npz" in cifar
    assert str(tmp_path / "cifar-10-batches-py") in cifar
    assert "digits, mnist, cifar10" in str(refused("imagenet", tmp_path, "BT2050"))


DAMAGE = {
    "truncated": lambda content: content[:-3],
    "too long": lambda content: content + b"x",
    "header only": lambda content: content[:9],
    "empty": lambda content: b"",
    "float data": lambda content: content[:2] + b"\x0d" + content[3:],
    "other rank": lambda content: content[:3] + b"\x02" + content[4:],
    "huge": lambda content: content[:4] + b"\xff" * 12 + content[16:],
    "no images": lambda content: content[:4] + bytes(4) + content[8:],
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_idx_files(damage: str, packed: bool, tmp_path: Path) -> None:
    write_mnist(tmp_path, "t10k", 20, packed=packed)
    file = tmp_path / ("t10k-images-idx3-ubyte" + ".gz" * packed)
    content = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
    broken = DAMAGE[damage](content)
    file.write_bytes(gzip.compress(broken) if packed else broken)
    assert str(file) in str(refused("mnist", tmp_path, "BT2052"))


@pytest.mark.parametrize("damage", [lambda c: c[:-4], lambda c: c[:15], lambda c: b"PK" + c,
                                    lambda c: c[:30] + b"\xff" * 9 + c[39:]])
def test_damaged_gzip(damage: Any, tmp_path: Path) -> None:
    write_mnist(tmp_path, "t10k", 20, packed=True)
    file = tmp_path / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    refused("mnist", tmp_path, "BT2052")


def test_all_damaged_files_are_named_at_once(tmp_path: Path) -> None:
    write_mnist(tmp_path, "t10k", 20, packed=False)
    for name in ("images-idx3", "labels-idx1"):
        (tmp_path / f"t10k-{name}-ubyte").write_bytes(b"?")
    assert len(refused("mnist", tmp_path, "BT2052").diagnostics) == 2


def test_labels_that_do_not_match_the_images(tmp_path: Path) -> None:
    write_mnist(tmp_path, "t10k", 20, packed=False)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(19)))
    assert "19 labels for 20 images" in str(refused("mnist", tmp_path, "BT2052"))


def python2_batch(pixels: Array, labels: Array) -> bytes:
    """A batch as Python 2 wrote it: protocol 2, byte strings, numpy.core."""
    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    rows, columns = pixels.shape
    dtype = (b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R(" + number(3) + text(b"|") + b"NNN"
             + number(-1) + number(-1) + number(0) + b"tb")
    array = (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"\x87R("
             + number(1) + number(rows) + number(columns) + b"\x86" + dtype + b"\x89" + text(pixels.tobytes()) + b"tb")
    listed = b"](" + b"".join(number(int(label)) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + listed + b"u."


BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


def batch(seed: int, count: int = 4) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), np.uint8), rng.integers(0, 10, count)


def write_batches(folder: Path, form: str) -> list[tuple[Array, Array]]:
    folder.mkdir(parents=True, exist_ok=True)
    made = [batch(seed) for seed in range(6)]
    for name, (pixels, labels) in zip(BATCHES, made, strict=True):
        content = (python2_batch(pixels, labels) if form == "python 2" else
                   pickle.dumps({"data": pixels, "labels": labels.tolist()}, protocol=int(form)))
        (folder / name).write_bytes(content)
    return made


@pytest.mark.parametrize("form", ["python 2", "2", "3", "4", "5"])
def test_cifar_batches(form: str, tmp_path: Path) -> None:
    made = write_batches(tmp_path / "cifar-10-batches-py", form)
    data = load_data("cifar10", tmp_path)
    assert np.array_equal(data.train_pixels, np.concatenate([p for p, _ in made[:5]]).reshape(-1, 3, 32, 32))
    assert np.array_equal(data.test_y, made[5][1])
    assert data.normalization == Normalization(128, 128)
    assert "lossless" in data.description
    assert -1 <= data.test_x.min() < 0


def test_the_python_2_form_is_what_pickle_and_numpy_read(tmp_path: Path) -> None:
    pixels, labels = batch(3)
    content = pickle.loads(python2_batch(pixels, labels).replace(b"numpy.core", b"numpy._core"), encoding="bytes")  # noqa: S301
    assert np.array_equal(content[b"data"], pixels)
    assert content[b"labels"] == labels.tolist()


class Runs:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def hostile(mark: Path) -> dict[str, bytes]:
    good, labels = batch(0)

    def dumped(value: Any) -> bytes:
        return pickle.dumps(value, protocol=4)

    return {
        "runs code": dumped({"data": good, "labels": labels.tolist(), "more": Runs(mark)}),
        "runs code as key": dumped({Runs(mark): 1}),
        "opens a file": b"cbuiltins\nopen\n(V" + str(mark).encode() + b"\nVw\ntR.",
        "evaluates": b"cbuiltins\neval\n(V1\ntR.",
        "numpy load": b"cnumpy\nload\n(Vx\ntR.",
        "loops forever": b"(" * 100 + b".",
        "truncated": dumped({"data": good, "labels": labels.tolist()})[:-9],
        "empty": b"",
        "text": b"<html>not found</html>",
        "no dictionary": dumped([1, 2]),
        "no labels": dumped({"data": good}),
        "floats": dumped({"data": good.astype(np.float32), "labels": labels.tolist()}),
        "objects": dumped({"data": np.array([[None] * 3072] * 4), "labels": labels.tolist()}),
        "columns first": dumped({"data": np.asfortranarray(good), "labels": labels.tolist()}),
        "short rows": dumped({"data": good[:, :3000], "labels": labels.tolist()}),
        "no array": dumped({"data": b"abc", "labels": labels.tolist()}),
        "wrong shape": python2_batch(good, labels).replace(struct.pack("<i", 3072), struct.pack("<i", 3071)),
        "big shape": python2_batch(good, labels).replace(b"J" + struct.pack("<i", 4), b"J\xff\xff\xff\x7f", 1),
        "label 10": dumped({"data": good, "labels": [1, 2, 3, 10]}),
        "label text": dumped({"data": good, "labels": ["cat"] * 4}),
        "too few labels": dumped({"data": good, "labels": [1]}),
        "no images": dumped({"data": good[:0], "labels": []}),
    }


@pytest.mark.parametrize("case", hostile(Path("x")))
def test_hostile_batches_run_nothing(case: str, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    write_batches(tmp_path, "4")
    (tmp_path / "data_batch_3").write_bytes(hostile(mark)[case])
    assert str(tmp_path / "data_batch_3") in str(refused("cifar10", tmp_path, "BT2052"))
    assert not mark.exists()


def jpeg_set(count: int = 3, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> dict[str, Array]:
    rng, files = np.random.default_rng(7), []
    for _ in range(count):
        stream = io.BytesIO()
        shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
        Image.fromarray(rng.integers(0, 256, shape, np.uint8), mode=None).save(stream, "JPEG")
        files.append(np.frombuffer(stream.getvalue(), np.uint8))
    offsets = np.cumsum([0, *map(len, files)]).astype(np.int64)
    return {"jpeg": np.concatenate(files), "offsets": offsets, "labels": np.arange(count).astype(np.uint8)}


def write_jpegs(folder: Path, **changes: Any) -> dict[str, Array]:
    folder.mkdir(parents=True, exist_ok=True)
    good = jpeg_set()
    np.savez(folder / "cifar10_jpeg_train.npz", **good)
    np.savez(folder / "cifar10_jpeg_test.npz", **{**good, **changes})
    return good


@pytest.mark.parametrize("folder", ["", "cifar10-jpeg", "cifar10"])
def test_jpegs(folder: str, tmp_path: Path) -> None:
    good = write_jpegs(tmp_path / folder)
    data = load_data("cifar10", tmp_path)
    a, b = good["offsets"][1:3]
    expected = np.asarray(Image.open(io.BytesIO(good["jpeg"][a:b].tobytes())))
    assert np.array_equal(data.test_pixels[1].transpose(1, 2, 0), expected)
    assert data.train_y.tolist() == [0, 1, 2]
    assert "recompressed as JPEG" in data.description


def test_gray_jpegs_become_rgb(tmp_path: Path) -> None:
    write_jpegs(tmp_path, **jpeg_set(mode="L"))
    pixels = load_data("cifar10", tmp_path).test_pixels
    assert np.array_equal(pixels[:, 0], pixels[:, 2])


def broken_jpegs() -> dict[str, dict[str, Any]]:
    good = jpeg_set()
    flipped = good["jpeg"].copy()
    flipped[good["offsets"][1]:good["offsets"][1] + 9] = 0
    return {
        "one does not decode": {"jpeg": flipped},
        "offsets beyond the end": {"offsets": good["offsets"] + 5},
        "offsets not rising": {"offsets": good["offsets"][[0, 2, 1, 3]]},
        "one offset": {"offsets": good["offsets"][:1]},
        "float offsets": {"offsets": good["offsets"].astype(float)},
        "wrong size": jpeg_set(size=(32, 30)),
        "too few labels": {"labels": good["labels"][:2]},
        "label 10": {"labels": good["labels"] + 8},
        "objects": {"labels": np.array([{}, {}, {}], dtype=object)},
    }


@pytest.mark.parametrize("case", broken_jpegs())
def test_broken_jpeg_sets(case: str, tmp_path: Path) -> None:
    write_jpegs(tmp_path, **broken_jpegs()[case])
    assert "cifar10_jpeg_test.npz" in str(refused("cifar10", tmp_path, "BT2052"))


def test_broken_archives(tmp_path: Path) -> None:
    write_jpegs(tmp_path)
    file = tmp_path / "cifar10_jpeg_train.npz"
    content = file.read_bytes()
    for broken in (content[:-30], b"", b"\x80\x04N.", content[:60] + bytes(40) + content[100:]):
        file.write_bytes(broken)
        refused("cifar10", tmp_path, "BT2052")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("jpeg.npy", b"no array")
    refused("cifar10", tmp_path, "BT2052")


def test_own_data_sets_are_checked() -> None:
    x, y = np.zeros((4, 1, 3, 5), np.float32), np.array([0, 1, 2, 1])
    assert np.array_equal(DataSet("own", x, y, x, y, 3).train_x, x)
    with pytest.raises(BadInput) as caught:
        DataSet("own", x, y[:3], x[:, :, 1:], y + 1, 3)
    assert [d.code for d in caught.value.diagnostics] == ["BT2055"] * 3


def test_data_needs_no_torch() -> None:
    code = ("import sys\n"
            "class Absent:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.split('.')[0] in ('torch', 'brevitas', 'lightning'):\n"
            "            raise ModuleNotFoundError(name, name=name)\n"
            "sys.meta_path.insert(0, Absent())\n"
            "from bittrue.quantization import load_data; load_data('digits')\n"
            "from bittrue.errors import ToolMissing\n"
            "try:\n    from bittrue.quantization import quantize\n"
            "except ToolMissing as error:\n    print(error.diagnostics[0].code)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "BT2000"


def test_the_shape_of_every_set_is_known_and_no_two_are_alike() -> None:
    assert SHAPES.keys() == LOADERS.keys()
    assert len(set(SHAPES.values())) == len(SHAPES)


real = pytest.mark.skipif(not os.environ.get(ENVIRONMENT), reason=f"{ENVIRONMENT} names no folder with data sets")


@pytest.mark.data
@real
def test_real_mnist() -> None:
    data = load_data("mnist")
    assert data.input_shape == SHAPES["mnist"] == (1, 28, 28)
    assert len(data.train_y) + len(data.test_y) in (10_000, 70_000)
    assert data.train_pixels.min() == 0
    assert data.train_pixels.max() == 255


@pytest.mark.data
@real
def test_real_cifar10() -> None:
    data = load_data("cifar10")
    assert np.bincount(data.train_y).tolist() == [5000] * 10
    assert np.bincount(data.test_y).tolist() == [1000] * 10
    assert data.input_shape == SHAPES["cifar10"] == (3, 32, 32)
