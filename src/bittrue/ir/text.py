r"""The text form of a graph, for tests, reviews and people. Printing and parsing are exact inverses.

One line per thing; `#` starts a comment:

    graph "tiny"
    @w: i4[1,3] = [[1, -2, 3]]
    %x: u4[3] = Input(tensor=u4[3]) scale(0.25)
    %y: i32[1] = Linear(%x, @w)
    output %y

`%` names a tensor, `@` a constant; names with other characters than letters, digits, `_`, `.`, `/`, `-` stand in
quotes. The type of a node may be left out; where it stands, it must be the one that the op infers. Attributes with
their default value are left out. A large constant is `bytes "..."`: its values, little-endian in the smallest NumPy
type, in base64.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from ..errors import BadInput, Diagnostics, declare
from .attributes import Plain, attributes, make_op
from .graph import Constant, Graph, Node, Scale
from .lines import BARE, Line, SyntaxProblem, read_name, read_plain, read_scale, read_type, read_values, unquote
from .op import Op
from .rounding import Rounding
from .types import TensorType
from .verify import verified

declare({
    "BT1211": "a line of the text form cannot be read",
    "BT1212": "a name is defined twice in the text form",
    "BT1213": "a line of the text form uses a name that is not defined, or is of the other kind",
    "BT1214": "the values of a constant do not have its declared shape",
    "BT1215": "a declared type is not the one that the op infers",
    "BT1216": "the text form has no graph line, or several",
})

READABLE = 256
"""Constants of up to this many elements are printed as lists."""

def print_graph(graph: Graph) -> str:
    """The text form of a verified graph; `parse_graph` gives the same graph back.

    >>> from bittrue.ir import GraphBuilder
    >>> from bittrue.ir.ops import Linear
    >>> b = GraphBuilder("tiny")
    >>> y = b.add("y", Linear(), b.input("x", (3,), "u4"), b.constant("w", [[1, -2, 3]], "i4"))
    >>> graph = b.build(y)
    >>> print(print_graph(graph), end="")
    graph "tiny"
    @w: i4[1,3] = [[1, -2, 3]]
    %x: u4[3] = Input(tensor=u4[3])
    %y: i32[1] = Linear(%x, @w)
    output %y
    >>> parse_graph(print_graph(graph)) == graph
    True
    """
    return "".join(f"{line}\n" for line in _lines(graph))


def parse_graph(text: str) -> Graph:
    """The verified graph that a text form describes.

    Raises `BadInput`: BT1211..BT1216 and BT1201..BT1204 for what cannot be read, with line and column, all at once;
    otherwise the verifier's own codes.
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(Line(line, number))
    return reader.graph()


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {json.dumps(graph.name)}"
    for name, constant in graph.constants.items():
        yield f"{_reference('@', name)}: {constant.type} = {_values_text(constant)}"
    for node in graph.nodes:
        operands = [_reference("@" if name in graph.constants else "%", name) for name in node.inputs]
        inside = ", ".join((*operands, *_attribute_texts(node.op)))
        yield f"{_reference('%', node.name)}: {graph.types[node.name]} = {node.op.kind}({inside}){_scale(node.scale)}"
    yield f"output {', '.join(_reference('%', name) for name in graph.outputs)}"


def _reference(sigil: str, name: str) -> str:
    return sigil + (name if re.fullmatch(BARE, name) else json.dumps(name))


def _values_text(constant: Constant) -> str:
    if constant.values.size <= READABLE:
        return json.dumps(constant.values.tolist())
    stored = constant.values.astype(constant.elem.dtype.newbyteorder("<"))
    return f'bytes "{base64.b64encode(stored.tobytes()).decode()}"'


def _attribute_texts(op: Op) -> Iterator[str]:
    plain = attributes(op)
    for attribute in fields(op):  # type: ignore[arg-type]
        value = getattr(op, attribute.name)
        if value != attribute.default:
            text = json.dumps(value) if type(value) is str else str(plain[attribute.name])
            yield f"{attribute.name}={text}"


def _scale(scale: Scale | None) -> str:
    if scale is None:
        return ""
    parts = [repr(float(value)) for value in scale.values] + [f"axis={scale.axis}"] * (scale.axis != 0)
    parts += [f"rounding={scale.rounding}"] * (scale.rounding is not Rounding.HALF_EVEN)
    if scale.clamp is not None:
        parts.append(f"clamp=({scale.clamp[0]},{scale.clamp[1]})")
    return f" scale({', '.join(parts)})"


@dataclass(frozen=True)
class _Reference:
    """A use of a name: `%name` or `@name`, and where."""

    sigil: str
    name: str
    where: str


@dataclass
class _Reader:
    """Collects the parts of a graph line by line, and the problems."""

    names: list[str] = field(default_factory=list)
    sigils: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    uses: list[_Reference] = field(default_factory=list)
    declared: dict[str, tuple[TensorType, str]] = field(default_factory=dict)
    found: Diagnostics = field(default_factory=Diagnostics)

    def read(self, line: Line) -> None:
        """Read one line; a problem with it is collected."""
        try:
            self._statement(line)
        except SyntaxProblem as problem:
            self.found.add(problem.code, line.where(problem.column), problem.why, problem.fix)
        except BadInput as problem:
            self.found.extend(problem)

    def graph(self) -> Graph:
        """The verified graph; raises everything that was found."""
        if len(self.names) != 1:
            self.found.add("BT1216", "line 1, column 1", f"there are {len(self.names)} graph lines",
                           'start with one line graph "name"')
        for use in self.uses:
            self._check(use)
        self.found.raise_as(BadInput)
        graph = verified(Graph(self.names[0], tuple(self.nodes), self.constants, tuple(self.outputs)))
        for name, (declared, where) in self.declared.items():
            if graph.types[name] != declared:
                self.found.add("BT1215", where, f"%{name} is declared {declared}, but is {graph.types[name]}",
                               f"write {graph.types[name]}, or nothing")
        self.found.raise_as(BadInput)
        return graph

    def _statement(self, line: Line) -> None:
        start = line.skip()
        if start == len(line.text):
            return
        if line.text[start] == "@":
            self._constant(line)
        elif line.text[start] == "%":
            self._node(line)
        elif line.accept("output"):
            self._outputs(line)
        elif line.accept("graph"):
            self.names.append(unquote(line, line.take("a name in quotes")))
        else:
            line.refuse("graph, output, @constant or %node")
        line.end()

    def _constant(self, line: Line) -> None:
        name = self._defined(line)
        line.expect(":")
        tensor = read_type(line)
        line.expect("=")
        values = read_values(line, tensor)
        values.flags.writeable = False
        self.constants[name] = Constant(values, tensor.elem)

    def _node(self, line: Line) -> None:
        name = self._defined(line)
        if line.accept(":"):
            where = line.where(line.skip())
            self.declared[name] = (read_type(line), where)
        line.expect("=")
        where = line.where(line.skip())
        kind = line.take("a word")
        operands, values = self._arguments(line)
        scale = read_scale(line)
        self.nodes.append(Node(name, make_op(kind, values, where), operands, scale))

    def _arguments(self, line: Line) -> tuple[tuple[str, ...], dict[str, Plain]]:
        operands: list[str] = []
        values: dict[str, Plain] = {}
        line.expect("(")
        while not line.accept(")"):
            if line.text.startswith(("%", "@"), line.skip()) and not values:
                operands.append(self._used(line))
            else:
                column = line.skip()
                name = line.take("a word")
                if name in values:
                    raise SyntaxProblem("BT1211", column, f"{name} is given twice", "give every attribute once")
                line.expect("=")
                values[name] = read_plain(line)
            if not line.accept(","):
                line.expect(")")
                break
        return tuple(operands), values

    def _outputs(self, line: Line) -> None:
        self.outputs.append(self._used(line))
        while line.accept(","):
            self.outputs.append(self._used(line))

    def _defined(self, line: Line) -> str:
        column = line.skip()
        sigil, name = read_name(line)
        if name in self.sigils:
            raise SyntaxProblem("BT1212", column, f"{name!r} is already defined", "give everything its own name")
        self.sigils[name] = sigil
        return name

    def _used(self, line: Line) -> str:
        where = line.where(line.skip())
        sigil, name = read_name(line)
        self.uses.append(_Reference(sigil, name, where))
        return name

    def _check(self, use: _Reference) -> None:
        sigil = self.sigils.get(use.name)
        if sigil is None:
            self.found.add("BT1213", use.where, f"no line defines {use.sigil}{use.name}", "define it, or mend the name")
        elif sigil != use.sigil:
            self.found.add("BT1213", use.where, f"{use.name} is a {_SIGILS[sigil]}", f"write {sigil}{use.name}")


_SIGILS = {"%": "tensor", "@": "constant"}


