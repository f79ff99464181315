"""What no kernel can compute is refused: all of it at once, each with its node, the reason and what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.ir import Graph, IntType
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    Concat,
    Conv,
    ConvTranspose,
    Linear,
    Lookup,
    MatMul,
    MaxPool,
    Pad,
    Relu,
    Requant,
    Reshape,
    Slice,
    Sub,
    Transpose,
)
from bittrue.targets.gap9.legalize import legalize, problems
from gap9.network_graphs import I8, U8, Net

Build = Callable[[Net], str]
CASES: dict[str, tuple[str, str, str, Build]] = {}
"""By name: code, where, a part of what to do, and what builds the graph's output."""


def case(code: str, where: str, fix: str) -> Callable[[Build], Build]:
    def enter(build: Build) -> Build:
        CASES[build.__name__] = code, where, fix, build
        return build
    return enter


@case("BT5540", "node y (Sub)", "negated operand")
def difference(n: Net) -> str:
    return n.add("y", Sub(IntType(9, True)), *[n.input(3, 4, 5)] * 2)


@case("BT5540", "node y (BitOr)", "on the host")
def bits(n: Net) -> str:
    return n.add("y", BitOr(), *[n.input(3, 4, 5)] * 2)


@case("BT5540", "node y (MatMul)", "Linear")
def product(n: Net) -> str:
    return n.add("y", MatMul(), n.input(3, 4), n.input(4, 3, name="z"))


@case("BT5540", "node y (ConvTranspose)", "repeat pixels")
def transposed(n: Net) -> str:
    return n.add("y", ConvTranspose((1, 1), (0, 0, 0, 0), (0, 0), (1, 1), 1), n.input(3, 4, 5),
                 n.constant((3, 2, 3, 3), -9, 9))


@case("BT5541", "node y (Conv)", "symmetrically")
def unsigned_weights(n: Net) -> str:
    return n.add("y", Conv(), n.input(3, 4, 5), n.builder.constant("w", np.full((2, 3, 1, 1), 128), "u8"))


@case("BT5541", "node y (Linear)", "symmetrically")
def wide_weights(n: Net) -> str:
    return n.add("y", Linear(), n.input(3), n.builder.constant("w", [[1, 2, -129]], "i9"))


@case("BT5542", "node y (Conv)", "requantize what it reads")
def wide_activations(n: Net) -> str:
    return n.conv("y", n.input(3, 4, 5, elem="i9"), (2, 3, 1, 1))


@case("BT5542", "node y (Linear)", "requantize what it reads")
def wide_vector(n: Net) -> str:
    return n.linear("y", n.input(3, elem="u16"), 2, 3)


@case("BT5542", "node y (MaxPool)", "requantize what it reads")
def largest_sum(n: Net) -> str:
    return n.add("y", MaxPool((2, 2)), n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1)))


@case("BT5542", "node x (Input)", "smaller")
def unsigned_words(n: Net) -> str:
    return n.requant("y", n.input(3, 4, 5, elem="u32"))


@case("BT5542", "node s (Add)", "smaller")
def unsigned_sum(n: Net) -> str:
    x = n.input(3, 4, 5, elem="u31")
    return n.requant("y", n.add("s", Add(IntType(32, False)), x, x))


@case("BT5543", "node y (Requant)", "along the channels")
def scales_along_rows(n: Net) -> str:
    return n.requant("y", n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1)), 4, axis=1)


@case("BT5543", "node y (Requant)", "along the channels")
def scales_of_a_flattened_image(n: Net) -> str:
    return n.requant("y", n.flatten("f", n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1))), 40)


@case("BT5543", "node r (Relu)", "behind the requantization")
def activation_before_scales(n: Net) -> str:
    """The requantized zeros differ between the channels."""
    numbers = [n.builder.constant(name, values, "i20") for name, values in
               (("m", [900, 900]), ("o", [0, 1 << 18]), ("s", [17, 17]))]
    return n.add("y", Requant(I8, -128, 127), n.add("r", Relu(), n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1))), *numbers)


@case("BT5544", "node r (Reshape)", "flatten only before a linear layer")
def pixels_become_channels(n: Net) -> str:
    a = n.requant("a", n.conv("c", n.input(3, 4, 6), (2, 3, 1, 1)))
    return n.conv("y", n.add("r", Reshape((4, 2, 6)), a), (3, 4, 1, 1))


@case("BT5544", "node t (Transpose)", "image (C, H, W)")
def rows_become_columns(n: Net) -> str:
    return n.add("t", Transpose((0, 2, 1)), n.requant("a", n.conv("c", n.input(3, 4, 6), (2, 3, 1, 1))))


@case("BT5544", "node y (Linear)", "rows")
def linear_layer_along_columns(n: Net) -> str:
    return n.linear("y", n.requant("a", n.conv("c", n.input(3, 4, 6), (2, 3, 1, 1))), 3, 6)


@case("BT5544", "node f (Flatten)", "flatten only")
def flattened_images_side_by_side(n: Net) -> str:
    a = n.requant("a", n.conv("c", n.input(3, 4, 6), (2, 3, 1, 1)))
    return n.add("y", Concat(), n.flatten("f", a), n.flatten("g", a))


@case("BT5545", "node y (Abs)", "requantize")
def magnitude_of_sums(n: Net) -> str:
    return n.add("y", Abs(), n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1)))


@case("BT5545", "node y (Lookup)", "requantize")
def wide_table(n: Net) -> str:
    return n.add("y", Lookup(-256), n.input(3, elem="i9"), n.constant((512,), -9, 9))


@case("BT5545", "node y (Lookup)", "right behind it")
def table_of_words(n: Net) -> str:
    return n.add("y", Lookup(-128), n.input(3), n.constant((256,), -999, 999))


@case("BT5545", "node y (Requant)", "to 8 bits")
def sixteen_bits(n: Net) -> str:
    return n.requant("y", n.input(3, 4, 5, elem="i24"), elem=IntType(16, True))


@case("BT5546", "node y (Concat)", "axis 0 of images")
def rows_below_rows(n: Net) -> str:
    return n.add("y", Concat(1), *[n.input(3, 4, 5)] * 2)


@case("BT5547", "node y (Add)", "one shape")
def repeated_operand(n: Net) -> str:
    return n.add("y", Add(IntType(9, True)), n.input(3, 4, 5), n.input(3, 1, 1, name="z"))


@case("BT5548", "node y (Slice)", "channels only")
def pixels_of_sums(n: Net) -> str:
    return n.add("y", Slice((0, 1, 0), (2, 3, 5)), n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1)))


@case("BT5548", "node y (Pad)", "pad 8-bit data")
def padded_sums(n: Net) -> str:
    return n.add("y", Pad((0, 1, 0, 0, 1, 0)), n.conv("c", n.input(3, 4, 5), (2, 3, 1, 1)))


@case("BT5548", "node y (Slice)", "three axes")
def four_axes(n: Net) -> str:
    return n.add("y", Slice((0, 0, 0, 0), (1, 3, 2, 3)), n.input(2, 3, 2, 4))


@case("BT5549", "node y (AvgPool)", "divisor 1")
def wide_averages(n: Net) -> str:
    return n.add("y", AvgPool(IntType(11, True), (3, 3), (1, 1), divisor=2), n.input(3, 4, 5))


@case("BT5530", "node y (Requant), channel 0", "31 bits")
def wide_multiplier(n: Net) -> str:
    values = ("m", [(1 << 50) + 1], "i52"), ("o", [0], "i2"), ("s", [57], "u8")
    numbers = (n.builder.constant(*args) for args in values)
    return n.add("y", Requant(I8, -128, 127), n.add("a", Add(IntType(9, True)), *[n.input(3)] * 2), *numbers)


def built(build: Build) -> Graph:
    n = Net()
    return n.build(build(n))


@pytest.mark.parametrize("name", CASES)
def test_refusals(name: str) -> None:
    code, where, fix, build = CASES[name]
    found = problems(built(build))
    assert [(problem.code, problem.where) for problem in found] == [(code, where)]
    assert fix in found[0].fix
    assert len(found[0].why) > 20
    with pytest.raises(Unsupported) as raised:
        legalize(built(build))
    assert raised.value.diagnostics == found


def test_all_problems_at_once() -> None:
    n = Net()
    x = n.input(3, 4, 5)
    lost = n.conv("lost", n.add("d", Sub(IntType(9, True)), x, x), (2, 3, 1, 1))
    join = n.add("j", Concat(1), x, x)
    wide = n.conv("w", n.conv("c", x, (2, 3, 1, 1)), (2, 2, 1, 1))
    fine = n.requant("fine", n.conv("e", x, (2, 3, 1, 1)), 2, U8)
    found = problems(n.build(lost, join, wide, fine))
    assert [(problem.code, problem.where.split()[1]) for problem in found] == [
        ("BT5540", "d"), ("BT5546", "j"), ("BT5542", "w")]


def test_nothing_is_wrong_with_a_dead_node() -> None:
    n = Net()
    x = n.input(3, 4, 5)
    n.add("d", Sub(IntType(9, True)), x, x)
    assert problems(n.build(n.conv("c", x, (2, 3, 1, 1)))) == ()


def test_every_kind_of_refusal_is_here() -> None:
    assert {code for code, *_ in CASES.values()} == {"BT5530", *(f"BT{number}" for number in range(5540, 5550))}
