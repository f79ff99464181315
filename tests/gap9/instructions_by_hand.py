"""What every instruction computes, written again by hand: plain Python on lists of bits and lanes.

`BY_HAND` has a function of (rs1, rs2 or immediate, rd, n) on unsigned words for every scalar instruction; SIMD
instructions are taken apart by `simd`.
"""

from __future__ import annotations

from collections.abc import Callable

Scalar = Callable[[int, int, int, int], int]
WORD = 1 << 32


def signed(value: int, bits: int = 32) -> int:
    """Two's complement."""
    value %= 1 << bits
    return value - (1 << bits) if value >= 1 << bits - 1 else value


def binary(value: int) -> str:
    """The 32 bits of a word, the highest first."""
    return f"{value % WORD:032b}"


def half(word: int, place: int, is_signed: bool) -> int:
    """Half 0 or 1 of a word."""
    bits = int(binary(word)[16 - 16 * place:32 - 16 * place], 2)
    return signed(bits, 16) if is_signed else bits


def truncated(a: int, b: int) -> tuple[int, int]:
    """Quotient and remainder, rounded to zero."""
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


def division(a: int, b: int, is_signed: bool, wants_rest: bool) -> int:
    """As the manual has it, with its special cases."""
    left, right = (signed(a), signed(b)) if is_signed else (a, b)
    if b == 0:
        return a if wants_rest else -1
    return truncated(left, right)[wants_rest]


def field(b: int) -> tuple[int, int]:
    """Width and place of a bit field from a register."""
    return (b >> 5) % 32 + 1, b % 32


def extracted(a: int, b: int, is_signed: bool) -> int:
    """Bits of a field, cut at the end of the word."""
    width, place = field(b)
    taken = binary(a)[::-1][place:place + width]
    value = int(taken[::-1], 2)
    return signed(value, len(taken)) if is_signed else value


def with_field(a: int, b: int, new: str) -> int:
    """A word with the bits of a field replaced by `new` (the lowest first)."""
    width, place = field(b)
    old = list(binary(a)[::-1])
    for index in range(width):
        if place + index < 32:
            old[place + index] = new[index]
    return int("".join(old[::-1]), 2)


def redundant_signs(a: int) -> int:
    """Bits after the first one that equal it."""
    text = binary(a)
    return 0 if a == 0 else len(text) - len(text.lstrip(text[0])) - 1


def shifted(value: int, n: int, rounded: bool, is_signed: bool) -> int:
    """A 32-bit sum, rounded and shifted."""
    total = value + (2 ** (n - 1) if rounded and n else 0)
    return (signed(total) if is_signed else total % WORD) // 2 ** n


def clipped(value: int, low: int, high: int) -> int:
    """The manual tests the lower limit first, which matters when it is the larger one."""
    if value <= low:
        return low
    if value >= high:
        return high
    return value


def product(high: bool, is_signed: bool, rounded: bool, accumulates: bool) -> Scalar:
    def compute(a: int, b: int, d: int, n: int) -> int:
        value = half(a, high, is_signed) * half(b, high, is_signed) + (d if accumulates else 0)
        return shifted(value, n, rounded, is_signed)
    return compute


def sums(sign: int, rounded: bool, is_signed: bool, by_register: bool) -> Scalar:
    if by_register:
        return lambda a, b, d, n: shifted(d + sign * a, b % 32, rounded, is_signed)
    return lambda a, b, d, n: shifted(a + sign * b, n, rounded, is_signed)


BY_HAND: dict[str, Scalar] = {
    "add": lambda a, b, d, n: a + b, "sub": lambda a, b, d, n: a - b, "sll": lambda a, b, d, n: a * 2 ** (b % 32),
    "slt": lambda a, b, d, n: signed(a) < signed(b), "sltu": lambda a, b, d, n: a < b,
    "xor": lambda a, b, d, n: a ^ b, "srl": lambda a, b, d, n: a // 2 ** (b % 32),
    "sra": lambda a, b, d, n: signed(a) // 2 ** (b % 32), "or": lambda a, b, d, n: a | b,
    "and": lambda a, b, d, n: a & b, "lui": lambda a, b, d, n: b,
    "mul": lambda a, b, d, n: a * b, "mulh": lambda a, b, d, n: signed(a) * signed(b) // WORD,
    "mulhsu": lambda a, b, d, n: signed(a) * b // WORD, "mulhu": lambda a, b, d, n: a * b // WORD,
    "div": lambda a, b, d, n: division(a, b, True, False), "divu": lambda a, b, d, n: division(a, b, False, False),
    "rem": lambda a, b, d, n: division(a, b, True, True), "remu": lambda a, b, d, n: division(a, b, False, True),
    "p.avgu": lambda a, b, d, n: (a + b) % WORD // 2,
    "p.slet": lambda a, b, d, n: signed(a) <= signed(b), "p.sletu": lambda a, b, d, n: a <= b,
    "p.min": lambda a, b, d, n: min(signed(a), signed(b)), "p.minu": lambda a, b, d, n: min(a, b),
    "p.max": lambda a, b, d, n: max(signed(a), signed(b)), "p.maxu": lambda a, b, d, n: max(a, b),
    "p.ror": lambda a, b, d, n: int((binary(a) * 2)[32 - b % 32:64 - b % 32], 2),
    "p.ff1": lambda a, b, d, n: (binary(a)[::-1] + "1").index("1"),
    "p.fl1": lambda a, b, d, n: binary(a)[::-1].rindex("1") if a else 32,
    "p.clb": lambda a, b, d, n: redundant_signs(a), "p.cnt": lambda a, b, d, n: binary(a).count("1"),
    "p.exths": lambda a, b, d, n: half(a, 0, True), "p.exthz": lambda a, b, d, n: half(a, 0, False),
    "p.extbs": lambda a, b, d, n: signed(a, 8), "p.extbz": lambda a, b, d, n: a % 256,
    "p.abs": lambda a, b, d, n: abs(signed(a)),
    "p.clipr": lambda a, b, d, n: clipped(signed(a), -signed(b) - 1, signed(b)),
    "p.clipur": lambda a, b, d, n: clipped(signed(a), 0, signed(b)),
    "p.extractr": lambda a, b, d, n: extracted(a, b, True), "p.extractur": lambda a, b, d, n: extracted(a, b, False),
    "p.bsetr": lambda a, b, d, n: with_field(a, b, "1" * 32), "p.bclrr": lambda a, b, d, n: with_field(a, b, "0" * 32),
    "p.insertr": lambda a, b, d, n: with_field(d, b, binary(a)[::-1]),
    "p.mac": lambda a, b, d, n: d + a * b, "p.msu": lambda a, b, d, n: d - a * b,
    **{f"p.m{kind}{high}{sign}{form}": product(bool(high), sign == "s", form == "RN", kind == "ac")
       for kind in ("ul", "ac") for high in ("", "hh") for sign in "su" for form in ("", "N", "RN")},
    **{f"p.{verb}{sign}{rounded}N{register}": sums(1 if verb == "add" else -1, bool(rounded), not sign, bool(register))
       for verb in ("add", "sub") for sign in ("", "u") for rounded in ("", "R") for register in ("", "r")},
}
BY_HAND.update({f"{name}i": BY_HAND[name] for name in ("add", "slt", "xor", "or", "and", "sll", "srl", "sra")})
BY_HAND["sltiu"] = BY_HAND["sltu"]
BY_HAND.update({name: BY_HAND[f"{name}r"] for name in ("p.extract", "p.extractu", "p.bset", "p.bclr", "p.insert")})
BY_HAND["p.clip"] = lambda a, b, d, n: sorted((-2 ** max(b - 1, 0), signed(a), 2 ** max(b - 1, 0) - 1))[1]
BY_HAND["p.clipu"] = lambda a, b, d, n: sorted((0, signed(a), 2 ** max(b - 1, 0) - 1))[1]

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    "lt": lambda x, y: x < y, "le": lambda x, y: x <= y}
LANES: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda x, y, w: x + y, "sub": lambda x, y, w: x - y, "avg": lambda x, y, w: signed(x + y, w) // 2,
    "avgu": lambda x, y, w: (x + y) % 2 ** w // 2, "min": lambda x, y, w: min(x, y), "minu": lambda x, y, w: min(x, y),
    "max": lambda x, y, w: max(x, y), "maxu": lambda x, y, w: max(x, y), "srl": lambda x, y, w: x // 2 ** (y % w),
    "sra": lambda x, y, w: x // 2 ** (y % w), "sll": lambda x, y, w: x * 2 ** (y % w), "or": lambda x, y, w: x | y,
    "xor": lambda x, y, w: x ^ y, "and": lambda x, y, w: x & y, "abs": lambda x, y, w: abs(x)}
UNSIGNED = ("avgu", "minu", "maxu", "srl", "sll")


def lanes(word: int, width: int, is_signed: bool) -> list[int]:
    """The lanes of a word, the lowest first."""
    found = [word >> place & 2 ** width - 1 for place in range(0, 32, width)]
    return [signed(value, width) for value in found] if is_signed else found


def joined(values: list[int], width: int) -> int:
    """A word of lanes."""
    return sum(value % 2 ** width << index * width for index, value in enumerate(values))


def simd(name: str, a: int, b: int, d: int) -> int:
    """A SIMD instruction; `b` is rs2, or for .sci the six bits of the immediate."""
    _, operation, *variant, letter = name.split(".")
    width = {"b": 8, "h": 16}[letter]
    count = 32 // width
    if operation in MOVES:
        return MOVES[operation](a, b, d, width, count, bool(variant))
    signed_a, signed_b = _signs(operation)
    x, y = lanes(a, width, signed_a), lanes(b, width, signed_b)
    if variant == ["sc"]:
        y = [y[0]] * count
    if variant == ["sci"]:
        y = [signed(b, 6) if signed_b else b % 64] * count
    if "dot" in operation:
        return sum(left * right for left, right in zip(x, y, strict=True)) + (d if operation[0] == "s" else 0)
    if operation.startswith("cmp"):
        test = COMPARISONS[operation[3:5]]
        return joined([-int(test(left, right)) for left, right in zip(x, y, strict=True)], width)
    return joined([LANES[operation](left, right, width) for left, right in zip(x, y, strict=True)], width)


def _signs(operation: str) -> tuple[bool, bool]:
    if "dot" in operation:
        kind = operation.split("dot")[1]
        return kind == "sp", kind != "up"
    unsigned = operation in UNSIGNED or (operation.startswith("cmp") and operation.endswith("u"))
    return not unsigned, not unsigned


def _shuffle(a: int, b: int, d: int, width: int, count: int, immediate: bool) -> int:
    source = lanes(a, width, False)
    chosen = [b >> index & 1 for index in range(2)] if immediate else [lane % count for lane in lanes(b, width, False)]
    return joined([source[lane] for lane in chosen], width)


def _shuffle_first(first: int) -> Callable[[int, int, int, int, int, bool], int]:
    def shuffle(a: int, b: int, d: int, width: int, count: int, immediate: bool) -> int:
        source = lanes(a, 8, False)
        return joined([source[b % 4], source[b // 4 % 4], source[b // 16 % 4], source[first]], 8)
    return shuffle


def _shuffle2(a: int, b: int, d: int, width: int, count: int, immediate: bool) -> int:
    source = lanes(d, width, False) + lanes(a, width, False)
    return joined([source[lane % (2 * count)] for lane in lanes(b, width, False)], width)


def _insert(a: int, b: int, d: int, width: int, count: int, immediate: bool) -> int:
    found = lanes(d, width, False)
    found[b % count] = a
    return joined(found, width)


MOVES: dict[str, Callable[[int, int, int, int, int, bool], int]] = {
    "extract": lambda a, b, d, w, count, i: lanes(a, w, True)[b % count],
    "extractu": lambda a, b, d, w, count, i: lanes(a, w, False)[b % count],
    "insert": _insert, "shuffle": _shuffle, "shuffle2": _shuffle2,
    "shufflei0": _shuffle_first(0), "shufflei1": _shuffle_first(1), "shufflei2": _shuffle_first(2),
    "shufflei3": _shuffle_first(3),
    "pack": lambda a, b, d, w, count, i: joined([b, a], 16),
    "packhi": lambda a, b, d, w, count, i: joined([*lanes(d, 8, False)[:2], b, a], 8),
    "packlo": lambda a, b, d, w, count, i: joined([b, a, *lanes(d, 8, False)[2:]], 8)}
