"""The certificate as a file: lossless, deterministic, strict, atomic."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.numerics import certificate as certificates
from bittrue.numerics.certificate import Certificate, LayerProof, fingerprint, from_text, load, save, to_text
from bittrue.numerics.steps import StepModel

from .models import step_models
from .nets import small_net
from .tampering import leaves, replaced


@pytest.fixture(scope="module")
def proof() -> Certificate:
    """The certificate of a network."""
    return small_net().proof()


@settings(deadline=None, max_examples=100)
@given(step_models())
def test_every_parameter_comes_back_bit_for_bit(model: StepModel) -> None:
    layer = LayerProof("q", "unproved", (-1,) * model.channels, (7,) * model.channels, None, model, None)
    text = to_text(Certificate("g", "00", (layer,), ()))
    again = from_text(text.encode())
    assert again.layers[0].model is not None
    for name, array in model.arrays.items():
        assert array.tobytes() == again.layers[0].model.arrays[name].tobytes()
    assert certificates.model_json(model) == certificates.model_json(again.layers[0].model)
    assert to_text(again) == text


def test_saved_and_loaded_it_is_the_same(proof: Certificate, tmp_path: Path) -> None:
    save(proof, tmp_path / "a.cert.json")
    again = load(tmp_path / "a.cert.json")
    save(again, tmp_path / "b.cert.json")
    assert (tmp_path / "a.cert.json").read_bytes() == (tmp_path / "b.cert.json").read_bytes()
    assert again.verdict == proof.verdict == "proved"
    assert again.widths == proof.widths
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.cert.json", "b.cert.json"]


def test_the_same_proof_gives_the_same_bytes(proof: Certificate) -> None:
    assert to_text(small_net().proof()) == to_text(proof)


def test_the_fingerprint_sees_parameters_that_move_no_step(proof: Certificate) -> None:
    net = small_net()
    model = net.steps["out"]
    nudged = replace(model, out_scale=np.nextafter(model.out_scale, 1))
    assert fingerprint({**net.steps, "out": nudged}) != fingerprint(net.steps) == proof.model_sha256


@pytest.mark.parametrize("where", ["missing/a.json", "", "\0"])
def test_unreadable_and_unwritable_files_are_diagnosed(proof: Certificate, tmp_path: Path, where: str) -> None:
    for act in (load, lambda path: save(proof, path)):
        with pytest.raises(BadInput) as caught:
            act(f"{tmp_path}/{where}")
        assert [d.code for d in caught.value.diagnostics] == ["BT3101"]
    assert list(tmp_path.iterdir()) == []


HOSTILE = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100000, b'{"format": 1, "format": 2}', b"9" * 5000,
           b'{"format": "bittrue-certificate", "version": 1}',
           b'{"format": "bittrue-certificate", "version": 1, "layers": NaN}']


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        from_text(data)
    assert [d.code for d in caught.value.diagnostics] == ["BT3102"]


def test_another_version_is_refused(proof: Certificate) -> None:
    with pytest.raises(BadInput) as caught:
        from_text(to_text(proof).replace('"version": 1', '"version": 2').encode())
    assert [d.code for d in caught.value.diagnostics] == ["BT3103"]


@pytest.mark.parametrize("wrong", [None, True, 1.5, "x", [], {}, 1 << 80, [[]], {"a": 1}])
def test_wrong_types_anywhere_are_refused(proof: Certificate, wrong: object) -> None:
    body = json.loads(to_text(proof))
    for path, value in leaves(body)[::5]:
        if value == wrong and type(value) is type(wrong):
            continue
        text = json.dumps(replaced(body, path, wrong), indent=1, sort_keys=True) + "\n"
        with pytest.raises(BadInput) as caught:
            from_text(text.encode())
        assert caught.value.diagnostics[0].code in ("BT3102", "BT3103")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    text = bytearray(to_text(FIXED).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BadInput) as caught:
        from_text(bytes(text))
    assert caught.value.diagnostics[0].code in ("BT3102", "BT3103")


FIXED = small_net(2).proof()
