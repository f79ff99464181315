"""The certificate: what was proved about one ONNX file, as JSON beside it, for anyone to check again.

It holds the SHA-256 of the file, per requantization the interval of accumulators, a digest of the step positions and
the trained parameters they were proved equal to (floats as `float.hex`, so nothing is lost), and the width every tensor
needs. Its last field is a digest of all others; the text is canonical, so any changed byte is noticed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import BadInput, declare, fail
from ..files import write_whole
from .steps import StepModel, Steps

declare({
    "BT3101": "a certificate cannot be read or written",
    "BT3102": "a certificate is no JSON of this format, or is damaged",
    "BT3103": "a certificate has a format version that this version does not read",
})

FORMAT = "bittrue-certificate"
VERSION = 1
PROVED, UNPROVED, DIFFERENT = "proved", "unproved", "different"
VERDICTS = (PROVED, UNPROVED, DIFFERENT)


@dataclass(frozen=True)
class Counterexample:
    """The first accumulator (of the first channel) at which the graph is not the model."""

    channel: int
    acc: int
    model: int
    graph: int


@dataclass(frozen=True)
class LayerProof:
    """One requantization: the accumulators lo_acc..hi_acc per channel, the digest of the graph's steps on them, the
    trained model, and whether they are equal."""

    name: str
    verdict: str
    lo_acc: tuple[int, ...]
    hi_acc: tuple[int, ...]
    steps_sha256: str | None
    model: StepModel | None
    counterexample: Counterexample | None

    @property
    def why(self) -> str:
        """The verdict in words."""
        if self.counterexample is None:
            return self.verdict if self.verdict == PROVED else f"{self.verdict}: " + (
                "it has too many output levels" if self.steps_sha256 is None else "no trained step function is given")
        at = self.counterexample
        return f"{self.verdict}: channel {at.channel}, accumulator {at.acc}: the model gives {at.model}, the graph " \
            f"{at.graph}"


@dataclass(frozen=True)
class Width:
    """A node's declared integer type, the values it can hold, and how many bits those need (signed if declared so)."""

    name: str
    type: str
    lo: int
    hi: int
    bits: int


@dataclass(frozen=True)
class Certificate:
    """What is proved about the graph `graph` whose ONNX file has the given SHA-256."""

    graph: str
    onnx_sha256: str
    layers: tuple[LayerProof, ...]
    widths: tuple[Width, ...]

    @property
    def verdict(self) -> str:
        """"proved", or why not."""
        return "; ".join(f"{layer.name} is {layer.why}" for layer in self.layers if layer.verdict != PROVED) or PROVED

    @cached_property
    def model_sha256(self) -> str:
        """Fingerprint of the trained parameters (see `fingerprint`)."""
        return fingerprint({layer.name: layer.model for layer in self.layers if layer.model is not None})


def fingerprint(steps: Mapping[str, StepModel]) -> str:
    """SHA-256 of all parameters of the step models by layer name. Kept apart from the certificate (in the ONNX file's
    metadata, in a release note), it tells whose parameters were proved, even where a change moves no step."""
    return _digest({name: model_json(model) for name, model in steps.items()})


def steps_digest(steps: Iterable[Steps]) -> str:
    """SHA-256 of step functions: a line per channel, holding `acc:output` for the first accumulator of each run."""
    lines = (" ".join(f"{acc}:{output}" for acc, output in channel.runs()) for channel in steps)
    return sha256("\n".join(lines).encode()).hexdigest()


def model_json(model: StepModel) -> dict[str, Any]:
    """A step model as plain data; every float as `float.hex`."""
    norm, clip = model.batch_norm, model.clip
    return {
        "channels": model.channels, "rounding": str(model.rounding), "lo": model.lo, "hi": model.hi,
        "divisor": model.divisor, "slope": float(model.slope).hex(), "source": model.source,
        "clip": None if clip is None else [float(end).hex() for end in clip],
        "factors": [_hex(factor) for factor in model.factors], "out_scale": _hex(model.out_scale),
        "bias": None if model.bias is None else _hex(model.bias),
        "batch_norm": None if norm is None else {
            "gamma": _hex(norm.gamma), "beta": _hex(norm.beta), "mean": _hex(norm.mean), "var": _hex(norm.var),
            "eps": float(norm.eps).hex()},
    }


def to_text(certificate: Certificate) -> str:
    """The canonical text: sorted keys, one item a line, ASCII."""
    body: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "graph": certificate.graph, "verdict": certificate.verdict,
        "onnx_sha256": certificate.onnx_sha256, "model_sha256": certificate.model_sha256,
        "layers": [_layer_json(layer) for layer in certificate.layers],
        "widths": [dict(vars(width)) for width in certificate.widths],
    }
    return _text(body | {"body_sha256": _digest(body)})


def save(certificate: Certificate, path: str | os.PathLike[str]) -> None:
    """Write the certificate completely, or not at all. Raises `BadInput` (BT3101)."""
    try:
        write_whole(Path(path), to_text(certificate).encode())
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT3101", f"file {path}", f"it cannot be written: {problem}",
             "name a file in a folder that exists and that you may write to")


def load(path: str | os.PathLike[str]) -> Certificate:
    """Read a certificate. Raises `BadInput` (BT3101..BT3103); only the exact text that `save` writes is accepted.

    It is read, not believed: `bittrue.numerics.checker` checks what it claims.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT3101", f"file {path}", f"it cannot be read: {problem}", "name an existing certificate")
    return from_text(data, str(path))


def from_text(data: bytes, where: str = "certificate") -> Certificate:
    """The certificate in `data`; see `load`."""
    from .parse import parse

    certificate = parse(data, where)
    if to_text(certificate).encode() != data:
        fail(BadInput, "BT3102", f"file {where}", "its text is not the canonical one of what it says, or its digests "
             "are not those of its content: it was changed after it was written", "make the certificate again")
    return certificate


def _layer_json(layer: LayerProof) -> dict[str, Any]:
    at = layer.counterexample
    return {"name": layer.name, "verdict": layer.verdict, "lo_acc": list(layer.lo_acc), "hi_acc": list(layer.hi_acc),
            "steps_sha256": layer.steps_sha256, "model": None if layer.model is None else model_json(layer.model),
            "counterexample": None if at is None else dict(vars(at))}


def _hex(values: Any) -> list[str]:
    return [float(v).hex() for v in values]


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=1, sort_keys=True) + "\n"


def _digest(body: Mapping[str, Any]) -> str:
    return sha256(_text(body).encode()).hexdigest()
