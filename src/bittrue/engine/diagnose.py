"""Guesses why a node went wrong: re-runs its op with one typical mistake at a time, and believes the mistake that
reproduces every element that was got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from ..ir import Graph, IntArray, IntType, Node, Op, Rounding, round_div
from ..ir.ops import Requant

UNKNOWN = "unknown"
WRAPS = (8, 16, 24, 32)
"""Accumulator widths that hardware has."""


@dataclass(frozen=True)
class Verdict:
    """`hypothesis` is the name of the mistake (`unknown` when none fits), `text` says it in full, `others` are
    hypotheses that fit as well."""

    hypothesis: str
    text: str
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Case:
    """A node that went wrong: its op, operands, and output type."""

    op: Op
    operands: tuple[IntArray, ...]
    elem: IntType

    def run(self, changed: Mapping[int, IntArray] | None = None, op: Op | None = None) -> IntArray:
        """The op, or another one, with some operands exchanged, by position."""
        operands = dict(enumerate(self.operands)) | dict(changed or {})
        return (op or self.op).run(*(operands[i] for i in range(len(self.operands))))

    def run_as(self, **attributes: object) -> IntArray:
        """The op with other attributes."""
        return self.run(op=replace(self.op, **attributes))  # type: ignore[type-var]

    @property
    def bias(self) -> int | None:
        """Position of the bias (the offset, for a requantization) among the operands."""
        names = [operand.name for operand in self.op.operands][:len(self.operands)]
        return next((names.index(name) for name in ("bias", "offset") if name in names), None)


Candidates = Iterator[tuple[str, IntArray]]
Hypothesis = Callable[[Case], Candidates]


def diagnose(graph: Graph, node: Node, expected: IntArray, got: IntArray, operands: tuple[IntArray, ...]) -> Verdict:
    """Why `node` gave `got` where `expected` is right, from equal operands (activations (batch, *shape), constants).

    A hypothesis is accepted when it reproduces `got` in every element; the first accepted one is the verdict.
    """
    case = Case(node.op, operands, graph.types[node.name].elem)
    if np.array_equal(expected, got):
        return Verdict("none", "there is no difference")
    fits: dict[str, str] = {}
    for name, hypothesis in HYPOTHESES.items():
        for text, candidate in hypothesis(case):
            if candidate.shape == got.shape and np.array_equal(candidate, got):
                fits.setdefault(name, text)
    if not fits:
        return Verdict(UNKNOWN, UNKNOWN)
    first, *others = fits
    return Verdict(first, fits[first], tuple(others))


def _has(op: Op, *names: str) -> bool:
    return {f.name for f in fields(op)} >= set(names)  # type: ignore[arg-type]


def _rounding(case: Case) -> Candidates:
    if _has(case.op, "rounding"):
        meant: Rounding = case.op.rounding  # type: ignore[attr-defined]
        for mode in Rounding:
            yield f"rounding mode is {mode} where {meant} is meant", case.run_as(rounding=mode)


def wrap(values: IntArray, bits: int) -> IntArray:
    """The low `bits` bits as two's complement."""
    half = np.int64(1) << np.int64(bits - 1)
    return ((values + half) & ((half << 1) - 1)) - half


def _overflow(case: Case) -> Candidates:
    for bits in WRAPS:
        limit = IntType(bits, True)
        shapes: tuple[tuple[str, Callable[[IntArray], IntArray]], ...] = (
            ("wraps", lambda v, bits=bits: wrap(v, bits)),  # type: ignore[misc]
            ("saturates", lambda v, limit=limit: np.clip(v, limit.min, limit.max)),  # type: ignore[misc]
        )
        for verb, shape in shapes:
            text = f"overflow: the accumulator {verb} at {bits} bits"
            if isinstance(case.op, Requant):
                yield text, case.run({0: shape(case.operands[0])})
            else:
                yield text, shape(case.run())


def _no_clamp(case: Case) -> Candidates:
    if isinstance(case.op, Requant):
        raw = case.run(op=_unclamped(case.op))
        yield "the clamp is missing", raw
        yield f"the clamp is missing: the result wraps at {case.elem}", _wrap_to(raw, case.elem)
        yield (f"the clamp is that of {case.elem}, not {case.op.lo}..{case.op.hi}",
               raw.clip(case.elem.min, case.elem.max))


def _unclamped(op: Requant) -> Requant:
    wide = IntType(63, True)
    return replace(op, out=wide, lo=wide.min, hi=wide.max)


def _wrap_to(values: IntArray, elem: IntType) -> IntArray:
    return wrap(values, elem.bits) if elem.signed else values & elem.max


def _slope(case: Case) -> Candidates:
    if _has(case.op, "slope_multiplier", "slope_shift"):
        for text, slope in (("the slope below zero is ignored", (1, 0)), ("the slope below zero is taken for 0 (ReLU)",
                                                                          (0, 0))):
            yield text, case.run_as(slope_multiplier=slope[0], slope_shift=slope[1])


def _bias(case: Case) -> Candidates:
    if (position := case.bias) is None:
        return
    bias = case.operands[position]
    for text, other in (("the bias is omitted", np.zeros_like(bias)), ("the bias is subtracted", -bias),
                        ("the bias is added twice", 2 * bias), ("the bias is in reverse channel order", bias[::-1]),
                        ("the bias is shifted by one channel", np.roll(bias, 1)),
                        ("the bias is shifted by one channel (to the front)", np.roll(bias, -1))):
        yield text, case.run({position: other})


def _late_bias(case: Case) -> Candidates:
    """Requantized without offset, then the requantized offset is added, then clamped."""
    if isinstance(case.op, Requant):
        op, (acc, _, offset, shift) = case.op, case.operands
        late = round_div(offset, np.int64(1) << shift, op.rounding)
        total = case.run({2: np.zeros_like(offset)}, _unclamped(op)) + op.along_axis(late, acc.ndim - 1)
        yield "the bias is added after scaling", total.clip(op.lo, op.hi)


def _scale_order(case: Case) -> Candidates:
    if isinstance(case.op, Requant):
        _, mul, _, shift = case.operands
        yield "multiplier and shift are in reverse channel order", case.run({1: mul[::-1], 3: shift[::-1]})
        for step in (1, -1):
            yield "multiplier and shift are shifted by one channel", case.run({1: np.roll(mul, step),
                                                                              3: np.roll(shift, step)})
        yield "multiplier and shift of channel 0 are used for all", case.run({1: mul[:1], 3: shift[:1]})


def as_hwc(x: IntArray) -> IntArray:
    """The bytes of a channels-last tensor read as channels first."""
    return np.moveaxis(x, 1, -1).reshape(x.shape)


def as_chw(x: IntArray) -> IntArray:
    """The bytes of a channels-first tensor read as channels last."""
    return np.moveaxis(x.reshape(len(x), *x.shape[2:], x.shape[1]), -1, 1)


def _layout(case: Case) -> Candidates:
    right = case.run()
    if right.ndim > 2:
        yield "layout: the output is stored as HWC and read as CHW", as_hwc(right)
        yield "layout: the output is stored as CHW and read as HWC", as_chw(right)
    x = case.operands[0]
    if x.ndim > 2:
        yield "layout: the input is stored as HWC and read as CHW", case.run({0: as_hwc(x)})
        yield "layout: the input is stored as CHW and read as HWC", case.run({0: as_chw(x)})


def _channel_order(case: Case) -> Candidates:
    right, x = case.run(), case.operands[0]
    yield "the output channels are in reverse order", right[:, ::-1]
    yield "the input channels are in reverse order", case.run({0: x[:, ::-1]})
    for step in (1, -1):
        yield "the output channels are shifted by one", np.roll(right, step, axis=1)
        yield "the input channels are shifted by one", case.run({0: np.roll(x, step, axis=1)})


def _kernel(case: Case) -> Candidates:
    if case.op.operands[1:2] and case.op.operands[1].name == "weight":
        for text, weight in _kernels(case.operands[1]):
            yield text, case.run({1: weight})


def _kernels(weight: IntArray) -> Candidates:
    """What can be mistaken for a weight (O, I) or (O, I, *K)."""
    if weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        yield "the weight matrix is transposed", weight.T
    if weight.ndim == 4:
        if weight.shape[2] == weight.shape[3]:
            yield "the kernel is transposed (rows and columns swapped)", weight.swapaxes(2, 3)
        yield "the kernel is upside down", weight[:, :, ::-1]
        yield "the kernel is mirrored left to right", weight[..., ::-1]
    if weight.ndim > 2:
        yield ("the kernel is flipped (convolution instead of correlation)",
               np.flip(weight, tuple(range(2, weight.ndim))))
        yield "layout: the weights are stored with channels last and read channels first", as_hwc(weight)
        yield "layout: the weights are stored channels first and read with channels last", as_chw(weight)


def _padding(case: Case) -> Candidates:
    if _has(case.op, "pads", "stride") and any(pads := case.op.pads):  # type: ignore[attr-defined]
        rank = len(pads) // 2
        yield "the padding is on the other side (begin and end swapped)", case.run_as(
            pads=(*pads[rank:], *pads[:rank]))
        if rank == 2:
            yield "the padding of rows and columns is swapped", case.run_as(
                pads=(pads[1], pads[0], pads[3], pads[2]))


def _stride_phase(case: Case) -> Candidates:
    """Windows that begin a few elements late: what they skip in front is cut off, what they add behind is padding."""
    if case.op.kind not in ("Conv", "MaxPool", "AvgPool") or not case.op.stride:  # type: ignore[attr-defined]
        return
    stride: tuple[int, ...] = case.op.stride  # type: ignore[attr-defined]
    rank, x = len(stride), case.operands[0]
    pads: tuple[int, ...] = case.op.pads or (0, 0) * rank  # type: ignore[attr-defined]
    for phase in np.ndindex(*stride):
        if any(phase):
            late = list(zip(phase, pads, strict=False))
            begins, ends = [max(b - p, 0) for p, b in late], [e + p for p, e in zip(phase, pads[rank:], strict=True)]
            inside = x[(slice(None), slice(None), *(slice(max(p - b, 0), None) for p, b in late))]
            yield (f"stride phase: the windows begin {', '.join(map(str, phase))} late",
                   case.run({0: inside}, replace(case.op, pads=(*begins, *ends))))  # type: ignore[type-var]


def _operand_order(case: Case) -> Candidates:
    if case.op.kind in ("Sub", "Concat", "MatMul") and len(case.operands) > 1 and all(
            x.shape == case.operands[0].shape for x in case.operands):
        yield "the operands are in reverse order", case.op.run(*case.operands[::-1])


HYPOTHESES: dict[str, Hypothesis] = {
    "rounding mode": _rounding,
    "overflow": _overflow,
    "bias": _bias,
    "late bias": _late_bias,
    "clamp": _no_clamp,
    "slope": _slope,
    "scale order": _scale_order,
    "kernel": _kernel,
    "layout": _layout,
    "padding side": _padding,
    "stride phase": _stride_phase,
    "channel order": _channel_order,
    "operand order": _operand_order,
}
"""Typical mistakes by name, the most typical first; each yields what the node would have given, and says why."""
