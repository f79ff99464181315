"""The check itself: every claim of a certificate against what the ONNX file says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BadInput, Diagnostic, declare, fail
from .claims import Damaged, read
from .file import FAILURES, Array, File, Node, Unreadable, parse
from .integers import Requantization, body_outputs
from .ranges import Interval, intervals, per_channel
from .real import Model

declare({
    "BT3110": "a file that is to be checked cannot be read",
    "BT3111": "a certificate is damaged",
    "BT3112": "a certificate belongs to another ONNX file",
    "BT3113": "an ONNX file is no integer graph that the checker knows",
    "BT3114": "a claim of a certificate is wrong",
    "BT3115": "a requantization is not the trained model's step function",
    "BT3116": "a file's function for a requantization does not compute what its attributes say",
    "BT3117": "a certificate was made for other trained parameters",
    "BT3118": "a certificate does not claim that everything is proved",
})

FIXES = {
    "BT3111": "make the certificate again",
    "BT3112": "take the certificate that was made with this file, or make it again",
    "BT3113": "freeze the model again",
    "BT3114": "do not believe it: make the certificate again",
    "BT3115": "freeze the model again from the trained parameters",
    "BT3116": "freeze the model again",
    "BT3117": "take the certificate of this training, or make it again",
    "BT3118": "give every requantization its trained step function",
}
MAX_LEVELS = 1 << 16


@dataclass(frozen=True)
class LayerReport:
    """One requantization: its verdict, channels, and constant pieces of its function over all channels."""

    name: str
    verdict: str
    channels: int
    pieces: int


@dataclass(frozen=True)
class CheckReport:
    """`verdict` is "proved", or the first reason why not; all reasons are in `problems`."""

    verdict: str
    layers: tuple[LayerReport, ...]
    problems: tuple[Diagnostic, ...]

    @property
    def proved(self) -> bool:
        """Whether everything is proved and every claim was confirmed."""
        return not self.problems


Problem = tuple[str, str, str]
"""code, where, why"""


def check(onnx_path: str | os.PathLike[str], certificate_path: str | os.PathLike[str],
          fingerprint: str | None = None) -> CheckReport:
    """Check a certificate against its ONNX file, from the two files alone.

    `fingerprint` is the SHA-256 of the trained parameters where it is known from elsewhere. Raises `BadInput` (BT3110)
    when a file cannot be read; everything else is a problem of the report (BT3111..BT3118).
    """
    model, certificate = _bytes(onnx_path), _bytes(certificate_path)
    work = _Check(model, certificate, str(onnx_path), str(certificate_path), fingerprint)
    problems = tuple(Diagnostic(code, where, why, FIXES[code]) for code, where, why in work.problems())
    verdict = f"not proved: {problems[0].where}: {problems[0].why}" if problems else "proved"
    return CheckReport(verdict, tuple(work.layers), problems)


def _bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT3110", f"file {path}", f"it cannot be read: {problem}", "name an existing file")


@dataclass
class _Check:
    """One run of the checker."""

    model: bytes
    certificate: bytes
    model_name: str
    certificate_name: str
    fingerprint: str | None
    layers: list[LayerReport] = field(default_factory=list)

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; later stages run only on what the earlier ones passed."""
        try:
            claims = read(self.certificate)
        except Damaged as problem:
            yield "BT3111", self.certificate_name, str(problem)
            return
        if sha256(self.model).hexdigest() != claims["onnx_sha256"]:
            yield "BT3112", self.model_name, "its SHA-256 is not the one in the certificate"
            return
        if self.fingerprint not in (None, claims["model_sha256"]):
            yield "BT3117", self.certificate_name, "the fingerprint of its trained parameters is not the expected one"
        try:
            file = parse(self.model)
            known = intervals(file)
        except Unreadable as problem:
            yield "BT3113", self.model_name, str(problem)
            return
        except FAILURES as problem:
            yield "BT3113", self.model_name, f"{type(problem).__name__}: {problem}"
            return
        yield from _claims_about_tensors(file, known, claims)
        yield from self._requantizations(file, known, claims)

    def _requantizations(self, file: File, known: dict[str, Interval], claims: dict[str, Any]) -> Iterator[Problem]:
        nodes = [node for node in file.nodes if node.kind == "Requant"]
        if [node.name for node in nodes] != [layer["name"] for layer in claims["layers"]]:
            yield "BT3114", "certificate, layers", "they are not the requantizations of the file"
            return
        for node, claim in zip(nodes, claims["layers"], strict=True):
            found: list[Problem] = []
            try:
                found += _Layer(file, node, claim).problems(known, self.layers)
            except Unreadable as problem:
                found.append(("BT3116", f"layer {node.name}", str(problem)))
            except FAILURES as problem:
                found.append(("BT3114", f"layer {node.name}", f"{type(problem).__name__}: {problem}"))
            yield from found
        if not all(layer["verdict"] == "proved" for layer in claims["layers"]):
            yield "BT3118", "certificate", str(claims["verdict"])
        elif claims["verdict"] != "proved":
            yield "BT3114", "certificate, verdict", f"it is {claims['verdict']!r} where every layer is proved"


def _claims_about_tensors(file: File, known: dict[str, Interval], claims: dict[str, Any]) -> Iterator[Problem]:
    if claims["graph"] != file.name:
        yield "BT3114", "certificate, graph", f"it says {claims['graph']!r}, the file {file.name!r}"
    types = file.inputs | {node.name: node.type for node in file.nodes}
    if [width["name"] for width in claims["widths"]] != list(types):
        yield "BT3114", "certificate, widths", "they are not those of the file's tensors"
        return
    for claim, (name, type_) in zip(claims["widths"], types.items(), strict=True):
        lo, hi = int(known[name][0].min()), int(known[name][1].max())
        bits = max(1, max((v if v >= 0 else -v - 1).bit_length() for v in (lo, hi)) + type_.signed)
        if claim != {"name": name, "type": type_.text, "lo": lo, "hi": hi, "bits": bits}:
            yield "BT3114", f"certificate, width of {name}", f"{claim} is claimed; it is {type_.text}, holds " \
                f"{lo}..{hi} and needs {bits} bits"
        if lo < type_.limits[0] or hi > type_.limits[1]:
            yield "BT3114", f"tensor {name}", f"its values {lo}..{hi} leave its type {type_.text}"


@dataclass(frozen=True)
class _Layer:
    """One requantization and what the certificate says about it."""

    file: File
    node: Node
    claim: dict[str, Any]

    def problems(self, known: dict[str, Interval], reports: list[LayerReport]) -> Iterator[Problem]:
        """Everything that is wrong with it; enters a report."""
        where, axis, model = f"layer {self.node.name}", self.node.attributes["axis"], self.claim["model"]
        alone = self.file.constants[self.node.inputs[1]].size == 1 and (model is None or model["channels"] == 1)
        lo, hi = per_channel(known[self.node.inputs[0]], axis, 1 if alone else 0)
        if (lo.tolist(), hi.tolist()) != (self.claim["lo_acc"], self.claim["hi_acc"]):
            yield "BT3114", where, "the claimed intervals of its accumulators are not those of the file's weights"
        if self._has_many_levels(known[self.node.name]):
            if self.claim["steps_sha256"] is not None or self.claim["verdict"] != "unproved":
                yield "BT3114", where, "a verdict is claimed about more levels than the format compares"
            return
        pieces = _Pieces.of(Requantization.of(self.file, self.node, len(lo)), lo, hi)
        found = [*self._steps(pieces, model, where), *self._body(pieces, where)]
        reports.append(LayerReport(self.node.name, "differs" if found else self.claim["verdict"], len(lo),
                                   len(pieces.begin)))
        yield from found

    def _steps(self, pieces: _Pieces, model: Any, where: str) -> Iterator[Problem]:
        if self.claim["steps_sha256"] != pieces.digest():
            yield "BT3114", where, "the claimed digest of its steps is not that of the file's integers"
        if self.claim["verdict"] != "proved":
            return
        if model is None or self.claim["counterexample"] is not None:
            yield "BT3114", where, "it is claimed to be proved, without a trained step function or in spite of a " \
                "counterexample"
        elif model["channels"] not in (1, pieces.channels):
            yield "BT3114", where, f"the model has {model['channels']} channels, the graph {pieces.channels}"
        elif (at := pieces.first_difference(model)) is not None:
            yield "BT3115", where, "channel {}, accumulator {}: the graph gives {}, the model does not".format(*at)

    def _has_many_levels(self, outputs: Interval) -> bool:
        """Whether outputs and levels span more than the format compares; such a layer is never proved."""
        model = self.claim["model"] or {"lo": int(outputs[0].min()), "hi": int(outputs[1].max())}
        return bool(max(int(outputs[1].max()), model["hi"]) - min(int(outputs[0].min()), model["lo"]) >= MAX_LEVELS)

    def _body(self, pieces: _Pieces, where: str) -> Iterator[Problem]:
        """The file's own function at both ends and in the middle of every piece."""
        acc, output = pieces.points_by_channel(self.node.type.shape[self.node.attributes["axis"]])
        wrong = np.argwhere(body_outputs(self.file, self.node, acc) != output)
        if wrong.size:
            point, channel = wrong[0].tolist()
            yield "BT3116", where, f"channel {channel}, accumulator {acc[point, channel]}: the file's function does " \
                f"not give {output[point, channel]}"


@dataclass(frozen=True)
class _Pieces:
    """The constant pieces of C functions, sorted: channel, first and last accumulator, output."""

    channels: int
    channel: Array
    begin: Array
    end: Array
    output: Array

    @classmethod
    def of(cls, numbers: Requantization, lo: Array, hi: Array) -> _Pieces:
        """Cut the interval of every channel where the output changes."""
        changed, at = numbers.changes(lo, hi)
        channel, begin = np.concatenate([np.arange(len(lo)), changed]), np.concatenate([lo, at])
        order = np.lexsort((begin, channel))
        channel, begin = channel[order], begin[order]
        following = np.append(begin[1:], 0) - 1
        end = np.where(np.append(channel[1:], -1) == channel, following, hi[channel])
        return cls(len(lo), channel, begin, end, numbers.apply(begin, channel))

    def digest(self) -> str:
        """SHA-256 of a line per channel with `acc:output` for each piece."""
        lines: list[list[str]] = [[] for _ in range(self.channels)]
        for channel, begin, output in zip(*(a.tolist() for a in (self.channel, self.begin, self.output)), strict=True):
            lines[channel].append(f"{begin}:{output}")
        return sha256("\n".join(map(" ".join, lines)).encode()).hexdigest()

    def first_difference(self, claim: dict[str, Any]) -> tuple[int, int, int] | None:
        """The first channel, accumulator and output that the model does not give, at either end of a piece."""
        models = [Model(claim, channel) for channel in range(claim["channels"])]
        for channel, *ends, output in zip(*(a.tolist() for a in (self.channel, self.begin, self.end, self.output)),
                                          strict=True):
            model = models[channel if len(models) > 1 else 0]
            for acc in dict.fromkeys(ends):
                if not model.gives(acc, output):
                    return channel, acc, output
        return None

    def points_by_channel(self, channels: int) -> tuple[Array, Array]:
        """Accumulators and outputs (points, channels) at both ends and in the middle of all pieces; channels with fewer
        pieces repeat their first."""
        count = np.bincount(self.channel, minlength=self.channels)
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        rank = np.arange(count.max())[:, None]
        index = np.where(rank < count, first + rank, first)
        begin, end, output = self.begin[index], self.end[index], self.output[index]
        acc, output = np.concatenate([begin, (begin + end) >> 1, end]), np.concatenate([output] * 3)
        shape = (len(acc), channels)
        return np.broadcast_to(acc, shape), np.broadcast_to(output, shape)
