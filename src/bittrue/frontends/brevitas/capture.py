"""The value tracer: one forward pass, recorded as which module or function read which tensor.

Module hooks see the leaf modules (everything of `torch.nn` and `brevitas.nn`), a `TorchFunctionMode` sees the functions
and tensor methods between them. Nothing is executed symbolically, so residual links, loops over layers and modules with
or without `QuantTensor`s are all the same to it; what depends on the data (a branch on a tensor's value) is noticed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brevitas
import torch
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from ...errors import BadInput, BittrueError, Unsupported, fail
from ...tensors.bitwise import Bitwise

_LIBRARIES = tuple(str(Path(str(package.__file__)).parent) for package in (torch, brevitas))
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_READS_DATA = {"__bool__", "__int__", "__float__", "__index__", "__complex__", "item", "tolist", "numpy", "equal",
               "allclose", "is_nonzero", "__contains__"}


@dataclass(frozen=True, eq=False)
class Ref:
    """Stands in a record's arguments for the value of that number; `wrapper` is the `QuantTensor` around it, if any."""

    value: int
    wrapper: Any = None


@dataclass(frozen=True, eq=False)
class Record:
    """One call of `target`: a leaf module, or a function (named by its Python name without in-place marks).

    `args` and `kwargs` hold `Ref`s where tensors of the graph were; `outputs` numbers the tensors it returned.
    `path` is the dotted path of the module (for a function: of the module that called it), `source` its file and line.
    """

    target: Callable[..., Any]
    name: str
    path: str
    source: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[int, ...]

    @property
    def module(self) -> nn.Module | None:
        """The module, unless it is a call of a function."""
        return self.target if isinstance(self.target, nn.Module) else None

    @property
    def inputs(self) -> tuple[int, ...]:
        """The values it reads, in order."""
        return tuple(leaf.value for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Ref))

    @property
    def where(self) -> str:
        """The place, for people."""
        what = self.path if self.module is not None else f"{self.name}() in {self.path or 'the model'}"
        return f"{what} ({self.source})" if self.source else what


@dataclass(eq=False)
class Captured:
    """The value graph of one forward pass. Value 0 is the input; `shapes` are those of the example, with batch."""

    records: list[Record] = field(default_factory=list)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    data_dependent: list[str] = field(default_factory=list)

    @property
    def batch(self) -> int:
        """Batch size of the example."""
        return self.shapes[0][0]

    def live(self) -> list[Record]:
        """The records whose results reach an output, in order."""
        wanted, kept = set(self.outputs), []
        for record in reversed(self.records):
            if wanted & set(record.outputs):
                wanted |= set(record.inputs)
                kept.append(record)
        return kept[::-1]

    def replay(self, example: Tensor) -> list[Tensor]:
        """Run the live records again, in order; `example` has the batch size of the capture."""
        values: dict[int, Any] = {0: example}
        for record in self.live():
            args, kwargs = _filled((record.args, record.kwargs), values)
            leaves = tree_leaves(record.target(*args, **kwargs), is_leaf=_is_tensor)
            values |= zip(record.outputs, [leaf for leaf in leaves if _is_tensor(leaf)], strict=True)
        return [plain(values[i]) for i in self.outputs]


def capture(model: nn.Module, example: Tensor) -> Captured:
    """Record the value graph of `model(example)`; the model is run in evaluation mode and left as it was.

    `example` is a float32 tensor (batch, *shape). Raises `Unsupported` for a model that returns something else than
    tensors (BT2122), `BadInput` for one that fails on the example (BT2121).
    """
    with evaluation(model), torch.no_grad():
        first = example.clone()  # forward() may change its input in place
        tracer = _Tracer(model, first)
        tracer.run(first)
    return tracer.captured


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode for a while."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def plain(value: Any) -> Tensor:
    """The tensor of a `QuantTensor`, or the tensor itself."""
    tensor: Tensor = value.value if isinstance(value, QuantTensor) else value
    return tensor


def check_replay(model: nn.Module, captured: Captured, example: Tensor) -> None:
    """The recorded calls compute the model's outputs, bit by bit, on the example and on another input.

    Raises `Unsupported` (BT2120) where they do not.
    """
    with evaluation(model), torch.no_grad():
        for name, x in {"the example input": example, "another input": example.flip(0) * 0.75}.items():
            expected, got = output_tensors(model(x.clone())), captured.replay(x.clone())
            if len(got) != len(expected) or not all(map(_equal, got, expected)):
                fail(Unsupported, "BT2120", "the model", f"repeating its recorded calls on {name} gives other outputs",
                     "avoid in-place changes of tensors that are read again, state, and randomness in forward()")


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal; not-a-numbers (of broken parameters, named later) are."""
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


class _Tracer(TorchFunctionMode):
    """Records calls while the model runs; inside a leaf module it records nothing."""

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        super().__init__()
        self.model, self.captured = model, Captured()
        self.paths: list[str] = []
        self.leaf_depth = 0
        self.values: dict[int, int] = {}
        self.alive: list[Tensor] = []  # so that no id is used again
        self.number(example)

    def run(self, example: Tensor) -> None:
        """Run the model; fills `captured`."""
        with ExitStack() as hooks:
            for path, module in self.model.named_modules():
                hooks.callback(module.register_forward_pre_hook(self._enter(path), with_kwargs=True).remove)
                hooks.callback(module.register_forward_hook(self._leave, with_kwargs=True).remove)
            try:
                with self:
                    result = self.model(example)
            except BittrueError:
                raise
            except Exception as error:  # noqa: BLE001  (whatever the user's forward raises)
                fail(BadInput, "BT2121", f"input {tuple(example.shape)}", f"the model raises {type(error).__name__}: "
                     f"{error}", "give an example input (batch, *shape) that the model accepts in evaluation mode")
        outputs = output_tensors(result)
        self.captured.outputs = tuple(self.values[id(o)] for o in outputs if id(o) in self.values)
        batch = example.shape[0]
        if len(self.captured.outputs) != len(outputs) or any(o.ndim < 1 or o.shape[0] != batch for o in outputs):
            fail(Unsupported, "BT2122", "outputs", "an output does not depend on the input, or its first axis is not "
                 "the batch", "return tensors (batch, ...) computed from the input")

    def number(self, tensor: Tensor) -> int:
        """A new number for what is now in `tensor`."""
        value = len(self.captured.shapes)
        self.values[id(tensor)] = value
        self.captured.shapes[value] = tuple(tensor.shape)
        self.alive.append(tensor)
        return value

    def _enter(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.paths.append(path)
            if self.leaf_depth or is_leaf(module):
                self.leaf_depth += 1
                if self.leaf_depth == 1:
                    self.pending = self._arguments(args, kwargs)
        return hook

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        path = self.paths.pop()
        if self.leaf_depth:
            self.leaf_depth -= 1
            if self.leaf_depth == 0:
                self._record(module, type(module).__name__, path, self.pending, output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = None if self.leaf_depth else self._arguments(args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        if arguments is not None:
            name = getattr(func, "__name__", "function")
            self._record(func, name.strip("_"), self.paths[-1] if self.paths else "", arguments, result)
            if name in _READS_DATA and _touches_graph(arguments) and (source := _source()):
                self.captured.data_dependent.append(f"{name}() in {self.paths[-1] or 'the model'} ({source})")
        return result

    def _arguments(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with a `Ref` for every tensor of the graph."""
        def ref(leaf: Any) -> Any:
            if not _is_tensor(leaf) or id(plain(leaf)) not in self.values:
                return leaf
            return Ref(self.values[id(plain(leaf))], leaf if isinstance(leaf, QuantTensor) else None)

        refs: tuple[tuple[Any, ...], dict[str, Any]] = tree_map(ref, (tuple(args), dict(kwargs)), is_leaf=_is_tensor)
        return refs

    def _record(self, target: Callable[..., Any], name: str, path: str,
                arguments: tuple[tuple[Any, ...], dict[str, Any]], output: Any) -> None:
        outputs = [leaf for leaf in tree_leaves(output, is_leaf=_is_tensor) if _is_tensor(leaf)]
        if outputs and _touches_graph(arguments):
            numbers = tuple(self.number(plain(leaf)) for leaf in outputs)
            source = "" if isinstance(target, nn.Module) else _source()
            self.captured.records.append(Record(target, name, path, source, *arguments, numbers))


def is_leaf(module: nn.Module) -> bool:
    """Whether the tracer takes a module as one thing: its forward() is that of a class of torch.nn or brevitas.nn, or
    of a bitwise operation."""
    home = type(module).forward.__module__ or ""
    return home.startswith(("torch.nn.", "brevitas.", Bitwise.__module__)) and not isinstance(module, _CONTAINERS)


def _filled(arguments: Any, values: dict[int, Any]) -> Any:
    """Recorded arguments with the values in place of the `Ref`s."""
    def value(leaf: Any) -> Any:
        if not isinstance(leaf, Ref):
            return leaf
        tensor = plain(values[leaf.value])
        return tensor if leaf.wrapper is None else leaf.wrapper.set(value=tensor)

    return tree_map(value, arguments)


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, (Tensor, QuantTensor))


def _touches_graph(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> bool:
    return any(isinstance(leaf, Ref) for leaf in tree_leaves(arguments))


def output_tensors(result: Any) -> list[Tensor]:
    """The tensors that a model returned, in order. Raises `Unsupported` (BT2122) for anything else."""
    leaves = tree_leaves(result, is_leaf=_is_tensor)
    if not leaves or not all(map(_is_tensor, leaves)):
        fail(Unsupported, "BT2122", "outputs", f"the model returns {type(result).__name__}",
             "return a tensor, or a tuple, list or dictionary of tensors")
    return [plain(leaf) for leaf in leaves]


def _source() -> str:
    """File and line of the user's code that is running; empty when a library called on its own behalf."""
    frame = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename == __file__ or
                                 frame.f_code.co_filename.startswith(_LIBRARIES[0])):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_code.co_filename.startswith(_LIBRARIES[1]):
        return ""
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
