"""The page of all keys of an ai8x network description, generated from their table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..targets.max7800x.ai8x.differences import DIFFERENCES
from ..targets.max7800x.ai8x.input import DATA_SETS
from ..targets.max7800x.ai8x.keys import GLOBAL_KEYS, LIST_KEYS, LIST_MEANINGS, OPERATIONS, Key

_INTRODUCTION = """\
# Network descriptions of ai8x

A description is a YAML mapping: keys of the whole network, and below `layers` a list of mappings, one per layer.
Numbers may be decimal or hexadecimal (`0x2000`); a 64-bit map may have dots and underscores between its hexadecimal
digits (`0x0000.0000.0000.0fff`). Words may be written in any case. A wrong key or value is reported with its line; all
problems of a description and its checkpoint are reported at once."""

_INPUT = """\
The shape of the network's input is that of the sample. Without a sample it is `in_dim` and `in_channels` of the first
layer (layers with weights need no `in_channels`), else that of the data set, where its name is one of these (in any
case, punctuation does not count):"""

_CHECKPOINT = """\
The n-th layer with weights takes the n-th tensor `*.weight` of the checkpoint; names do not count. Layers of these
operations have weights: Conv1d, Conv2d, ConvTranspose2d, Linear, unless they state `bypass` or `weight_source`. Beside
a layer's weights are `weight_bits`, `output_shift` and `bias`; a bias is divided by 2**(weight_bits - 1) and rounded
down. A checkpoint whose weights are no integers is quantized: by the rule of quantization-aware training
(`weight_bits`, `shift_quantile`), or by a clipping method."""


def ai8x_page() -> str:
    """Markdown: tables of all keys, of the operations, of the data sets, and of the differences from ai8xize."""
    return "\n".join([_INTRODUCTION, *_lists(), "", "## Operations", "", "| word | operation |", "|---|---|",
                      *_operations(), "", "## Input", "", _INPUT, "", "| data set | shape |", "|---|---|",
                      *_data_sets(), "", "## Checkpoint", "", _CHECKPOINT, "", "## Differences from ai8xize", "",
                      "| subject | here | ai8xize |", "|---|---|---|",
                      *(f"| {d.subject} | {d.here} | {d.peer} |" for d in DIFFERENCES)]) + "\n"


def _lists() -> Iterator[str]:
    yield from _table("The whole network", GLOBAL_KEYS, "Beside these, lists:")
    yield from ("", "| list | items |", "|---|---|", *(f"| `{key}` | {LIST_MEANINGS[key]} |" for key in LIST_KEYS))
    for name, keys in LIST_KEYS.items():
        yield from _table(f"Items of `{name}`", keys)


def _table(title: str, keys: Sequence[Key], after: str = "") -> Iterator[str]:
    yield from ("", f"## {title}", "", "| key | value | meaning | default | device |", "|---|---|---|---|---|")
    yield from (_row(key) for key in keys)
    yield from ("", after) if after else ()


def _row(key: Key) -> str:
    names = ", ".join(f"`{name}`" for name in key.names)
    default = "required" if key.required else key.default
    return f"| {names} | {key.value} | {key.meaning} | {default} | {key.device or 'both'} |"


def _operations() -> Iterator[str]:
    for word, (operator, eltwise) in OPERATIONS.items():
        yield f"| `{word}` | {operator.value if eltwise is None else f'element-wise {eltwise.value}'} |"


def _data_sets() -> Iterator[str]:
    yield from (f"| {name} | {' x '.join(map(str, shape))} |" for name, shape in sorted(DATA_SETS.items()))
