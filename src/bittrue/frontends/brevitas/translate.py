"""From captured calls to typed steps: everything that is not understood is collected, with what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import brevitas.nn as qnn
from brevitas.nn.quant_layer import QuantNonLinearActLayer
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import nn

from ...errors import Diagnostics, Unsupported
from ...tensors.bitwise import SCALE
from ...tensors.bitwise import Bitwise as BitwiseModule
from .capture import Captured, Record, Ref
from .geometry import Call
from .model import Act, Bitwise, Join, Same, Step, Subtract, Sum, TrainedModel
from .parameters import read_quantizer
from .problems import Obstacle, need, obstacle
from .rules import (
    FUNCTIONS,
    LAYERS,
    MODULES,
    SUPPORTED_FUNCTIONS,
    SUPPORTED_MODULES,
    Named,
    activation,
    proxies_called,
)


def translate(captured: Captured) -> TrainedModel:
    """The typed steps of a captured model. Raises `Unsupported` with everything that cannot be frozen."""
    found = Diagnostics()
    for place in dict.fromkeys(captured.data_dependent):
        found.add("BT2103", place, "it reads the values of a tensor, so the graph would depend on the input",
                  "compute with tensors alone in forward(), or move this out of the model")
    work = _Translation(captured)
    live = set(map(id, captured.live()))
    for record in captured.records:
        if id(record) not in live:
            work.calls.update(proxies_called(record.module, len(record.inputs)))
            continue
        try:
            work.record(record)
        except Obstacle as problem:
            found.add(problem.code, record.where, problem.why, problem.fix)
    found.raise_as(Unsupported)
    outputs = tuple(work.now.get(value, value) for value in captured.outputs)
    return TrainedModel(captured.shapes[0][1:], tuple(work.steps), outputs)


def _need_own_code(module: nn.Module, kind: Any) -> None:
    """Refuse a subclass, or an instance, that computes something else than the class whose rule is applied."""
    classes = type(module).__mro__
    changed = {name for cls in (*map(vars, classes[:classes.index(kind)]), vars(module)) for name in cls
               if callable(getattr(kind, name, None)) and not name.startswith("__")} - HARMLESS
    need(not changed, "BT2101", f"{type(module).__name__} replaces {', '.join(sorted(changed))}() of {kind.__name__}",
         f"use {kind.__name__} itself, or {SUPPORTED_MODULES}")


PAIRS: dict[str, Act] = {**dict.fromkeys(("add", "iadd", "radd"), Sum()),
                         **dict.fromkeys(("sub", "isub", "subtract"), Subtract())}
"""Functions of two tensors, by their Python name."""

HARMLESS = {"extra_repr", "reset_parameters"}
"""Methods that a subclass may replace without changing what it computes."""


@dataclass
class _Translation:
    """The steps so far. `now` maps captured values to the number of the step's value that holds them."""

    captured: Captured
    names: Counter[str] = field(default_factory=lambda: Counter(input=1))  # a graph's input has this name
    steps: list[Step] = field(default_factory=list)
    now: dict[int, int] = field(default_factory=dict)
    calls: Counter[nn.Module] = field(default_factory=Counter)

    def record(self, record: Record) -> None:
        """Append the steps of one call."""
        need(len(record.outputs) == 1, "BT2102", f"it returns {len(record.outputs)} tensors",
             "use functions that return one tensor")
        module = record.module
        if module is None:
            value = self._function(record)
        elif isinstance(module, qnn.QuantEltwiseAdd):
            value = self._sum_module(record, module)
        elif isinstance(module, BitwiseModule):
            value = self._bitwise(record, module)
        else:
            value = self._chain(record, self._first(record), self._module(record, module))
        self.now[record.outputs[0]] = value

    def _function(self, record: Record) -> int:
        if record.name in PAIRS:
            return self._pair(record, PAIRS[record.name])
        if record.name in ("cat", "concat", "concatenate"):
            return self._concatenation(record)
        rule = FUNCTIONS.get(record.name)
        if rule is None or len(record.inputs) != 1 or not record.args or not isinstance(record.args[0], Ref):
            obstacle("BT2102", f"{record.name}() on {len(record.inputs)} tensor(s) of the graph has no integer form",
                     f"use {SUPPORTED_FUNCTIONS}; compute everything else before or after the model")
        try:
            acts = rule(self._call(record), *record.args[1:], **record.kwargs)
        except TypeError:
            obstacle("BT2102", f"{record.name}() is called with arguments that have no integer form: "
                     f"{record.args[1:]} {record.kwargs}", "use its plain form")
        return self._chain(record, self._first(record), [("", act) for act in acts])

    def _module(self, record: Record, module: nn.Module) -> list[Named]:
        """The steps of a module with one operand."""
        need(len(record.inputs) == 1 and isinstance((*record.args, *record.kwargs.values())[0], Ref), "BT2101",
             f"{type(module).__name__} reads {len(record.inputs)} tensors", "use modules of one operand, + and cat")
        call = self._call(record)
        if isinstance(module, ActQuantProxyFromInjectorBase):
            return self._quantizer(module, "", len(call.x))
        if isinstance(module, QuantNonLinearActLayer):
            return [*self._quantizer(module.input_quant, ".input_quant", len(call.x)),
                    *self._quantizer(module.act_quant, "", len(call.out))]
        kind = next((k for k in type(module).__mro__ if k in LAYERS or k in MODULES), None)
        need(kind is not None, "BT2101", f"{type(module).__name__} is not quantized, or has no integer form",
             f"use {SUPPORTED_MODULES}; softmax and the like belong behind the model")
        _need_own_code(module, kind)
        if kind in LAYERS:
            return self._layer(module, LAYERS[kind](module, call), call)
        return [("", act) for act in MODULES[kind](module, call)]  # type: ignore[index]

    def _layer(self, layer: Any, acts: list[Named], call: Call) -> list[Named]:
        return [*self._quantizer(layer.input_quant, ".input_quant", len(call.x)), *acts,
                *self._quantizer(layer.output_quant, ".output_quant", len(call.out))]

    def _quantizer(self, proxy: Any, suffix: str, rank: int) -> list[Named]:
        """A proxy's activation function, then its quantizer; each only if it is there."""
        fused = getattr(proxy, "fused_activation_quant_proxy", None)
        acts: list[Named] = [] if fused is None else \
            [(suffix + ".act", act) for act in activation(fused.activation_impl) if not isinstance(act, Same)]
        if proxy.is_quant_enabled:
            acts.append((suffix, read_quantizer(proxy, rank, self.calls[proxy])))
            self.calls[proxy] += 1
        return acts

    def _sum_module(self, record: Record, module: Any) -> int:
        """QuantEltwiseAdd: both operands through one quantizer, then the sum, then another quantizer."""
        rank = len(self.captured.shapes[record.outputs[0]])
        values = []
        for value in record.inputs:
            quantizer = self._quantizer(module.input_quant, ".input_quant", rank)
            values.append(self._chain(record, self.now.get(value, value), quantizer))
        total = self._emit(record, "", Sum(), tuple(values))
        return self._chain(record, total, self._quantizer(module.output_quant, ".output_quant", rank))

    def _bitwise(self, record: Record, module: BitwiseModule) -> int:
        values = tuple(self.now.get(v, v) for v in record.inputs)
        need(len(values) == 2, "BT2101", f"{type(module).__name__} reads {len(values)} tensors of the graph",
             "combine two tensors of the graph")
        return self._emit(record, "", Bitwise(type(module).function, SCALE), values)

    def _pair(self, record: Record, act: Act) -> int:
        operands = record.args[:2]
        values = [self.now.get(o.value, o.value) for o in operands if isinstance(o, Ref)]
        others = [o for o in operands if not isinstance(o, Ref)]
        nothing = isinstance(act, Sum) and all(isinstance(o, (int, float)) and o == 0 for o in others)
        if len(values) == 1 and nothing:
            return self._emit(record, "", Same(), tuple(values))  # sum() of a list starts at 0
        need(len(values) == 2 and record.kwargs.get("alpha", 1) == 1, "BT2102", "it adds something that is no tensor "
             "of the graph, or a multiple of one", "add two tensors that come from quantizers with one scale")
        return self._emit(record, "", act, tuple(values))

    def _concatenation(self, record: Record) -> int:
        values = tuple(self.now.get(v, v) for v in record.inputs)
        listed = record.args[0] if record.args else record.kwargs.get("tensors", ())
        need(len(listed) == len(values), "BT2102", "it joins something that is no tensor of the graph",
             "join tensors that come from quantizers")
        options = {k: v for k, v in record.kwargs.items() if k != "tensors"}
        return self._emit(record, "", Join(self._axis(record, *record.args[1:], **options)), values)

    def _axis(self, record: Record, dim: int = 0, axis: int | None = None) -> int:
        """The axis of the sample that a concatenation joins along."""
        joined = (dim if axis is None else axis) % len(self.captured.shapes[record.outputs[0]])
        need(joined > 0, "BT2118", "it joins along the batch axis", "join along the channels: torch.cat(tensors, 1)")
        return joined - 1

    def _chain(self, record: Record, value: int, acts: Iterable[Named]) -> int:
        for suffix, act in acts:
            value = self._emit(record, suffix, act, (value,))
        return value

    def _emit(self, record: Record, suffix: str, act: Act, inputs: tuple[int, ...]) -> int:
        base = record.path if record.module is not None else f"{record.path}.{record.name}".lstrip(".")
        name = (base + suffix).lstrip(".") or type(record.module).__name__.lower()
        self.names[name] += 1
        unique = name if self.names[name] == 1 else f"{name}_{self.names[name]}"
        output = len(self.captured.shapes) + len(self.steps)
        self.steps.append(Step(unique, act, inputs, output, record.where))
        return output

    def _first(self, record: Record) -> int:
        value = record.inputs[0]
        return self.now.get(value, value)

    def _call(self, record: Record) -> Call:
        shapes = self.captured.shapes
        return Call(shapes[record.inputs[0]], shapes[record.outputs[0]], self.captured.batch)
