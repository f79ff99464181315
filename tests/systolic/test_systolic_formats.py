"""The text files: written and read back, and everything that a file may not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.ir import IntType
from bittrue.targets.systolic.formats import Field, Formats, TextFormat, lanes

NIBBLES = lanes("time", "row", 2, IntType(4, True))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 63), st.booleans()), min_size=1, max_size=9), st.integers(0, 5), st.booleans(),
       st.randoms(use_true_random=False))
def test_what_is_written_is_read_back(types: list[tuple[int, bool]], lines: int, header: bool, random: object) -> None:
    fields = tuple(Field(f"f{i}", IntType(bits, signed)) for i, (bits, signed) in enumerate(types))
    text = TextFormat("line", fields, header)
    values = np.array([[random.randint(f.elem.min, f.elem.max) for f in fields]  # type: ignore[attr-defined]
                       for _ in range(lines)], np.int64).reshape(lines, len(fields))
    data = text.write(values, "file")
    assert len(data) == len(text.comments()) + lines * (text.width + 1)
    assert set(data[len(text.comments()):]) <= set(b"01\n")
    np.testing.assert_array_equal(text.read(data, "file", lines), values)


def test_lines_agree_with_python_formatting() -> None:
    values = np.array([[-8, 7], [-1, 0], [1, -2]])
    lines = NIBBLES.write(values, "f").decode().splitlines()[3:]
    assert lines == ["".join(format(int(v) & 15, "04b") for v in row) for row in values]


@pytest.mark.parametrize(("value", "where"), [(8, "time 1, field row0"), (-9, "time 1, field row0")])
def test_a_value_that_does_not_fit_is_refused(value: int, where: str) -> None:
    with pytest.raises(BadInput, match="BT5111") as caught:
        NIBBLES.write(np.array([[0, 0], [0, value]]), "activation.txt")
    assert caught.value.diagnostics[0].where == f"activation.txt, {where}"


@pytest.mark.parametrize(("body", "where", "why"), [
    (b"00010x01\n", "file, line 4, field row0", "'x'"),
    (b"0001 010\n", "file, line 4, field row0", "' '"),
    (b"-0010010\n", "file, line 4, field row1", "'-'"),
    (b"00010010\n0001001\n", "file, line 5", "7 digits, not 8"),
    (b"00010010\n000100100\n", "file, line 5", "9 digits, not 8"),
    (b"00010010\n00010010", "file, line 5", "no end"),
    (b"00010010\r\n", "file, line 4, field beyond the last", "'\\r'"),
    (b"00010010\n\n", "file, line 5", "0 digits"),
    (b"#\n00010010\n", "file, line 4, field row1", "'#'"),
])
def test_malformed_lines_are_named(body: bytes, where: str, why: str) -> None:
    with pytest.raises(BadInput, match="BT5110") as caught:
        NIBBLES.read(NIBBLES.comments() + body, "file")
    assert caught.value.diagnostics[0].where == where
    assert why in caught.value.diagnostics[0].why


def test_wrong_comments_and_wrong_length_are_named() -> None:
    good = NIBBLES.write(np.zeros((3, 2), np.int64), "file")
    with pytest.raises(BadInput, match="comment lines"):
        NIBBLES.read(good.replace(b"row1", b"row3", 1), "file")
    with pytest.raises(BadInput, match="3 lines of data, not 4"):
        NIBBLES.read(good, "file", 4)


def test_stage_lines_hold_every_parameter() -> None:
    stage = Formats(8, 8, 4, 4, 16, 32, 32, 16, 11).stage
    assert [(f.name, f.elem.bits) for f in stage.fields] == [
        ("bias", 32), ("multiplier", 32), ("offset", 63), ("shift", 6), ("slope_multiplier", 31), ("slope_shift", 5),
        ("rounding", 2), ("lo", 17), ("hi", 17)]
