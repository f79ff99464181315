"""The strict reader of certificates: every field present, of its type, and nothing else. Refuses; never guesses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np

from ..errors import BadInput, fail
from ..ir import Rounding
from .certificate import FORMAT, VERDICTS, VERSION, Certificate, Counterexample, LayerProof, Width
from .steps import BatchNorm, FloatArray, StepModel

T = TypeVar("T")
MAX_BYTES = 1 << 30
MAX_INTEGER = 1 << 63


class _Wrong(Exception):
    """What is wrong with a certificate, and where in it."""


Reader = Callable[[Any, str], T]


def parse(data: bytes, where: str) -> Certificate:
    """Structure of a certificate, without its digests. Raises `BadInput` (BT3102, BT3103)."""
    try:
        body = _json(data)
        if body.get("format") != FORMAT or body.get("version") != VERSION:
            fail(BadInput, "BT3103", f"file {where}", f"it is {body.get('format')!r} version {body.get('version')!r}; "
                 f"this program reads {FORMAT!r} version {VERSION}", "make the certificate again")
        return _certificate(body)
    except _Wrong as wrong:
        fail(BadInput, "BT3102", f"file {where}", str(wrong), "make the certificate again")


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise _Wrong(f"it has {len(data)} bytes")
    try:
        body = json.loads(data.decode("ascii"), object_pairs_hook=_no_twins, parse_float=_refuse,
                          parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise _Wrong(f"it is no JSON text of this format: {problem}") from None
    if not isinstance(body, dict):
        raise _Wrong("it is no JSON object")
    return body


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return fields


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no integer")


def _certificate(body: dict[str, Any]) -> Certificate:
    fields = _fields(body, "certificate", {
        "format": _text, "version": _integer, "graph": _text, "verdict": _text, "onnx_sha256": _text,
        "model_sha256": _text, "body_sha256": _text, "layers": _list(_layer), "widths": _list(_width)})
    return Certificate(fields["graph"], fields["onnx_sha256"], fields["layers"], fields["widths"])


def _layer(value: Any, where: str) -> LayerProof:
    fields = _fields(value, where, {
        "name": _text, "verdict": _one_of(VERDICTS), "lo_acc": _list(_integer), "hi_acc": _list(_integer),
        "steps_sha256": _maybe(_text), "model": _maybe(_model), "counterexample": _maybe(_counterexample)})
    return LayerProof(**fields)


def _width(value: Any, where: str) -> Width:
    return Width(**_fields(value, where, {"name": _text, "type": _text, "lo": _integer, "hi": _integer,
                                          "bits": _integer}))


def _counterexample(value: Any, where: str) -> Counterexample:
    return Counterexample(**_fields(value, where, dict.fromkeys(("channel", "acc", "model", "graph"), _integer)))


def _model(value: Any, where: str) -> StepModel:
    fields = _fields(value, where, {
        "channels": _integer, "rounding": _one_of(tuple(map(str, Rounding))), "lo": _integer, "hi": _integer,
        "divisor": _integer, "slope": _float, "source": _text, "clip": _maybe(_list(_float)), "factors": _list(_floats),
        "out_scale": _floats, "bias": _maybe(_floats), "batch_norm": _maybe(_batch_norm)})
    clip = fields["clip"]
    if clip is not None and len(clip) != 2:
        raise _Wrong(f"{where}: clip has {len(clip)} ends")
    model = StepModel(**fields | {"rounding": Rounding(fields["rounding"])})
    if model.problems:
        raise _Wrong(f"{where}: {model.problems[0].why}")
    return model


def _batch_norm(value: Any, where: str) -> BatchNorm:
    return BatchNorm(**_fields(value, where, dict.fromkeys(("gamma", "beta", "mean", "var"), _floats)
                               | {"eps": _float}))


def _fields(value: Any, where: str, readers: Mapping[str, Reader[Any]]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != readers.keys():
        have = ", ".join(sorted(map(str, value))) if isinstance(value, dict) else type(value).__name__
        raise _Wrong(f"{where}: it has {have or 'nothing'} where {', '.join(sorted(readers))} belong")
    return {name: read(value[name], f"{where}, {name}") for name, read in readers.items()}


def _integer(value: Any, where: str) -> int:
    if type(value) is not int or not -MAX_INTEGER <= value < MAX_INTEGER:
        raise _Wrong(f"{where}: it is no integer of 64 bits")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{where}: it is no text")
    return value


def _float(value: Any, where: str) -> float:
    try:
        return float.fromhex(_text(value, where))
    except (ValueError, OverflowError):
        raise _Wrong(f"{where}: {value!r} is no hexadecimal float") from None


def _floats(value: Any, where: str) -> FloatArray:
    return np.array(_list(_float)(value, where), np.float64)


def _one_of(words: tuple[str, ...]) -> Reader[str]:
    def read(value: Any, where: str) -> str:
        if value not in words:
            raise _Wrong(f"{where}: {value!r} is none of {', '.join(words)}")
        return str(value)
    return read


def _maybe(reader: Reader[T]) -> Reader[T | None]:
    return lambda value, where: None if value is None else reader(value, where)


def _list(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    def read(value: Any, where: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise _Wrong(f"{where}: it is no list")
        return tuple(reader(item, f"{where}[{i}]") for i, item in enumerate(value))
    return read
