"""Reading PyTorch's files without PyTorch: values, layouts and element types as PyTorch has them, and hostile files."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from bittrue.targets.max7800x.ai8x.archive import read_archive
from bittrue.targets.max7800x.ai8x.pickled import Forbidden, Global, unpickle
from bittrue.targets.max7800x.ai8x.stored import ODD, StoredTensor

DAMAGE = (ValueError, TypeError, LookupError, struct.error, RuntimeError, zipfile.BadZipFile)


def saved(value: Any, old: bool = False) -> bytes:
    """A file of PyTorch."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def values(tensor: Any) -> Any:
    """The values of a tensor that has some."""
    problem, array = tensor.read()
    assert (problem, isinstance(tensor, StoredTensor)) == ("", True)
    return array


def archive(pickled: bytes, **members: bytes) -> bytes:
    """A zip archive like PyTorch's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("net/data.pkl", pickled)
        for name, data in members.items():
            target.writestr(f"net/{name}", data)
    return buffer.getvalue()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "int32",
                                  "int64", "bool"])
def test_element_types(name: str, old: bool) -> None:
    kind = getattr(torch, name)
    tensor = torch.tensor([[3, 0, 1], [100, 0, 127]]).to(kind)
    got = values(read_archive(saved({"x": tensor}, old))["x"])
    assert got.tolist() == [[1, 0, 1], [1, 0, 1]] if name == "bool" else [[3, 0, 1], [100, 0, 127]]
    assert got.dtype == (np.float32 if name in ("float32", "float16", "bfloat16") else np.float64)


@pytest.mark.parametrize("old", [False, True])
def test_strides_offsets_and_shared_storages(old: bool) -> None:
    whole = torch.arange(24.0).reshape(2, 3, 4)
    parts = {"all": whole, "turned": whole.permute(2, 0, 1), "part": whole[1, 1:, ::2],
             "same": whole[0, 0, :1].expand(5)}
    got = read_archive(saved(parts, old))
    assert values(got["turned"]).tolist() == [
        [[12 * i + 4 * j + k for j in range(3)] for i in range(2)] for k in range(4)]
    assert values(got["part"]).tolist() == [[16, 18], [20, 22]]
    assert values(got["same"]).tolist() == [0] * 5
    assert got["all"].storage is got["part"].storage


def test_plain_values_of_all_kinds() -> None:
    content = {"text": "ä", "numbers": [0, 255, 256, 65536, -1, 1 << 40, -(1 << 70), 0.5], "none": None,
               "flags": (True, False),
               "pair": ("x", [{}]), "four": (1, 2, 3, 4), "empty": (), 3: OrderedDict(a=1)}
    assert read_archive(saved(content)) == content
    assert read_archive(saved(content, old=True)) == content


def test_parameters_and_tensors_of_odd_kinds() -> None:
    sparse = torch.eye(3).to_sparse()
    got = read_archive(saved({"p": torch.nn.Parameter(torch.tensor([2.5])), "s": sparse, "c": torch.tensor([1j]),
                              "n": torch.tensor([np.nan]), "e": torch.zeros(0, 3)}))
    assert values(got["p"]).tolist() == [2.5]
    assert [got[name].read()[0] for name in "scne"] == [
        ODD, "its values are complex", "some values are infinite or no numbers", "it has no values"]


def test_big_endian_files() -> None:
    data = archive(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nShortStorage\n"
                   b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89)tR.",
                   byteorder=b"big", **{"data/0": b"\x00\x01\xff\xfe"})
    assert values(read_archive(data)).tolist() == [1, -2]


TENSOR = (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
          b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ%b\x89)tR.")


@pytest.mark.parametrize("place", [
    b"K\x01K\x04\x85K\x01\x85",  # ends one element too late
    b"J\xff\xff\xff\xffK\x01\x85K\x01\x85",  # begins before the storage
    b"K\x00K\x02\x85J\xff\xff\xff\xff\x85",  # goes backwards
    b"K\x00K\x02\x85K\x01K\x01\x86",  # more strides than dimensions
    b"K\x00X\x01\x00\x00\x00a\x85K\x01\x85",  # a size that is a text
    b"K\x00K\x02K\x01\x85",  # a size that is a number
    b"K\x00(" + b"K\x01" * 40 + b"t(" + b"K\x01" * 40 + b"t",  # too many dimensions
])
def test_tensors_that_do_not_lie_in_their_storage(place: bytes) -> None:
    with pytest.raises(ValueError, match="tensor"):
        read_archive(archive(TENSOR % place, **{"data/0": bytes(16)}))


@pytest.mark.parametrize("size", [0, 15, 17, 1 << 16])
def test_storages_of_another_size(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        read_archive(archive(TENSOR % b"K\x00K\x04\x85K\x01\x85", **{"data/0": bytes(size)}))


def test_a_compressed_member_is_not_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("net/data.pkl", b"\x80\x02}." + bytes(1 << 20))
    with pytest.raises(ValueError, match="compressed"):
        read_archive(buffer.getvalue())


HOSTILE = {
    "a call of a text": b"\x80\x02X\x01\x00\x00\x00a)R.",
    "a call of a class of its own": b"\x80\x02cbuiltins\ngetattr\n)R.",
    "a memory place of 4 billion": b"\x80\x02Nr\xff\xff\xff\xff0.",
    "a text of 4 GB": b"\x80\x02X\xff\xff\xff\xffa.",
    "a number of 255 digits that is not there": b"\x80\x02\x8a\xff\x01.",
    "a value that was never kept": b"\x80\x02h\x05.",
    "an empty stack": b"\x80\x02.",
    "a mark that is not there": b"\x80\x02t.",
    "items of a list": b"\x80\x02]NNs.",
    "an odd number of items": b"\x80\x02}(Nu.",
    "a key that is a tuple of tuples": b"\x80\x02})\x85\x85Ns.",
    "a tuple that is appended to": b"\x80\x02)Na.",
    "a newer protocol": pickle.dumps({}, 4),
    "an older one": pickle.dumps({}, 0),
    "no end": b"\x80\x02}",
    "a persistent number": b"\x80\x02K\x01Q.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles(case: str) -> None:
    with pytest.raises((Forbidden, *DAMAGE)):
        read_archive(archive(HOSTILE[case]))


def test_depth_is_no_problem_and_a_loop_is_a_value() -> None:
    depth = 200_000
    deep = read_archive(archive(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."))
    for _ in range(depth - 1):
        (deep,) = deep
    assert deep == []
    loop = read_archive(archive(b"\x80\x02]q\x00h\x00a."))
    assert loop[0] is loop


def test_a_name_is_only_a_name() -> None:
    data = b"\x80\x02cos\nsystem\n.rest"
    value, end = unpickle(data, 0, lambda name: name == "os.system", lambda name, _: None, repr)
    assert (value, end) == (Global("os.system"), 14)
    with pytest.raises(Forbidden, match=r"posix\.system"):
        read_archive(archive(b"\x80\x02cposix\nsystem\n."))


def test_every_cut_of_an_old_file_is_refused() -> None:
    whole = saved({"x": torch.arange(6.0), "y": torch.arange(3)}, old=True)
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises((Forbidden, *DAMAGE)):
            read_archive(whole[:length])
