"""Writes the dispatch of the compiled simulator: what every operation of the table computes, in C."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable

from .. import columns
from .table import ROWS, Operation, operation, operations

HEAD = "// Made from the table of instructions (isa/table.py) by isa/dispatch.py.\n#pragma once\n#include \"words.h\"\n"
PACK = {8: "pack_b", 16: "pack_h"}
EXTEND = {(8, True): "s8", (8, False): "u8", (16, True): "s16", (16, False): "u16"}
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.Invert: "~", ast.USub: "-", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!="}
RENAMED = {"abs": "magnitude", "remainder": "remainder_"}


def dispatch_header() -> str:
    """The text of `dispatch.h`: `compute` for all operations, and two shorter ones for branches and divisions."""
    return (HEAD + _function("compute", "i64 a, i64 b, i64 d, i64 n", operations())
            + _function("compute_branch", "i64 a, i64 b", _of_kind(columns.BRANCH))
            + _function("compute_division", "i64 a, i64 b", _of_kind(columns.DIVIDE)))


def columns_header() -> str:
    """The text of `columns.h`: the numbers of `columns.py` as macros."""
    numbers = {name: value for name, value in vars(columns).items() if name.isupper() and isinstance(value, int)}
    return "#pragma once\n" + "".join(
        f"#define C_{name} ((i64){value})\n" if value > 2**31 else f"#define C_{name} {value}\n"
        for name, value in numbers.items())


def expression(key: Operation) -> str:
    """What an operation computes: a C expression of a, b, d and n."""
    function, lane, signed = key
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef) or not isinstance(tree.body[-1], ast.Return) or not tree.body[-1].value:
        raise TypeError(f"{function.__name__} is not a single expression")
    text = _c(tree.body[-1].value)
    if not lane:
        return text
    extend = EXTEND[lane, signed]
    lanes = [f"({{ i64 x = {extend}(a >> {place}), y = {extend}(b >> {place}); (void)y; {text}; }})"
             for place in range(0, 32, lane)]
    return f"{PACK[lane]}({', '.join(lanes)})"


def _of_kind(kind: int) -> list[Operation]:
    found = [operation(row) for row in ROWS if row.kind == kind]
    return list(dict.fromkeys(key for key in found if key is not None))


def _function(name: str, arguments: str, keys: Iterable[Operation]) -> str:
    numbers = operations()
    cases = "".join(f"    case {numbers[key]}: return {expression(key)};\n" for key in keys)
    return f"\nstatic inline i64 {name}(i64 operation, {arguments}) {{\n    switch (operation) {{\n{cases}    }}\n    return 0;\n}}\n"


def _c(node: ast.expr) -> str:
    """A Python expression in C."""
    match node:
        case ast.Name(id=name):
            return RENAMED.get(name, name)
        case ast.Constant(value=value):
            return f"(i64){value}"
        case ast.BinOp(left=left, op=sign, right=right):
            return f"({_c(left)} {OPERATORS[type(sign)]} {_c(right)})"
        case ast.UnaryOp(op=sign, operand=operand):
            return f"({OPERATORS[type(sign)]}{_c(operand)})"
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return f"({_c(left)} {OPERATORS[type(sign)]} {_c(right)})"
        case ast.IfExp(test=test, body=body, orelse=other):
            return f"({_c(test)} ? {_c(body)} : {_c(other)})"
        case ast.Call(func=function, args=arguments):
            return f"{_c(function)}({', '.join(map(_c, arguments))})"
        case _:
            raise TypeError(f"{ast.unparse(node)} cannot be written in C")
