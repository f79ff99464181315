"""The page of all ops, generated from their declarations: `python -m bittrue.report.op_table` prints it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields

from ..ir.attributes import codecs
from ..ir.op import OPS, Kind, Op, Operand

_INTRODUCTION = """\
# Ops

All tensors are integers. Shapes are those of one sample: activations carry one more leading axis, the batch, at run
time. `*S` stands for one or two spatial axes, channels come first. Every op has one output, and no op wraps around or
saturates unless it says so: the verifier proves for every tensor that its values fit its type.
"""


def op_page() -> str:
    """Markdown: a table of all ops, then operands, attributes and meaning of each, in alphabetical order."""
    ops = [op for kind, op in sorted(OPS.items()) if op.__module__.startswith("bittrue.")]
    lines = ["| op | operands | attributes | version |", "|---|---|---|---|", *map(_row, ops)]
    return "\n".join([_INTRODUCTION, *lines, *(line for op in ops for line in _section(op))]) + "\n"


def _row(op: type[Op]) -> str:
    operands = ", ".join(map(_operand, op.operands)) or "none"
    return f"| [{op.kind}](#{op.kind.lower()}) | {operands} | {', '.join(codecs(op)) or 'none'} | {op.version} |"


def _operand(operand: Operand) -> str:
    mark = "..." if operand.variadic else "?" if operand.optional else ""
    return f"{'@' if operand.kind is Kind.CONSTANT else '%'}{operand.name}{mark}"


def _section(op: type[Op]) -> Iterator[str]:
    yield from ("", f"## {op.kind}", "", "```text", inspect.cleandoc(op.__doc__ or ""), "```")
    if op.operands:
        yield from ("", "| operand | what it is |", "|---|---|")
        yield from (f"| `{o.name}` | {_what(o)} |" for o in op.operands)
    if codecs(op):
        yield from ("", "| attribute | value | default |", "|---|---|---|")
        yield from _attributes(op)


def _what(operand: Operand) -> str:
    return f"{operand.kind.value}{', may be left out' * operand.optional}{', one or more' * operand.variadic}"


def _attributes(op: type[Op]) -> Iterator[str]:
    for attribute in fields(op):  # type: ignore[arg-type]
        codec = codecs(op)[attribute.name]
        default = "required" if attribute.default is MISSING else f"`{codec.encode(attribute.default)}`"
        yield f"| `{attribute.name}` | {codec.wanted} | {default} |"


if __name__ == "__main__":
    sys.stdout.write(op_page())
