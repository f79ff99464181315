"""Damaged descriptions and checkpoints: each gets complete diagnostics with file and line, and never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.targets.max7800x.ai8x import import_ai8x

from .ai8x_files import GOOD, NAME, checkpoint, edited, files, parsed, problems, saved, state, weights

Problems = list[tuple[str, int]]


@dataclass(frozen=True)
class Damage:
    """Lines of the good description that are replaced (None: removed), and what must be reported (code, line)."""

    name: str
    lines: dict[int, str | None]
    wanted: Problems
    """Sorted."""


def one(name: str, line: int, text: str | None, *codes: str, at: int | None = None) -> Damage:
    """A damage of one line that is reported there, or at another line."""
    return Damage(name, {line: text}, [(code, line if at is None else at) for code in sorted(codes)])


LOCAL = (
    one("number for arch", 1, "arch: 5", "BT5205"),
    one("list for arch", 1, "arch: [tinynet]", "BT5205"),
    one("arch misspelt", 1, "archi: tinynet", "BT5202", "BT5204"),
    one("empty dataset", 2, "dataset:", "BT5205"),
    one("global key twice", 2, "dataset: shapes\ndataset: shapes", "BT5203", at=3),
    one("unknown global key", 2, "dataset: shapes\nlayer: 5", "BT5202", at=3),
    one("unload is no list", 2, "dataset: shapes\nunload: 5", "BT5205", at=3),
    one("unload item is no mapping", 2, "dataset: shapes\nunload: [5]", "BT5205", at=3),
    one("unload lacks keys", 2, "dataset: shapes\nunload: [{processors: 1}]", "BT5204", "BT5204", "BT5204", at=3),
    one("output_map too wide", 2, "dataset: shapes\noutput_map: 0x1ffffffffffffffff", "BT5205", at=3),
    one("snoop too short", 2, "dataset: shapes\nsnoop: [1, 2]", "BT5205", at=3),
    one("unknown key of unload", 2, "dataset: shapes\nunload: [{processors: 1, channels: 1, dim: 1, offset: 0, w: 8}]",
        "BT5202", at=3),
    one("buffer without a name", 2, "dataset: shapes\ndata_buffer: [{processors: 1, channels: 1, dim: 1, offset: 0}]",
        "BT5204", at=3),
    one("processors are no number", 5, "    processors: all", "BT5205"),
    one("processors are a fraction", 5, "    processors: 0000.0003", "BT5205"),
    one("no processors at all", 5, "    processors: 0", "BT5205"),
    one("processors negative", 5, "    processors: -1", "BT5205"),
    one("processors beyond 64", 5, "    processors: 0x1.0000.0000.0000.0000", "BT5205"),
    one("processors are a list", 5, "    processors: [0, 1]", "BT5205"),
    one("processors missing", 5, None, "BT5204", at=4),
    one("offset is a text", 6, "    out_offset: 0x20g0", "BT5205"),
    one("offset negative", 6, "    out_offset: -4", "BT5205"),
    one("offset is a flag", 6, "    out_offset: true", "BT5205"),
    one("unknown operation", 7, "    operation: conv3d", "BT5205"),
    one("operation empty", 7, "    operation:", "BT5205"),
    one("operation under two names", 7, "    operation: conv2d\n    op: conv2d", "BT5203", at=8),
    one("kernel is a text", 8, "    kernel_size: big", "BT5205"),
    one("kernel is zero", 8, "    kernel_size: 0x0", "BT5205"),
    one("kernel has one size", 8, "    kernel_size: 3", "BT5206"),
    one("pad is a list", 9, "    pad: [1, 1]", "BT5205"),
    one("pad negative", 9, "    pad: -1", "BT5205"),
    one("pad is a fraction", 9, "    pad: 0.5", "BT5205"),
    one("unknown activation", 10, "    activate: sigmoid", "BT5205"),
    one("activation twice", 10, "    activate: ReLU\n    activation: ReLU", "BT5203", at=11),
    one("three sizes", 11, "    in_dim: [10, 6, 2]", "BT5205"),
    one("size zero", 11, "    in_dim: [10, 0]", "BT5205"),
    one("unknown data format", 12, "    data_format: NCHW", "BT5205"),
    one("unknown key of a layer", 12, "    data_fromat: HWC", "BT5202"),
    one("key without meaning", 12, "    colour: red", "BT5202"),
    one("key is a list", 12, "    ? [a, b]\n    : 1", "BT5202"),
    one("tag of an object", 12, "    data_format: !!python/object/apply:os.getcwd []", "BT5205"),
    one("tag of an object as a number", 12, "    in_offset: !!python/name:os.sep", "BT5205"),
    one("name is a number", 13, "  - name: 17", "BT5205"),
    one("name is reserved", 13, "  - name: Input", "BT5205"),
    one("pooling is a text", 18, "    max_pool: 2x3", "BT5205"),
    one("pooling has three sizes", 18, "    max_pool: [2, 3, 1]", "BT5205"),
    one("pooling twice", 18, "    max_pool: [2, 3]\n    avg_pool: 2", "BT5206", at=19),
    one("pool stride zero", 19, "    pool_stride: 0", "BT5205"),
    one("write gap negative", 23, "    write_gap: -1", "BT5205"),
    one("references in a mapping", 27, "    in_sequences: {a: 1}", "BT5205"),
    one("reference is a fraction", 27, "    in_sequences: 0.5", "BT5205"),
    one("no references", 27, "    in_sequences: []", "BT5205"),
    one("dilation without convolution", 32, "    operation: passthrough\n    dilation: 2", "BT5206", at=33),
    one("stride without convolution", 32, "    operation: passthrough\n    stride: 2", "BT5206", at=33),
    one("shift without convolution", 32, "    operation: passthrough\n    output_shift: 2", "BT5206", at=33),
    one("activation without convolution", 32, "    operation: passthrough\n    activate: ReLU", "BT5206", at=33),
    one("flatten without linear", 32, "    operation: passthrough\n    flatten: true", "BT5206", at=33),
    one("bypass without convolution", 32, "    operation: passthrough\n    bypass: true", "BT5206", at=33),
    one("groups without convolution", 32, "    operation: passthrough\n    groups: 2", "BT5206", at=33),
    one("kernel without convolution", 32, "    operation: passthrough\n    kernel_size: 3x3", "BT5206", at=33),
    one("buffer shift of nothing", 36, "    buffer_shift: 0", "BT5205"),
    one("two element-wise operations", 39, "    operation: add\n    eltwise: xor", "BT5206", at=40),
    one("too many operands", 39, "    operation: add\n    operands: 17", "BT5205", at=40),
    one("pool_first without pooling", 39, "    operation: add\n    pool_first: false", "BT5206", at=40),
    one("operands without element-wise operation", 44, "    flatten: true\n    operands: 2", "BT5206", at=45),
    one("pool dilation without pooling", 44, "    flatten: true\n    pool_dilation: 2", "BT5206", at=45),
    one("output padding of a linear layer", 44, "    flatten: true\n    output_pad: 1", "BT5206", at=45),
    one("flag is a number", 44, "    flatten: 1", "BT5205"),
    one("flag is a text", 44, "    flatten: 'true'", "BT5205"),
    one("three bits", 45, "    quantization: 3", "BT5205"),
    one("sixteen bits of output", 46, "    output_width: 16", "BT5205"),
)
"""Damages that one layer, or the head, shows by itself. The first line of a replacement stays the same line."""

GLOBAL = (
    one("other architecture", 1, "arch: hugenet", "BT5226"),
    one("two layers of one number", 13, "  - name: left\n    sequence: 0", "BT5207", at=14),
    one("two layers of one name", 34, "  - name: Left", "BT5207"),
    one("unknown name", 27, "    in_sequences: trunk", "BT5208"),
    one("unknown number", 27, "    in_sequences: 12", "BT5208"),
    one("reads a later layer", 27, "    in_sequences: head", "BT5208"),
    one("reads itself", 27, "    in_sequences: right", "BT5208"),
    one("runs in a circle", 43, "    operation: linear\n    next_sequence: left", "BT5209", at=44),
    Damage("order on MAX78000", {20: "    operation: conv2d\n    next_sequence: sum"},
           [("BT5208", 37), ("BT5210", 21)]),
    one("snoop on MAX78000", 20, "    operation: conv2d\n    snoop_sequence: 4", "BT5210", at=21),
    one("unknown weight source", 20, "    operation: conv2d\n    weight_source: trunk", "BT5208", at=21),
    one("channels beyond the source's", 20, "    operation: conv2d\n    in_channels: 9", "BT5212", at=21),
    one("other output channels", 20, "    operation: conv2d\n    out_channels: 5", "BT5212", at=21),
    one("groups that the weights do not have", 20, "    operation: conv2d\n    groups: 2", "BT5212", at=21),
    one("wrong kernel", 8, "    kernel_size: 1x1", "BT5228"),
    one("too few bits", 9, "    pad: 1\n    quantization: 2", "BT5229", at=10),
    one("bits of the head", 45, "    quantization: 2", "BT5229"),
    one("binary weights that are not", 45, "    quantization: binary", "BT5229"),
    one("too many processors", 5, "    processors: 7", "BT5213"),
    one("too few output processors", 15, "    output_processors: 0x70", "BT5213"),
    one("wrong number of sources", 36, "    in_sequences: [left, right, left]", "BT5212"),
    one("sources of different sizes", 36, "    in_sequences: [left, stem]", "BT5212"),
    one("sources of different channels", 36, "    in_sequences: [left, input]\n    in_dim: [5, 2]", "BT5212"),
    one("pixels that are not there", 36, "    in_sequences: [left, right]\n    in_dim: [5, 3]", "BT5212", at=37),
    one("crop of everything", 27, "    in_sequences: stem\n    in_crop: [5, 5]", "BT5212", at=28),
    one("input too small for the pooling", 18, "    max_pool: [11, 3]", "BT5214"),
    one("operands of different sizes", 19, "    pool_stride: [1, 2]", "BT5212", at=36),
    one("layer twice", 40, "  - name: extra\n    processors: 0xf0\n    output_processors: 0xf0\n    in_dim: [5, 2]\n"
        "    operation: conv2d\n  - name: head", "BT5227", at=3),
    one("data format of a later layer", 20, "    operation: conv2d\n    data_format: CHW", "BT5206", at=21),
    one("input of unknown size", 11, None, "BT5211", at=4),
)
"""Damages that only the whole network, its checkpoint or the device shows."""

WHOLE_TEXTS: dict[str, tuple[str, str, int]] = {
    "empty": ("", "BT5201", 1),
    "comment": ("# nothing\n", "BT5201", 1),
    "list": ("- arch\n- dataset\n", "BT5201", 1),
    "text": ("arch tinynet\n", "BT5201", 1),
    "tabulator": ("arch: a\nlayers:\n\t- name: b\n", "BT5201", 3),
    "open bracket": ("arch: a\ndataset: [b\nlayers: c\n", "BT5201", 3),
    "open quote": ("arch: 'a\n", "BT5201", 2),
    "indentation": ("arch: a\n dataset: b\n", "BT5201", 2),
    "two documents": ("arch: a\n---\narch: b\n", "BT5201", 2),
    "no layers": ("arch: tinynet\ndataset: b\nlayers: []\n", "BT5204", 1),
    "layers are one": ("arch: tinynet\ndataset: b\nlayers: {processors: 1}\n", "BT5205", 3),
    "unknown anchor": ("arch: *a\n", "BT5201", 1),
    "control character": ("arch: a\ndataset: \x07\n", "BT5201", 2),
    "nesting": ("[" * 4000 + "]" * 4000, "BT5201", 1),
}


def refused(folder: Path, text: str = GOOD, content: bytes | None = None, **more: Any) -> BadInput:
    """The refusal of a description and a checkpoint; every problem says why and what to do."""
    with pytest.raises(BadInput) as caught:
        import_ai8x(*files(folder, text, content), "MAX78000", **more)
    for item in caught.value.diagnostics:
        assert item.why
        assert item.fix
        assert str(folder) in item.where
    return caught.value


def names(damages: tuple[Damage, ...]) -> list[str]:
    """Names of test cases."""
    return [damage.name for damage in damages]


def test_the_good_files_are_good(tmp_path: Path) -> None:
    assert len(import_ai8x(*files(tmp_path), "MAX78000").network.layers) == 5


@pytest.mark.parametrize("damage", LOCAL, ids=names(LOCAL))
def test_damages_of_one_place(damage: Damage) -> None:
    assert problems(parsed(edited(damage.lines))[1]) == sorted(damage.wanted)


@pytest.mark.parametrize("damage", LOCAL, ids=names(LOCAL))
def test_damages_of_one_place_on_the_whole_way(tmp_path: Path, damage: Damage) -> None:
    assert set(damage.wanted) <= set(problems(refused(tmp_path, edited(damage.lines))))


@pytest.mark.parametrize("damage", GLOBAL, ids=names(GLOBAL))
def test_damages_of_the_whole(tmp_path: Path, damage: Damage) -> None:
    assert problems(refused(tmp_path, edited(damage.lines))) == sorted(damage.wanted)


@pytest.mark.parametrize("name", WHOLE_TEXTS)
def test_texts_that_are_no_description(tmp_path: Path, name: str) -> None:
    text, code, line = WHOLE_TEXTS[name]
    assert problems(refused(tmp_path, text)) == [(code, line)]


def test_a_description_that_is_no_text(tmp_path: Path) -> None:
    config, path = files(tmp_path)
    config.write_bytes(b"arch: \xff\xfe\n")
    with pytest.raises(BadInput) as caught:
        import_ai8x(config, path, "MAX78000")
    assert [item.code for item in caught.value.diagnostics] == ["BT5219"]


INDEPENDENT = [damage for damage in LOCAL if damage.name != "kernel has one size"]
"""Whether a kernel is wrong depends on the operation, which another damage may change."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(INDEPENDENT), min_size=2, max_size=5, unique_by=lambda damage: min(damage.lines)))
def test_independent_damages_are_all_reported(damages: list[Damage]) -> None:
    lines: dict[int, str | None] = reduce(lambda a, b: a | b, (damage.lines for damage in damages))
    wanted = sorted((code, line + _moved(lines, damage, line)) for damage in damages for code, line in damage.wanted)
    assert problems(parsed(edited(lines))[1]) == wanted


def _moved(lines: dict[int, str | None], damage: Damage, line: int) -> int:
    """By how many lines other damages, further up, move a line."""
    own = min(damage.lines)
    before = {n: text for n, text in lines.items() if n != own and n < line}
    return sum(-1 if text is None else text.count("\n") for text in before.values())


Change = Callable[[dict[str, Any]], Any]


def with_(name: str, value: Any) -> Change:
    """One tensor replaced."""
    return lambda tensors: tensors | {name: value}


def without(*gone: str) -> Change:
    """Tensors removed."""
    return lambda tensors: {name: value for name, value in tensors.items() if name not in gone}


TENSORS: dict[str, tuple[Change, list[tuple[str, str]]]] = {
    "one layer missing": (without("head.op.weight"), [("BT5227", "head")]),
    "two layers missing": (without("head.op.weight", "left.op.weight"), [("BT5227", "left")]),
    "one layer too many": (with_("tail.op.weight", weights((2, 2))), [("BT5227", "tail.op.weight")]),
    "no layers": (lambda tensors: {}, [("BT5223", "")]),
    "only other tensors": (lambda tensors: {"a.bias": torch.zeros(3)}, [("BT5223", "")]),
    "kernel of another size": (with_("stem.op.weight", weights((4, 2, 5, 5))), [("BT5228", "stem.op.weight")]),
    "kernel with one dimension less": (with_("stem.op.weight", weights((4, 2, 3))), [("BT5228", "stem.op.weight")]),
    "linear weights for a convolution": (with_("stem.op.weight", weights((4, 18))), [("BT5228", "stem.op.weight")]),
    "other input channels": (with_("left.op.weight", weights((4, 3, 1, 1))), [("BT5212", "left.op.weight")]),
    "other output channels": (with_("left.op.weight", weights((5, 4, 1, 1))), [("BT5212", ""), ("BT5213", "")]),
    "other inputs of the head": (with_("head.op.weight", weights((3, 39), -8, 7)), [("BT5212", "head.op.weight")]),
    "five dimensions": (with_("stem.op.weight", torch.zeros(1, 1, 1, 1, 1)), [("BT5224", "stem.op.weight")]),
    "a number for weights": (with_("stem.op.weight", torch.tensor(3.0)), [("BT5224", "stem.op.weight")]),
    "batch normalization": (with_("stem.bn.weight", torch.ones(4)), [("BT5225", "stem.bn.weight")]),
    "a list for weights": (with_("stem.op.weight", [1.0, 2.0]), [("BT5224", "stem.op.weight")]),
    "no weights": (with_("stem.op.weight", None), [("BT5224", "stem.op.weight")]),
    "empty weights": (with_("stem.op.weight", torch.zeros(4, 0, 3, 3)), [("BT5224", "stem.op.weight")]),
    "complex weights": (with_("stem.op.weight", torch.zeros(4, 2, 3, 3, dtype=torch.complex64)),
                        [("BT5224", "stem.op.weight")]),
    "sparse weights": (with_("left.op.weight", torch.eye(4).to_sparse()), [("BT5224", "left.op.weight")]),
    "weights on no device": (with_("left.op.weight", torch.zeros(4, 4, 1, 1, device="meta")),
                             [("BT5224", "left.op.weight")]),
    "not a number": (with_("left.op.weight", torch.full((4, 4, 1, 1), float("nan"))), [("BT5224", "left.op.weight")]),
    "infinite": (with_("left.op.weight", torch.full((4, 4, 1, 1), float("inf"))), [("BT5224", "left.op.weight")]),
    "infinite bias": (with_("stem.op.bias", torch.full((4,), float("inf"))), [("BT5224", "stem.op.bias")]),
    "floats among integers": (with_("left.op.weight", weights((4, 4, 1, 1)) + 0.25), [("BT5231", "left.op.weight")]),
    "weights beyond eight bits": (with_("left.op.weight", weights((4, 4, 1, 1), -200, 200)),
                                  [("BT5229", "left.op.weight")]),
    "huge integers": (with_("left.op.weight", weights((4, 4, 1, 1)) * 1e9), [("BT5231", "left.op.weight")]),
    "three bits": (with_("stem.weight_bits", torch.tensor([3.0])), [("BT5224", "stem.weight_bits")]),
    "several bits": (with_("stem.weight_bits", torch.tensor([8.0, 8.0])), [("BT5224", "stem.weight_bits")]),
    "bits as text": (with_("stem.weight_bits", "8"), [("BT5224", "stem.weight_bits")]),
    "half a shift": (with_("left.output_shift", torch.tensor([0.5])), [("BT5231", "left.op.weight")]),
    "huge shift": (with_("left.output_shift", torch.tensor([1e6])), [("BT5231", "left.op.weight")]),
    "quantile beyond one": (with_("left.shift_quantile", torch.tensor([1.5])), [("BT5224", "left.shift_quantile")]),
    "bias of another length": (with_("stem.op.bias", torch.zeros(5)), [("BT5230", "stem.op.weight")]),
    "bias as a matrix": (with_("stem.op.bias", torch.zeros(4, 1)), [("BT5230", "stem.op.weight")]),
    "bias beyond eight bits": (with_("stem.op.bias", torch.tensor([0.0, 0, 0, 1 << 15])),
                               [("BT5230", "stem.op.weight")]),
    "names are numbers": (lambda tensors: tensors | {5: torch.zeros(1)}, [("BT5223", "")]),
    "three faults at once": (
        lambda tensors: tensors | {"stem.weight_bits": torch.tensor([5.0]), "left.op.weight": torch.tensor([[np.inf]]),
                                   "head.op.bias": None},
        [("BT5224", "stem.weight_bits"), ("BT5224", "left.op.weight"), ("BT5224", "head.op.bias")]),
}
"""Damages of tensors: the change, and what must be reported (code, tensor or layer)."""


@pytest.mark.parametrize("name", TENSORS)
def test_damages_of_tensors(tmp_path: Path, name: str) -> None:
    change, wanted = TENSORS[name]
    error = refused(tmp_path, content=saved(checkpoint(change(state()))))
    found = [(item.code, f"{item.where} {item.why}") for item in error.diagnostics]
    for code, where in wanted:
        assert any(code == other and where in text for other, text in found), (code, where, found)
    assert len([code for code, _ in found if code != "BT5227"]) == len([code for code, _ in wanted if code != "BT5227"])


@pytest.mark.parametrize(("content", "code"), [
    ({"arch": "tinynet", "epoch": 1}, "BT5223"),
    ({"arch": "tinynet", "state_dict": [1, 2]}, "BT5223"),
    ({"arch": 7, "state_dict": state()}, "BT5223"),
    ({"arch": "hugenet", "state_dict": state()}, "BT5226"),
    (state(), "BT5223"),
    ([state()], "BT5223"),
    (torch.zeros(3), "BT5223"),
    ("tinynet", "BT5223"),
])
def test_other_contents(tmp_path: Path, content: Any, code: str) -> None:
    assert [item.code for item in refused(tmp_path, content=saved(content)).diagnostics] == [code]


def test_problems_of_all_files_at_once(tmp_path: Path) -> None:
    text = edited({1: "arch: hugenet", 10: "    activate: tanh", 15: "    output_processors: 0x70",
                   23: "    write_gaps: 1", 27: "    in_sequences: trunk", 45: "    quantization: 2"})
    tensors = state() | {"stem.op.bias": torch.tensor([0.0, 0, 0, 1 << 15])}
    np.save(tmp_path / "sample.npy", np.full((2, 10, 6), 300))
    error = refused(tmp_path, text, saved(checkpoint(tensors)), sample=tmp_path / "sample.npy")
    assert problems(error) == [("BT5202", 23), ("BT5205", 10), ("BT5208", 27), ("BT5213", 15), ("BT5216", 0),
                               ("BT5226", 1), ("BT5229", 45), ("BT5230", 4)]


def test_both_files_missing(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        import_ai8x(tmp_path / NAME, tmp_path / "net.pth.tar", "MAX78000", tmp_path / "sample.npy")
    assert [item.code for item in caught.value.diagnostics] == ["BT5219", "BT5221", "BT5216"]


def test_how_many_damages_there_are() -> None:
    assert len(LOCAL) + len(GLOBAL) + len(WHOLE_TEXTS) + len(TENSORS) >= 150
