"""The text files: written and read back, and everything that a file may not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.ir import IntType
from bittrue.targets.systolic.vectors.formats import Field, TextFormat, lanes

NIBBLES = lanes("time", "row", 2, IntType(4, True))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 63), st.booleans()), min_size=1, max_size=9), st.integers(0, 5),
       st.sampled_from(((), ("# a",), ("//", "//", ""))), st.sampled_from(("", " ", "_", ", ")),
       st.randoms(use_true_random=False))
def test_what_is_written_is_read_back(types: list[tuple[int, bool]], lines: int, header: tuple[str, ...],
                                      separator: str, random: object) -> None:
    fields = tuple(Field(f"f{i}", IntType(bits, signed)) for i, (bits, signed) in enumerate(types))
    text = TextFormat("line", fields, header, separator)
    values = np.array([[random.randint(f.elem.min, f.elem.max) for f in fields]  # type: ignore[attr-defined]
                       for _ in range(lines)], np.int64).reshape(lines, len(fields))
    data = text.write(values, "file")
    assert len(data) == text.size(lines)
    assert set(data[len(text.comments()):]) <= set(b"01\n" + separator.encode())
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
    (b"00010010\n0001001\n", "file, line 5", "7 characters, not 8"),
    (b"00010010\n000100100\n", "file, line 5", "9 characters, not 8"),
    (b"00010010\n00010010", "file, line 5", "no end"),
    (b"00010010\r\n", "file, line 4", "9 characters, not 8 (it ends in a carriage return)"),
    (b"00010010\n\n", "file, line 5", "0 characters"),
    (b"0001001\xff\n", "file, line 4, field row0", "'\xff'"),
    (b"#\n00010010\n", "file, line 4, field row1", "'#'"),
])
def test_malformed_lines_are_named(body: bytes, where: str, why: str) -> None:
    with pytest.raises(BadInput, match="BT5110") as caught:
        NIBBLES.read(NIBBLES.comments() + body, "file")
    assert caught.value.diagnostics[0].where == where
    assert why in caught.value.diagnostics[0].why


def test_the_text_of_comment_lines_is_free_but_not_their_number() -> None:
    good = NIBBLES.write(np.arange(6).reshape(3, 2), "file")
    foreign = good.replace(b"#time0row1[msb-lsb]", b"# first line of mine", 1)
    np.testing.assert_array_equal(NIBBLES.read(foreign, "file"), NIBBLES.read(good, "file"))
    with pytest.raises(BadInput, match="line 3: it is no comment line: it starts with '00000001'"):
        NIBBLES.read(good.replace(b"#....#\n", b""), "file")
    with pytest.raises(BadInput, match="line 1: it is no comment line"):
        NIBBLES.read(b"", "file")
    with pytest.raises(BadInput, match="3 lines of data, not 4"):
        NIBBLES.read(good, "file", 4)


def test_a_separator_must_stand_between_the_fields() -> None:
    text = TextFormat("line", NIBBLES.fields, separator="_")
    assert text.write(np.array([[-8, 7], [-1, 0]]), "f") == b"1000_0111\n1111_0000\n"
    with pytest.raises(BadInput, match="line 2, field row1: character 5 is '0', not '_'"):
        text.read(b"1000_0111\n111100000\n", "f")
    with pytest.raises(BadInput, match="line 1, field row0: character 6 is '_', not 0 or 1"):
        text.read(b"1000__111\n", "f")
