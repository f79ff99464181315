"""From a plain trained `nn.Module` to a quantized one, made of standard Brevitas layers.

Rules that the result keeps, so that it can be frozen to integers: every tensor that enters a convolution, a linear
layer or a pooling is quantized; the operands of an addition or concatenation go through one and the same quantizer; a
batch norm reads an accumulator or a quantized tensor; a LeakyReLU is followed by its quantizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor, fx, nn

from ..errors import BadInput, Diagnostics, declare, fail
from .capture import Captured, Change, capture, free_name
from .modules import Kind, output_size
from .presets import Preset, activation_quantizer, input_quantizer, preset_named, weight_quantizer
from .scales import is_calibrated, set_activation_scales, set_weight_scales

declare({
    "BT2020": "an override names no layer of the model",
    "BT2021": "the example input is no float32 tensor with a batch axis",
})

SLOPE_BITS = 8
"""A LeakyReLU's slope is a whole number of 2**-SLOPE_BITS: the graph multiplies by it and shifts."""

Overrides = Mapping[str, "str | Preset | Mapping[str, Any]"]
"""Module path (or pattern, `layer1.*`) -> a preset, its name, or the fields to change."""


class QuantizedModel(fx.GraphModule):
    """A fake-quantized network: an ordinary `nn.Module` that trains, saves and loads like any other.

    `report` lists what quantization changed in the function that the model computes; `preset` is what it was made with.
    """

    @property
    def report(self) -> tuple[Change, ...]:
        return tuple(self.meta["bittrue.report"])

    @property
    def preset(self) -> Preset:
        preset: Preset = self.meta["bittrue.preset"]
        return preset


class State(Enum):
    """What is known about a tensor between two quantizers."""

    QUANTIZED = "integers times a scale"
    ACCUMULATOR = "integer sums times scales"
    AFFINE = "an accumulator after batch norm"
    SLOPED = "after a LeakyReLU"


READS: dict[Kind, tuple[State, ...]] = {
    Kind.LAYER: (State.QUANTIZED,),
    Kind.AVG_POOL: (State.QUANTIZED,),
    Kind.MAX_POOL: (State.QUANTIZED,),
    Kind.PAD: (State.QUANTIZED,),
    Kind.SHAPE: (State.QUANTIZED,),
    Kind.NORM: (State.QUANTIZED, State.ACCUMULATOR),
    Kind.RELU: (State.QUANTIZED, State.ACCUMULATOR, State.AFFINE),
    Kind.LEAKY: (State.QUANTIZED, State.ACCUMULATOR, State.AFFINE),
}
"""In which state each kind of node takes its operand; in any other, a quantizer goes in between. Operands of additions
and concatenations always share a quantizer."""

MAKES: dict[Kind, State] = {
    Kind.LAYER: State.ACCUMULATOR,
    Kind.AVG_POOL: State.ACCUMULATOR,
    Kind.ADD: State.ACCUMULATOR,
    Kind.NORM: State.AFFINE,
    Kind.LEAKY: State.SLOPED,
    **dict.fromkeys((Kind.MAX_POOL, Kind.PAD, Kind.SHAPE, Kind.CAT, Kind.RELU), State.QUANTIZED),
}


def quantize(model: nn.Module, preset: str | Preset, *, example_input: Tensor | tuple[Tensor, ...],
             overrides: Overrides | None = None, signed_input: bool | None = None) -> QuantizedModel:
    """The fake-quantized form of a plain model, with its trained weights; the model itself is not touched.

    `example_input` is a float32 batch (N, C, *size) of real samples (a tuple for several inputs): scales start from it
    (`calibrate` and `fit` take more data). The input is quantized signed when it holds negative values, or as
    `signed_input` says. `overrides` gives layers their own preset, e.g. `{"conv1": {"weight_bits": 8}, "head.*":
    "w8a8"}`.

    Raises `Unsupported` (BT2010, BT2012..BT2016) listing everything that cannot be quantized; `BadInput` (BT2001,
    BT2002, BT2011, BT2020, BT2021).
    """
    examples = example_input if isinstance(example_input, tuple) else (example_input,)
    _check_examples(examples)
    base = preset_named(preset)
    captured = capture(model, examples)
    chosen = _Choice(base, overrides or {}, _paths(captured))
    _Quantizers(captured, chosen, _signs(examples, signed_input)).insert()
    quantized = QuantizedModel(captured.module, captured.module.graph)
    fixed = [name for name, parameter in quantized.named_parameters() if not parameter.requires_grad]
    quantized.meta.update({"bittrue.report": captured.changes, "bittrue.preset": base, "bittrue.fixed": fixed})
    quantized.register_load_state_dict_post_hook(_keep_fixed)  # type: ignore[no-untyped-call]
    set_activation_scales(quantized, [examples])
    set_weight_scales(quantized)
    return quantized.train(model.training)


def _check_examples(examples: tuple[Tensor, ...]) -> None:
    for x in examples:
        if not isinstance(x, Tensor) or x.dtype != torch.float32 or x.ndim < 2 or not x.numel():
            given = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            fail(BadInput, "BT2021", "example input", f"it is {given}", "give a torch.float32 tensor (batch, channels, "
                 "*size) of real samples")


def _signs(examples: tuple[Tensor, ...], signed: bool | None) -> list[bool]:
    return [bool((x < 0).any()) if signed is None else signed for x in examples]


def _paths(captured: Captured) -> list[str]:
    return [captured.path(node) for node in captured.kinds]


class _Choice:
    """Which preset each module path gets. Raises `BadInput` (BT2001, BT2002, BT2020), all wrong overrides at once."""

    def __init__(self, base: Preset, overrides: Overrides, paths: list[str]) -> None:
        self.base = base
        self.patterns: dict[str, Preset] = {}
        found = Diagnostics()
        for pattern, change in overrides.items():
            if not any(fnmatchcase(path, pattern) for path in paths):
                found.add("BT2020", f"override {pattern!r}", "no layer has this path", f"use one of {', '.join(paths)}")
            try:
                self.patterns[pattern] = (base.changed(f"override {pattern!r}", **change)
                                          if isinstance(change, Mapping) else preset_named(change))
            except BadInput as error:
                found.extend(error)
        found.raise_as(BadInput)

    def at(self, path: str) -> Preset:
        """The preset of a path: the last pattern that matches it."""
        return next((p for pattern, p in reversed(self.patterns.items()) if fnmatchcase(path, pattern)), self.base)


class _Quantizers:
    """Puts quantized layers and quantizers into a canonical graph."""

    def __init__(self, captured: Captured, choice: _Choice, signed_inputs: list[bool]) -> None:
        self.captured, self.choice, self.signed_inputs = captured, choice, signed_inputs
        self.module, self.graph = captured.module, captured.module.graph
        self.states: dict[fx.Node, State] = {}
        self.non_negative: set[fx.Node] = set()
        self.layers = [str(n.target) for n, kind in captured.kinds.items() if kind is Kind.LAYER]

    def insert(self) -> None:
        inputs = iter(self.signed_inputs)
        for node in list(self.graph.nodes):
            if node.op == "placeholder":
                self.visit_input(node, next(inputs))
            elif node.op == "output":
                self.visit_output(node)
            else:
                self.visit(node, self.captured.kinds[node])
        self.graph.lint()
        self.module.delete_all_unused_submodules()
        self.module.recompile()

    def visit_input(self, node: fx.Node, signed: bool) -> None:
        quantizer = qnn.QuantIdentity(act_quant=input_quantizer(self.choice.base, signed=signed))
        _fix_scale(quantizer)
        self.behind(node, f"{node.name}_quant", quantizer, non_negative=not signed)

    def visit(self, node: fx.Node, kind: Kind) -> None:
        if kind in (Kind.ADD, Kind.CAT):
            self.share(node)
        else:
            self.operand(node, kind)
            REPLACE.get(kind, _Quantizers.keep)(self, node)
        self.states[node] = MAKES[kind]
        if self.states[node] is not State.QUANTIZED and len(node.users) > 1:
            self.quantize(node)  # several readers share one quantized tensor instead of one accumulator

    def operand(self, node: fx.Node, kind: Kind) -> None:
        """Quantize the operand of a node that cannot read it as it is."""
        source: Any = node.args[0]
        raw_output = kind is Kind.SHAPE and all(user.op == "output" for user in node.users)
        if self.states[source] not in READS[kind] and not (raw_output and self.states[source] is State.ACCUMULATOR):
            self.quantize(source)
        if kind in (Kind.AVG_POOL, Kind.MAX_POOL, Kind.PAD, Kind.SHAPE) and node.args[0] in self.non_negative:
            self.non_negative.add(node)

    def visit_output(self, node: fx.Node) -> None:
        """Results are accumulators (logits) or quantized; anything else gets an 8-bit quantizer."""
        for source in node.all_input_nodes:
            if self.states[source] not in (State.ACCUMULATOR, State.QUANTIZED) or self.is_sum(source):
                self.quantize(source, activation_bits=8)

    def is_sum(self, node: fx.Node) -> bool:
        return self.captured.kinds.get(node) in (Kind.ADD, Kind.AVG_POOL)

    def quantize(self, node: fx.Node, **changes: Any) -> None:
        """Put a quantizer behind a node, for all its readers."""
        path = self.captured.path(node)
        preset = self.choice.at(path).changed(path, **changes)
        signed = node not in self.non_negative
        self.behind(node, f"{node.name}_quant", self.identity(preset, signed=signed), non_negative=not signed)

    def identity(self, preset: Preset, *, signed: bool) -> nn.Module:
        quantizer: nn.Module = qnn.QuantIdentity(act_quant=activation_quantizer(preset, signed=signed))
        if not preset.learned_activation_scale:
            _fix_scale(quantizer)
        return quantizer

    def behind(self, node: fx.Node, name: str, quantizer: nn.Module, *, non_negative: bool) -> None:
        new = self.call(name, quantizer, node)
        node.replace_all_uses_with(new, delete_user_cb=lambda user: user is not new)
        self.mark(new, non_negative=non_negative)

    def call(self, name: str, module: nn.Module, node: fx.Node) -> fx.Node:
        name = free_name(self.module, name)
        self.module.add_submodule(name, module)
        with self.graph.inserting_after(node):
            new = self.graph.call_module(name, (node,))
        self.captured.shapes[new] = self.captured.shapes[node]
        return new

    def mark(self, node: fx.Node, *, non_negative: bool) -> None:
        self.states[node] = State.QUANTIZED
        if non_negative:
            self.non_negative.add(node)

    def share(self, node: fx.Node) -> None:
        """Give all operands of an addition or concatenation one quantizer."""
        is_cat = self.captured.kinds[node] is Kind.CAT
        operands: list[Any] = list(node.args[0] if is_cat else node.args)  # type: ignore[arg-type]
        if all(_own_relu(self.module, operand, node) for operand in operands):
            for operand in operands:
                operand.target = operands[0].target
        else:
            operands = self.requantized(node, operands)
            node.args = (tuple(operands), node.args[1]) if is_cat else tuple(operands)
        if all(operand in self.non_negative for operand in operands):
            self.non_negative.add(node)

    def requantized(self, node: fx.Node, operands: list[Any]) -> list[fx.Node]:
        preset = self.choice.at(self.captured.path(node))
        non_negative = all(operand in self.non_negative for operand in operands)
        name = free_name(self.module, f"{node.name}_operand_quant")
        self.module.add_submodule(name, self.identity(preset, signed=not non_negative))
        calls: dict[fx.Node, fx.Node] = {}
        for operand in operands:
            if operand not in calls:
                with self.graph.inserting_after(operand):
                    calls[operand] = self.graph.call_module(name, (operand,))
                self.mark(calls[operand], non_negative=non_negative)
        return [calls[operand] for operand in operands]

    def keep(self, node: fx.Node) -> None:
        """This module stays as it is."""

    def layer(self, node: fx.Node) -> None:
        path = str(node.target)
        plain: Any = self.module.get_submodule(path)
        if not isinstance(plain, qnn.QuantConv1d | qnn.QuantConv2d | qnn.QuantLinear):  # a shared layer is one already
            preset = self.choice.at(path)
            ends = {self.layers[-1]: preset.last_weight_bits, self.layers[0]: preset.first_weight_bits}
            _replace(self.module, path, quantized_layer(plain, preset, ends.get(path)))

    def relu(self, node: fx.Node) -> None:
        path = self.captured.path(node)
        preset = self.choice.at(path)
        clip = 6.0 if isinstance(self.module.get_submodule(path), nn.ReLU6) else None
        quantizer = qnn.QuantReLU(act_quant=activation_quantizer(preset, signed=False, clip=clip))
        if not preset.learned_activation_scale:
            _fix_scale(quantizer)
        if clip is not None:
            self.captured.changes.append(Change(path, "ReLU6 becomes a ReLU whose quantizer clips, from 6 on at first"))
        node.target = self.own(node, quantizer)
        self.non_negative.add(node)

    def leaky(self, node: fx.Node) -> None:
        path = self.captured.path(node)
        slope = float(getattr(self.module.get_submodule(path), "negative_slope"))  # noqa: B009
        steps = round(slope * 2**SLOPE_BITS)
        if steps / 2**SLOPE_BITS != slope:
            self.captured.changes.append(Change(path, f"the slope {slope:g} becomes {steps}/{2**SLOPE_BITS}, the "
                                                "nearest that the integer graph has"))
        node.target = self.own(node, nn.LeakyReLU(steps / 2**SLOPE_BITS))

    def avg_pool(self, node: fx.Node) -> None:
        """An adaptive pooling with an output larger than 1 becomes the plain pooling that it is at this input size."""
        path = self.captured.path(node)
        pool = self.module.get_submodule(path)
        if not isinstance(pool, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d):
            return
        size = self.captured.shapes[node.args[0]][2:]  # type: ignore[index]
        wanted = output_size(pool, size)
        if set(wanted) != {1}:
            window = tuple(s // w for s, w in zip(size, wanted, strict=True))
            plain = nn.AvgPool1d(window[0]) if len(window) == 1 else nn.AvgPool2d(window)  # type: ignore[arg-type]
            node.target = self.own(node, plain)
            self.captured.changes.append(Change(path, f"the adaptive pooling becomes an average over {window} (the "
                                                "same values at this input size)"))

    def own(self, node: fx.Node, module: nn.Module) -> str:
        """Put `module` where the node's module is, or beside it when other calls use that one too."""
        path = str(node.target)
        shared = sum(n.target == path for n in self.graph.nodes) > 1
        if not shared:
            _replace(self.module, path, module)
            return path
        name = free_name(self.module, node.name)
        self.module.add_submodule(name, module)
        return name


REPLACE = {Kind.LAYER: _Quantizers.layer, Kind.RELU: _Quantizers.relu, Kind.LEAKY: _Quantizers.leaky,
           Kind.AVG_POOL: _Quantizers.avg_pool}


def quantized_layer(plain: Any, preset: Preset, bits: int | None) -> nn.Module:
    """The Brevitas form of a convolution or linear layer, with the same weights."""
    quantizer = weight_quantizer(preset, bits)
    common = {"bias": plain.bias is not None, "weight_quant": quantizer, "device": plain.weight.device}
    if isinstance(plain, nn.Linear):
        layer = qnn.QuantLinear(plain.in_features, plain.out_features, **common)
    else:
        kind = qnn.QuantConv1d if isinstance(plain, nn.Conv1d) else qnn.QuantConv2d
        layer = kind(plain.in_channels, plain.out_channels, plain.kernel_size, stride=plain.stride,
                     padding=_padding(plain), dilation=plain.dilation, groups=plain.groups, **common)
    with torch.no_grad():  # in place: the quantizer holds the parameter itself
        for name, parameter in plain.named_parameters():
            layer.get_parameter(name).copy_(parameter)
    return layer  # type: ignore[no-any-return]


def _padding(conv: Any) -> tuple[int, ...]:
    """Padding per side; 'same' is known to be symmetric here."""
    if conv.padding == "valid":
        return (0,) * len(conv.kernel_size)
    if conv.padding == "same":
        return tuple((k - 1) * d // 2 for k, d in zip(conv.kernel_size, conv.dilation, strict=True))
    return tuple(conv.padding)


def _own_relu(module: fx.GraphModule, operand: fx.Node, reader: fx.Node) -> bool:
    """Whether an operand is a QuantReLU (with a calibrated threshold) that nobody else reads."""
    if operand.op != "call_module" or set(operand.users) != {reader}:
        return False
    relu = module.get_submodule(str(operand.target))
    return isinstance(relu, qnn.QuantReLU) and is_calibrated(relu)


def _keep_fixed(model: Any, keys: Any) -> None:
    """Loading weights makes Brevitas build new scale parameters: fix those again that training must not touch."""
    for name in model.meta["bittrue.fixed"]:
        model.get_parameter(name).requires_grad_(False)


def _fix_scale(quantizer: Any) -> None:
    """Leave a quantizer's scale to calibration: training does not touch it."""
    for parameter in quantizer.parameters():
        parameter.requires_grad_(False)


def _replace(root: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, module)
