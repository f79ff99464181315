"""Reads a certificate without believing it: form, digests, and exactly the fields that the format has."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

FIELDS: dict[str, set[str]] = {
    "certificate": {"format", "version", "graph", "verdict", "onnx_sha256", "model_sha256", "body_sha256", "layers",
                    "widths"},
    "layer": {"name", "verdict", "lo_acc", "hi_acc", "steps_sha256", "model", "counterexample"},
    "width": {"name", "type", "lo", "hi", "bits"},
    "model": {"channels", "factors", "out_scale", "rounding", "lo", "hi", "divisor", "bias", "batch_norm", "slope",
              "clip", "source"},
    "batch norm": {"gamma", "beta", "mean", "var", "eps"},
    "counterexample": {"channel", "acc", "model", "graph"},
}


class Damaged(Exception):
    """The text is no certificate, or not the one that was written; says why."""


def read(data: bytes) -> dict[str, Any]:
    """The certificate's fields. Raises `Damaged` unless text, digests and structure are as they were written."""
    try:
        body = json.loads(data.decode("ascii"))
        _structure(body)
        if _text(body) != data:
            raise Damaged("the text is not the canonical one of what it says")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise Damaged(f"it is no certificate: {problem}") from None
    if body["format"] != "bittrue-certificate" or body["version"] != 1:
        raise Damaged(f"it is {body['format']!r} version {body['version']!r}, not 'bittrue-certificate' version 1")
    if _sha256({name: value for name, value in body.items() if name != "body_sha256"}) != body["body_sha256"]:
        raise Damaged("its digest is not that of its content")
    models = {layer["name"]: layer["model"] for layer in body["layers"] if layer["model"] is not None}
    if _sha256(models) != body["model_sha256"]:
        raise Damaged("the fingerprint of the trained parameters is not that of the parameters it holds")
    return body  # type: ignore[no-any-return]


def _structure(body: Any) -> None:
    _exactly("certificate", body)
    for layer in body["layers"]:
        _exactly("layer", layer)
        for kind in ("model", "counterexample"):
            if layer[kind] is not None:
                _exactly(kind, layer[kind])
        if layer["model"] is not None and layer["model"]["batch_norm"] is not None:
            _exactly("batch norm", layer["model"]["batch_norm"])
    for width in body["widths"]:
        _exactly("width", width)


def _exactly(kind: str, value: Any) -> None:
    if value.keys() != FIELDS[kind]:
        raise Damaged(f"a {kind} has the fields {sorted(value)}")


def _text(body: Any) -> bytes:
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def _sha256(body: Any) -> str:
    return sha256(_text(body)).hexdigest()
