"""Reading a network description: values, lines, names, and every problem at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bittrue.errors import BadInput
from bittrue.targets.max7800x.ai8x import read_description
from bittrue.targets.max7800x.ai8x import values as v
from bittrue.targets.max7800x.ai8x.description import BufferKeys, Description, LayerKeys, Region
from bittrue.targets.max7800x.ai8x.keys import (
    BUFFER_KEYS,
    GLOBAL_KEYS,
    LAYER_KEYS,
    LIST_KEYS,
    OPERATIONS,
    UNLOAD_KEYS,
    Key,
    by_name,
)
from bittrue.targets.max7800x.network import Activation, Eltwise, Operator

from .ai8x_files import GOOD, parsed, problems


def layer(text: str) -> LayerKeys:
    """The only layer of a description with these keys."""
    lines = "".join(f"    {line}\n" for line in f"processors: 1\n{text}".splitlines())
    description, found = parsed(f"arch: a\ndataset: d\nlayers:\n  -\n{lines}")
    assert not found.items, found.items
    return description.layers[0]


def test_keys_and_their_lines() -> None:
    description, found = parsed(GOOD)
    assert not found.items
    assert (description.arch, description.dataset, description.lines) == (
        "tinynet", "shapes", {"arch": 1, "dataset": 2, "layers": 3})
    stem, left, _, total, head = description.layers
    assert (stem.number, stem.name, stem.processors, stem.out_offset) == (0, "stem", 3, 0x2000)
    assert (stem.line, stem.lines["operation"], stem.where("pad")) == (4, 7, "net.yaml:9, layer 0 (stem)")
    assert (stem.data_format, stem.activate, stem.in_dim) == (False, Activation.RELU, (10, 6))
    assert (left.max_pool, left.pool_stride, left.kernel_size, left.activate) == ((2, 3), (2, 2), (1, 1), None)
    assert total.operation == (Operator.PASSTHROUGH, Eltwise.ADD)
    assert total.in_sequences == ("left", "right")
    assert (head.number, head.flatten, head.quantization, head.output_width) == (4, True, 4, 32)


@pytest.mark.parametrize(("text", "key", "value"), [
    ("op: FC", "operation", (Operator.LINEAR, None)),
    ("operator: ConvTranspose2d", "operation", (Operator.CONVTRANSPOSE2D, None)),
    ("convolution: BitwiseXor", "operation", (Operator.PASSTHROUGH, Eltwise.XOR)),
    ("activation: abs", "activate", Activation.ABS),
    ("activation: None", "activate", Activation.NONE),
    ("conv_groups: 3", "groups", 3),
    ("in_skip: 2", "read_gap", 2),
    ("bias_quadrant: 2", "bias_group", (2,)),
    ("bias_group: [3, 1]", "bias_group", (1, 3)),
    ("quantization: bin", "quantization", v.BINARY),
    ("quantization: Binary", "quantization", v.BINARY),
    ("output_shift: -3", "output_shift", -3),
    ("op: conv1d\nkernel_size: 7", "kernel_size", (7,)),
    ("kernel_size: '3X3'", "kernel_size", (3, 3)),
    ("in_dim: 128", "in_dim", (128, 1)),
    ("in_crop: [3, 0]", "in_crop", (3, 0)),
    ("in_sequences: -1", "in_sequences", (v.STOP,)),
    ("in_sequences: [Input, 0, Layer-A]", "in_sequences", (v.STOP, 0, "layer-a")),
    ("next_sequence: STOP", "next_sequence", v.STOP),
    ("simulated_sequence: 3", "simulated_sequence", 3),
    ("output_processors: 0xffff_ffff", "output_processors", 0xFFFFFFFF),
    ("output_processors: '0_f.00'", "output_processors", 0xF00),
    ("output_processors: 0xffff.ffff.ffff.ffff", "output_processors", 2**64 - 1),
    ("streaming: yes", "streaming", True),
    ("pool_first: false\nmax_pool: 2\neltwise: add", "pool_first", False),
    ("name: 2020-01-02", "name", "2020-01-02"),
])
def test_values(text: str, key: str, value: Any) -> None:
    assert getattr(layer(text), key) == value


@pytest.mark.parametrize("word", OPERATIONS)
def test_every_operation_in_any_case(word: str) -> None:
    assert layer(f"operation: {word.upper()}").operation == OPERATIONS[word]


def test_numbers_of_layers_have_gaps_and_sort_the_layers() -> None:
    item = "  - processors: 1\n"
    description, _ = parsed(f"arch: a\ndataset: d\nlayers:\n{item}    sequence: 7\n{item}{item}    sequence: 2\n{item}")
    assert [keys.number for keys in description.layers] == [2, 3, 7, 8]
    assert [keys.line for keys in description.layers] == [7, 9, 4, 6]


def test_lists_of_the_whole_network() -> None:
    description, found = parsed("""\
arch: a
dataset: d
snoop: [0x201001, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xffffffff]
output_map: 0xff0
data_buffer:
  - {name: roll, processors: 0xf0, dim: 15, channels: 4, offset: 0x7fc4}
unload:
  - {processors: 0xf, dim: [3, 4], channels: 4, offset: 16, width: 32, write_gap: 1}
  - {processors: 1, dim: 5, channels: 1, offset: 0}
layers:
  - processors: 1
""")
    assert not found.items
    assert description.snoop is not None
    assert (description.snoop[0], description.snoop[31]) == (0x201001, 2**32 - 1)
    assert description.output_map == 0xFF0
    buffer = description.buffer
    assert buffer is not None
    assert (buffer.name, buffer.dim, buffer.channels, buffer.offset, buffer.line) == ("roll", (15, 1), 4, 0x7FC4, 6)
    first, second = description.unload
    assert (first.dim, first.width, first.write_gap, first.line) == ((3, 4), 32, 1, 8)
    assert (second.dim, second.width) == ((5, 1), None)


@pytest.mark.parametrize(("table", "kind"), [
    (LAYER_KEYS, LayerKeys), (BUFFER_KEYS, BufferKeys), (UNLOAD_KEYS, Region), (GLOBAL_KEYS, Description)])
def test_tables_and_dataclasses_have_the_same_keys(table: tuple[Key, ...], kind: type) -> None:
    own = {"path", "line", "lines", "bad", "number", *LIST_KEYS}
    assert {key.name for key in table} == set(kind.__dataclass_fields__) - own  # type: ignore[attr-defined]
    assert len(by_name(table)) == sum(len(key.names) for key in table)


def test_the_public_reader_raises_everything(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("arch: 5\ndataset: d\nlayers:\n  - pad: x\n  - processors: 1\n    padding: 1\n", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_description(path)
    assert problems(caught.value) == [("BT5202", 6), ("BT5204", 4), ("BT5205", 1), ("BT5205", 4)]
    fixes = {item.code: item.fix for item in caught.value.diagnostics}
    assert fixes["BT5202"] == "did you mean pad?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInput) as caught:
            read_description(path)
        assert [item.code for item in caught.value.diagnostics] == ["BT5219"]


@pytest.mark.parametrize(("value", "shown"), [
    (None, "empty"), (True, "true"), ("x" * 60, f"'{'x' * 36}..."), (1 << 70, "a number of 71 bits"), ([1], "[1]")])
def test_values_in_messages(value: Any, shown: str) -> None:
    assert v.describe(value) == shown
