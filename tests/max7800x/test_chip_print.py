"""The board support's printf against Python's formatting."""

from __future__ import annotations

from pathlib import Path

from bittrue.targets.max7800x.chip import Chip
from bittrue.targets.max7800x.device import MAX78000

from .chip_programs import Memory, compiled

CASES: list[tuple[str, str, object]] = [
    ("%d", "-12", -12), ("%7d", "-123456", -123456), ("%-7d", "42", 42), ("%07d", "-42", -42), ("%+d", "5", 5),
    ("% d", "5", 5), ("%.4d", "-17", -17), ("%8.3d", "-7", -7), ("%d", "-2147483647 - 1", -(1 << 31)),
    ("%i", "0", 0), ("%u", "4294967295u", 4294967295), ("%5u", "123456u", 123456), ("%x", "0xbeefu", 0xBEEF),
    ("%08x", "0xbeefu", 0xBEEF), ("%X", "0xbeefu", 0xBEEF), ("%s", '"text"', "text"), ("%8s", '"text"', "text"),
    ("%-8s", '"text"', "text"), ("%.2s", '"text"', "te"), ("%c", "'z'", "z"), ("%3c", "'z'", "z"),
]
"""Format, argument in C, argument in Python."""


def expected(form: str, value: object) -> str:
    return ("%s" if form == "%.2s" else form) % value


def test_printf(tmp_path: Path) -> None:
    lines = [f'  printf("[{form}]\\n", {argument});' for form, argument, _ in CASES]
    lines += ['  printf("%d%%\\n", 50);',
              '  printf("%lld %llu %lx\\n", -5000000000ll, 18446744073709551615ull, 255ul);',
              '  printf("%hd %hhu %zu %p\\n", 65535, 257u, sizeof(int), (void *)0x1234);',
              '  printf("%*d|%-*d|%.*s\\n", 4, 7, 4, 7, 2, "abc");',
              '  count = printf("12345"); puts(""); printf("%d\\n", count); putchar(65); puts("B");',
              '  count = snprintf(text, sizeof text, "%s", "longer"); printf("%s %d\\n", text, count);']
    body = "\n".join(lines)
    program = f"#include <stdio.h>\nint main(void)\n{{\n  char text[4];\n  int count;\n{body}\n  return 0;\n}}\n"
    result = Chip(MAX78000, compiled(tmp_path, program), Memory()).run()
    shown = [f"[{expected(form, value)}]" for form, _, value in CASES]
    assert result.text.splitlines() == [*shown, "50%", "-5000000000 18446744073709551615 ff", "-1 1 4 1234",
                                        "   7|7   |ab", "12345", "5", "AB", "lon 6"]
