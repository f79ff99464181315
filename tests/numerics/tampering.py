"""Changing certificates and ONNX files the way an adversary would: consistently, with all digests made again."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from bittrue.numerics.certificate import Certificate, to_text
from bittrue.numerics.checker import CheckReport, check

Path_ = tuple[Any, ...]


def leaves(value: Any, path: Path_ = ()) -> list[tuple[Path_, Any]]:
    """All values inside a JSON document, with their paths; containers too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, item in items for leaf in [((*path, key), item), *leaves(item, (*path, key))]]


def replaced(body: Any, path: Path_, value: Any) -> Any:
    """A copy with another value at a path."""
    changed = copy.deepcopy(body)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return changed


def other_values(value: Any) -> Iterator[Any]:
    """Plausible other values for a leaf: neighbours, other signs, other words."""
    return (other for other in _candidates(value) if other != value)


def _candidates(value: Any) -> Iterator[Any]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield from (value + 1, value - 1, -value if value else 7)
    elif isinstance(value, str):
        yield from _other_texts(value)
    elif isinstance(value, list) and value:
        yield from (value[:-1], [*value, value[-1]], value[::-1])


def _other_texts(text: str) -> Iterator[str]:
    if text.startswith(("0x", "-0x")):
        number = float.fromhex(text)
        yield from ((number * 1.5).hex(), (number / 1.5).hex(), (-number).hex(), (number + 0.25).hex())
        return
    words = ["HALF_UP", "HALF_EVEN", "HALF_AWAY", "FLOOR", "TOWARD_ZERO"] if text.isupper() else []
    yield from [word for word in words if word != text] or [text + "x", ""]


def rehashed(body: Any) -> bytes:
    """The text of a certificate with both digests made again."""
    body = dict(body)
    body.pop("body_sha256", None)
    models = {layer["name"]: layer["model"] for layer in body["layers"] if layer["model"] is not None}
    body["model_sha256"] = _digest(models)
    return _text(body | {"body_sha256": _digest(body)})


def _text(body: Any) -> bytes:
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def _digest(body: Any) -> str:
    return sha256(_text(body)).hexdigest()


class Files:
    """An ONNX file and its certificate in a folder, to be replaced and checked."""

    def __init__(self, folder: Path, model: bytes, proof: Certificate) -> None:
        self.onnx, self.certificate = folder / "model.onnx", folder / "model.cert.json"
        self.model, self.text = model, to_text(proof).encode()
        self.fingerprint = proof.model_sha256

    @property
    def body(self) -> Any:
        """The certificate's fields."""
        return json.loads(self.text)

    def check(self, *, model: bytes | None = None, text: bytes | None = None, fingerprint: str | None = None
              ) -> CheckReport:
        """The report on the files, or on replacements."""
        self.onnx.write_bytes(self.model if model is None else model)
        self.certificate.write_bytes(self.text if text is None else text)
        return check(self.onnx, self.certificate, fingerprint)

    def check_rehashed_model(self, model: bytes) -> CheckReport:
        """The report on another model, whose digest the certificate was given."""
        return self.check(model=model, text=rehashed({**self.body, "onnx_sha256": sha256(model).hexdigest()}))
