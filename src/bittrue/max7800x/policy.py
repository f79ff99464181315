"""The policy file: when quantization starts, when batch norms are folded, how many bits the weights of a layer have.

It is the YAML file that ai8x-training takes as `--qat-policy`:

    start_epoch: 10          # epochs in float, before quantization
    weight_bits: 2           # of all layers: 1, 2, 4 or 8
    shift_quantile: 0.985    # fraction of the weights that the output shift covers (default 1.0: all)
    fold_epoch: 8            # when batch norms become part of the weights (default: at start_epoch)
    overrides:
      conv1: {weight_bits: 8}
      stage2.*: {weight_bits: 4, shift_quantile: 1.0}

`overrides` names layers by their path in the model, or by a pattern; of several that match, the last one counts. A path
comes before a pattern. `fold_epoch`, patterns and a layer's own `shift_quantile` are extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadInput, Diagnostics, declare, fail

declare({
    "BT5341": "a policy file cannot be read",
    "BT5342": "a policy has an unknown or a repeated key",
    "BT5343": "a value of a policy is wrong",
    "BT5344": "a policy lacks a key",
    "BT5345": "an override of a policy names no layer",
})

WEIGHT_BITS = (1, 2, 4, 8)
"""Widths that the kernel memory has."""

MOST_EPOCHS = 10**6


@dataclass(frozen=True)
class LayerPolicy:
    """How one layer is quantized; None stands for what the policy says of all layers."""

    weight_bits: int | None = None
    shift_quantile: float | None = None


@dataclass(frozen=True)
class Policy:
    """How a model is quantized, and when."""

    weight_bits: int = 8
    start_epoch: int = 10
    shift_quantile: float = 1.0
    fold_epoch: int | None = None
    overrides: Mapping[str, LayerPolicy] = field(default_factory=dict)
    where: str = "policy"
    """For diagnostics: its file."""

    @property
    def folds_at(self) -> int:
        """The epoch at which batch norms are folded."""
        return self.start_epoch if self.fold_epoch is None else self.fold_epoch

    def of(self, path: str, own_bits: int | None = None) -> tuple[int, float]:
        """Weight bits and shift quantile of the layer at `path`: of an override, else the bits that the layer was
        made with, else those of all layers.

        >>> Policy(2, overrides={"conv*": LayerPolicy(8), "conv2": LayerPolicy(4)}).of("conv2")
        (4, 1.0)
        """
        own = self._override(path)
        bits = next(b for b in (own.weight_bits, own_bits, self.weight_bits) if b is not None)
        return bits, self.shift_quantile if own.shift_quantile is None else own.shift_quantile

    def _override(self, path: str) -> LayerPolicy:
        if path in self.overrides:
            return self.overrides[path]
        matching = [layer for pattern, layer in self.overrides.items() if fnmatchcase(path, pattern)]
        return matching[-1] if matching else LayerPolicy()

    def check_layers(self, paths: list[str]) -> None:
        """Raises `BadInput` (BT5345) naming every override that matches none of a model's layers."""
        found = Diagnostics()
        for pattern in self.overrides:
            if not any(fnmatchcase(path, pattern) for path in paths):
                found.add("BT5345", f"{self.where}, overrides", f"no layer with weights has the path {pattern!r}",
                          f"use one of {', '.join(paths)}")
        found.raise_as(BadInput)


def read_policy(path: str | Path) -> Policy:
    """The policy in a file. Raises `BadInput` (BT5341..BT5344) with everything that is wrong with it, by line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(BadInput, "BT5341", str(path), f"it cannot be read: {error}", "name a YAML file with a policy")
    return parse_policy(text, str(path))


def parse_policy(text: str, where: str = "policy") -> Policy:
    """The policy that a YAML text states; `where` names it in diagnostics. Raises as `read_policy`.

    >>> parse_policy("{start_epoch: 3, weight_bits: 4, overrides: {fc: {weight_bits: 8}}}").of("fc")
    (8, 1.0)
    """
    found = Diagnostics()
    content = _Section(_document(text, where), where, found)
    values = content.read(POLICY, REQUIRED)
    if not found and values.get("fold_epoch", 0) > values["start_epoch"]:
        content.wrong("fold_epoch", f"is {values['fold_epoch']}, after start_epoch {values['start_epoch']}",
                      "fold before quantization starts, or at the same epoch")
    found.raise_as(BadInput)
    return Policy(**values, where=where)


def _document(text: str, where: str) -> yaml.MappingNode:
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        fail(BadInput, "BT5341", where, f"it is no YAML: {' '.join(str(error).split())}", "correct the syntax")
    if not isinstance(node, yaml.MappingNode):
        fail(BadInput, "BT5341", where, "it does not consist of `key: value` lines",
             "write for example `start_epoch: 10` and `weight_bits: 8`")
    return node


Reader = Callable[["_Section", str, yaml.Node], Any]
"""Takes a key and its value; gives what it means, or None after noting what is wrong."""


@dataclass(frozen=True, eq=False)
class _Section:
    """A mapping of the file; problems go to `found`, with the line they are in."""

    node: yaml.MappingNode
    where: str
    found: Diagnostics

    def read(self, readers: Mapping[str, Reader], required: tuple[str, ...] = ()) -> dict[str, Any]:
        """The values by key, those that are right."""
        values: dict[str, Any] = {}
        for key, node in self.entries():
            reader = readers.get(key)
            if reader is None:
                self.add("BT5342", node, f"the key {key!r} has no meaning", f"use one of {', '.join(readers)}")
            elif (value := reader(self, key, node)) is not None:
                values[key] = value
        keys = [key for key, _ in self.entries()]
        for key in required:
            if key not in keys:
                self.add("BT5344", self.node, f"it has no {key}", f"add a line `{key}: {EXAMPLES[key]}`")
        return values

    def entries(self) -> Iterator[tuple[str, yaml.Node]]:
        """Keys as text, with their values; a key that comes again is noted and left out."""
        seen: set[str] = set()
        for key, node in self.node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else _shown(key)
            if name in seen:
                self.add("BT5342", key, f"the key {name!r} comes again", "keep one of the lines")
            else:
                seen.add(name)
                yield name, node

    def wrong(self, key: str, why: str, fix: str) -> None:
        """Note a problem with the value of a key."""
        self.add("BT5343", dict(self.entries())[key], f"{key} {why}", fix)

    def add(self, code: str, node: yaml.Node, why: str, fix: str) -> None:
        problem = (code, f"{self.where}:{node.start_mark.line + 1}", why, fix)
        if not any((d.code, d.where, d.why, d.fix) == problem for d in self.found):
            self.found.add(*problem)


def _number(kind: type, good: Callable[[Any], bool], wanted: str) -> Reader:
    def read(section: _Section, key: str, node: yaml.Node) -> Any:
        value = _scalar(node)
        right = isinstance(value, (int, kind)) and not isinstance(value, bool) and good(value)
        if not right:
            section.add("BT5343", node, f"{key} is {_shown(node)}", f"use {wanted}")
        return kind(value) if right else None

    return read


def _scalar(node: yaml.Node) -> Any:
    """The value of a number, text, ...; None for lists and mappings."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):
        return None


def _shown(node: yaml.Node) -> str:
    kinds: dict[type[yaml.Node], str] = {yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}
    return kinds.get(type(node)) or repr(node.value)


def _overrides(section: _Section, key: str, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.MappingNode):
        section.add("BT5343", node, f"{key} is {_shown(node)}", "list layers: `conv1: {weight_bits: 8}`")
        return None
    layers = {}
    for name, settings in _Section(node, section.where, section.found).entries():
        if isinstance(settings, yaml.MappingNode):
            layers[name] = LayerPolicy(**_Section(settings, section.where, section.found).read(LAYER))
        else:
            section.add("BT5343", settings, f"{name} is {_shown(settings)}", "write `weight_bits: 8` below it")
    return layers


_EPOCH = _number(int, lambda v: 0 <= v <= MOST_EPOCHS, "a number of epochs, at least 0")
LAYER: dict[str, Reader] = {
    "weight_bits": _number(int, lambda v: v in WEIGHT_BITS, f"one of {', '.join(map(str, WEIGHT_BITS))}"),
    "shift_quantile": _number(float, lambda v: 0 < v <= 1, "a fraction above 0, at most 1.0"),
}
POLICY: dict[str, Reader] = {"start_epoch": _EPOCH, "fold_epoch": _EPOCH, "overrides": _overrides, **LAYER}
"""The keys of a layer and of a policy, and how each is read."""

REQUIRED = ("start_epoch", "weight_bits")
EXAMPLES = {f.name: f.default for f in fields(Policy)}
