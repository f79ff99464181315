"""Files of PyTorch, read without PyTorch: the zip archives of today, and the row of pickles that it wrote before 1.6.

Nothing in a file runs: what it names is on a list here, and is a value, a tensor or an object that does nothing.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from .pickled import Global, Inert, require_plain, unpickle
from .stored import ELEMENTS, Storage, odd, tensor

_OPTIMIZERS = ("adadelta.Adadelta adafactor.Adafactor adagrad.Adagrad adam.Adam adamax.Adamax adamw.AdamW asgd.ASGD "
               "lbfgs.LBFGS nadam.NAdam radam.RAdam rmsprop.RMSprop rprop.Rprop sgd.SGD sparse_adam.SparseAdam")
_TYPES = ("float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 "
          "complex128")
_INERT = {
    *(f"torch.optim.{name}" for name in _OPTIMIZERS.split()),
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype", "_codecs.encode",
    "torch.device", "torch.serialization._get_layout", "torch.Tensor", "builtins.set", "builtins.complex",
    "builtins.bytearray", "__builtin__.set", "__builtin__.complex", "__builtin__.bytearray",
    *(f"torch.{name}" for name in _TYPES.split()),
}
"""Globals that checkpoints name, and whose values nobody needs."""

_ODD = "qtensor sparse_tensor meta_tensor_no_storage nested_tensor tensor_v3"
_BUILDERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("collections.OrderedDict", "collections.Counter"), lambda *pairs: _dictionary(*pairs)),
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch._utils._rebuild_tensor": tensor, "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": lambda data, *_others: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_others: data,
    "torch.nn.parameter.Parameter": lambda data=None, *_others: data,
    **{f"torch._utils._rebuild_{kind}": odd for kind in _ODD.split()},
}
"""Globals that a checkpoint calls to make a value."""

ZIP = b"PK\x03\x04"
_LOCAL_HEADER = 30
"""Bytes of a zip file's header before a member, without its name."""
_MAGIC, _FORMAT = 0x1950A86A20F9469CFC6C, 1001
"""The first two pickles of an old file."""


def read_archive(data: bytes) -> Any:
    """What a file of PyTorch holds: dictionaries, lists, plain values, `StoredTensor`, `Inert`.

    Raises `Forbidden` for a file that names what is not allowed; ValueError, TypeError, LookupError, RuntimeError,
    struct.error or BadZipFile for what is no such file, or a damaged one.
    """
    return _Zipped(data).content() if data.startswith(ZIP) else _Row(data).content()


def _allowed(name: str) -> bool:
    return name in _BUILDERS or name in _INERT or name in ELEMENTS


def _build(name: str, arguments: Sequence[Any]) -> Any:
    return _BUILDERS[name](*arguments) if name in _BUILDERS else Inert()


def _dictionary(pairs: Sequence[tuple[Any, Any]] = ()) -> dict[Any, Any]:
    for key, _ in pairs:
        require_plain(key)
    return dict(pairs)


class _Storages:
    """The storages that a pickle refers to, each once, by their keys."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.found: dict[str, Storage] = {}

    def named(self, reference: Any) -> Storage:
        """The storage of a reference: its class, key, place, number of elements. Raises ValueError for another one."""
        kind, storage, key, _, count, *view = reference
        if kind != "storage" or not isinstance(storage, Global) or not isinstance(key, str) or any(view):
            raise ValueError("it refers to something else than a storage")
        if type(count) is not int or count < 0:
            raise ValueError("a storage has no number of elements")
        made = self.found.setdefault(key, Storage(ELEMENTS[storage.name], count, order=self.order))
        if (made.element, made.count) != (ELEMENTS[storage.name], count):
            raise ValueError(f"storage {key} has two sizes")
        return made


class _Zipped:
    """An archive: `data.pkl`, `byteorder`, and a member below `data/` for every storage."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
        self.members = {info.filename.partition("/")[2]: info for info in members}
        if len(self.members) < len(members) or "data.pkl" not in self.members:
            raise ValueError("it is a zip archive, but holds no data.pkl")
        if "constants.pkl" in self.members:
            raise ValueError("it is a TorchScript program, no checkpoint")

    def content(self) -> Any:
        """The value with all of its tensors."""
        big = "byteorder" in self.members and bytes(self._member("byteorder")) == b"big"
        storages = _Storages(">" if big else "<")
        value, _ = unpickle(bytes(self._member("data.pkl")), 0, _allowed, _build, storages.named)
        for key, storage in storages.found.items():
            storage.fill(self._member(f"data/{key}"))
        return value

    def _member(self, name: str) -> memoryview:
        """A member's bytes, where they lie in the file. PyTorch compresses nothing, and may write no check sums."""
        info = self.members[name]
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its member {name} is compressed")
        lengths = struct.unpack_from("<HH", self.data, info.header_offset + _LOCAL_HEADER - 4)
        begin = info.header_offset + _LOCAL_HEADER + sum(lengths)
        return self.data[begin:begin + info.file_size]


class _Row:
    """An old file: a magic number, the format, the system; the value; the keys of the storages, and their bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        self.storages = _Storages()

    def content(self) -> Any:
        """The value with all of its tensors."""
        if self._next() != _MAGIC or self._next() != _FORMAT:
            raise ValueError("it is no file that torch.save has written")
        system = self._next()
        self.storages.order = "<" if system["little_endian"] else ">"
        value, keys = self._next(), self._next()
        for key in keys:
            self._fill(self.storages.found[key])
        return value

    def _next(self) -> Any:
        value, self.place = unpickle(self.data, self.place, _allowed, _build, self.storages.named)
        return value

    def _fill(self, storage: Storage) -> None:
        """A storage's bytes follow the number of its elements."""
        (count,) = struct.unpack_from(f"{storage.order}q", self.data, self.place)
        if count != storage.count:
            raise ValueError(f"a storage of {storage.count} elements has {count} in the file")
        begin = self.place + struct.calcsize("q")
        self.place = begin + storage.size
        storage.fill(memoryview(self.data)[begin:self.place])
