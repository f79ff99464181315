"""Policy files: what they mean, and every problem of a wrong one, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import bittrue.max7800x as ai8x
from bittrue.errors import BadInput
from bittrue.max7800x import LayerPolicy, Policy, parse_policy, read_policy

FULL = """---
# A policy as ai8x-training has them
start_epoch: 240
shift_quantile: 0.985
weight_bits: 2
overrides:
  conv1:
    weight_bits: 8
  feature.1.0.conv2:
    weight_bits: 4
    shift_quantile: 1
"""


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as caught:
        parse_policy(text, "p.yaml")
    assert all(d.why and d.fix for d in caught.value.diagnostics)
    return [(d.code, d.where) for d in caught.value.diagnostics]


def test_a_policy_of_ai8x(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(FULL)
    policy = read_policy(file)
    assert policy == Policy(2, 240, 0.985, None, {"conv1": LayerPolicy(8), "feature.1.0.conv2": LayerPolicy(4, 1.0)},
                            str(file))
    assert [policy.of(path) for path in ("conv1", "feature.1.0.conv2", "fc")] == [(8, 0.985), (4, 1.0), (2, 0.985)]
    assert policy.folds_at == 240


def test_an_exact_path_comes_before_patterns_and_the_last_pattern_before_others() -> None:
    policy = parse_policy("start_epoch: 1\nweight_bits: 1\nfold_epoch: 0\noverrides:\n  conv2: {weight_bits: 8}\n"
                          "  'conv*': {weight_bits: 4}\n  '*3': {weight_bits: 2}\n")
    assert [policy.of(f"conv{n}")[0] for n in (1, 2, 3)] == [4, 8, 2]
    assert policy.of("fc", own_bits=4) == (4, 1.0)
    assert policy.of("conv1", own_bits=8)[0] == 4
    assert policy.folds_at == 0


WRONG = {
    "nothing": ("", [("BT5341", "p.yaml")]),
    "a list": ("- start_epoch: 1", [("BT5341", "p.yaml")]),
    "no YAML": ("start_epoch: [", [("BT5341", "p.yaml")]),
    "two documents": ("start_epoch: 1\n---\nweight_bits: 8", [("BT5341", "p.yaml")]),
    "a control character": ("start_epoch: \x01", [("BT5341", "p.yaml")]),
    "empty": ("{}", [("BT5344", "p.yaml:1"), ("BT5344", "p.yaml:1")]),
    "no bits": ("start_epoch: 3", [("BT5344", "p.yaml:1")]),
    "bits": ("start_epoch: 3\nweight_bits: 3", [("BT5343", "p.yaml:2")]),
    "bits as text": ("start_epoch: 3\nweight_bits: '8'", [("BT5343", "p.yaml:2")]),
    "bits as a fraction": ("start_epoch: 3\nweight_bits: 8.0", [("BT5343", "p.yaml:2")]),
    "bits as a truth": ("start_epoch: 3\nweight_bits: true", [("BT5343", "p.yaml:2")]),
    "bits as a list": ("start_epoch: 3\nweight_bits: [8]", [("BT5343", "p.yaml:2")]),
    "an epoch before the first": ("start_epoch: -1\nweight_bits: 8", [("BT5343", "p.yaml:1")]),
    "quantile": ("start_epoch: 1\nweight_bits: 8\nshift_quantile: 1.5", [("BT5343", "p.yaml:3")]),
    "no quantile": ("start_epoch: 1\nweight_bits: 8\nshift_quantile: .nan", [("BT5343", "p.yaml:3")]),
    "late folding": ("start_epoch: 4\nfold_epoch: 5\nweight_bits: 8", [("BT5343", "p.yaml:2")]),
    "overrides": ("start_epoch: 1\nweight_bits: 8\noverrides: 8", [("BT5343", "p.yaml:3")]),
    "an override": ("start_epoch: 1\nweight_bits: 8\noverrides:\n  conv1: 8", [("BT5343", "p.yaml:4")]),
    "keys": ("start_epoch: 1\nweight_bit: 8\nweight_bits: 8\nstart_epoch: 2\n? [1, 2]\n: 3",
             [("BT5342", "p.yaml:2"), ("BT5342", "p.yaml:4"), ("BT5342", "p.yaml:6")]),
    "an object": ("start_epoch: !!python/object/apply:os.getcwd []\nweight_bits: 8", [("BT5343", "p.yaml:1")]),
    "everything": ("start_epoch: soon\nweight_bits: 5\nshift_quantile: 0\noverrides:\n  a: {weight_bits: 9, x: 1}\n"
                   "  b:\n  a: {}\n", [("BT5343", "p.yaml:1"), ("BT5343", "p.yaml:2"), ("BT5343", "p.yaml:3"),
                                 ("BT5343", "p.yaml:5"), ("BT5342", "p.yaml:5"), ("BT5343", "p.yaml:6"),
                                 ("BT5342", "p.yaml:7")]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_policy_is_diagnosed_by_line(case: str) -> None:
    text, expected = WRONG[case]
    assert problems(text) == expected


@settings(max_examples=300)
@given(st.text(st.sampled_from("start_epochweight_bits:0123 \n-{}[],'\"!&*#overrides.%|>\t"), max_size=60))
def test_any_text_is_a_policy_or_a_diagnostic(text: str) -> None:
    found = parsed(text)
    assert found.weight_bits in (1, 2, 4, 8) if isinstance(found, Policy) else found


def parsed(text: str) -> Policy | list[str]:
    try:
        return parse_policy(text)
    except BadInput as error:
        return [d.code for d in error.diagnostics if d.code.startswith("BT534")]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(BadInput, match="BT5341"):
            read_policy(path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="BT5341"):
        read_policy(tmp_path / "binary")


def test_overrides_that_name_no_layer() -> None:
    model = nn.Sequential(ai8x.MaxPool2d(2), ai8x.FusedConv2dReLU(1, 2, 3), ai8x.Conv2d(2, 2, 1))
    policy = Policy(8, overrides={"conv1": LayerPolicy(4), "0": LayerPolicy(4), "[12]": LayerPolicy(2)})
    with pytest.raises(BadInput) as caught:
        ai8x.quantize(model, policy)
    assert [(d.code, d.fix) for d in caught.value.diagnostics] == [("BT5345", "use one of 1, 2")] * 2


def test_an_unknown_preset() -> None:
    with pytest.raises(BadInput, match="BT5347"):
        ai8x.quantize(ai8x.Linear(2, 2), "max7800x-w3")


@pytest.mark.parametrize(("quantile", "shift"), [(1.0, 4), (0.9, 2), (0.88, 1), (0.4, 0)])
def test_the_quantile_of_the_output_shift(quantile: float, shift: int) -> None:
    """Of the magnitudes 0.1, 0.3, ..., 1.7 and 10, in order: all need 2**4. Position 0.9 * 9 = 8.1, interpolated, is
    2.53, position 7.92 is 1.684, position 3.6 is 0.82."""
    layer = ai8x.Linear(10, 1)
    with torch.no_grad():
        layer.op.weight.copy_(torch.tensor([[*(0.1 + 0.2 * n for n in range(9)), -10.0]]))
    quantized = ai8x.quantize(layer, Policy(8, shift_quantile=quantile))
    assert quantized.op.quant_weight().scale.item() == 2.0 ** (shift - 7)
