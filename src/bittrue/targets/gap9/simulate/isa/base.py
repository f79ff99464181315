"""The rows of RV32IM and Zicsr. Compressed instructions are expanded to these, see `compressed`."""

from __future__ import annotations

from collections.abc import Iterator

from .. import columns as c
from . import scalar
from .row import Function, Row, fields

I, M, ZICSR = "RV32I", "RV32M", "Zicsr"
ARITHMETIC: tuple[tuple[str, int, int, Function], ...] = (
    ("add", 0, 0x00, scalar.add), ("sub", 0, 0x20, scalar.sub), ("sll", 1, 0x00, scalar.sll),
    ("slt", 2, 0x00, scalar.slt), ("sltu", 3, 0x00, scalar.sltu), ("xor", 4, 0x00, scalar.xor),
    ("srl", 5, 0x00, scalar.srl), ("sra", 5, 0x20, scalar.sra), ("or", 6, 0x00, scalar.or_),
    ("and", 7, 0x00, scalar.and_))
"""Name, funct3, funct7, function."""
IMMEDIATE: tuple[tuple[str, int, Function], ...] = (
    ("addi", 0, scalar.add), ("slti", 2, scalar.slt), ("sltiu", 3, scalar.sltu), ("xori", 4, scalar.xor),
    ("ori", 6, scalar.or_), ("andi", 7, scalar.and_))
SHIFTS: tuple[tuple[str, int, int, Function], ...] = (
    ("slli", 1, 0x00, scalar.sll), ("srli", 5, 0x00, scalar.srl), ("srai", 5, 0x20, scalar.sra))
BRANCHES: tuple[tuple[str, int, Function], ...] = (
    ("beq", 0, scalar.eq), ("bne", 1, scalar.ne), ("blt", 4, scalar.slt), ("bge", 5, scalar.ge),
    ("bltu", 6, scalar.sltu), ("bgeu", 7, scalar.geu))
LOADS = (("lb", 0, 8, True), ("lh", 1, 16, True), ("lw", 2, 32, True), ("lbu", 4, 8, False), ("lhu", 5, 16, False))
"""Name, funct3, bits, signed."""
STORES = (("sb", 0, 8), ("sh", 1, 16), ("sw", 2, 32))
MULTIPLY: tuple[tuple[str, int, Function, str, int], ...] = (
    ("mul", 0, scalar.mul, "mul", c.ALU), ("mulh", 1, scalar.mulh, "mulh", c.ALU),
    ("mulhsu", 2, scalar.mulhsu, "mulh", c.ALU), ("mulhu", 3, scalar.mulhu, "mulh", c.ALU),
    ("div", 4, scalar.div, "div", c.DIVIDE), ("divu", 5, scalar.divu, "div", c.DIVIDE),
    ("rem", 6, scalar.rem, "div", c.DIVIDE), ("remu", 7, scalar.remu, "div", c.DIVIDE))
CONTROL = (("csrrw", 1, c.CSR_WRITE, "csr"), ("csrrs", 2, c.CSR_SET, "csr"), ("csrrc", 3, c.CSR_CLEAR, "csr"),
           ("csrrwi", 5, c.CSR_WRITE, "csr_immediate"), ("csrrsi", 6, c.CSR_SET, "csr_immediate"),
           ("csrrci", 7, c.CSR_CLEAR, "csr_immediate"))
WHOLE = (("ecall", 0x00000073, c.ECALL), ("ebreak", 0x00100073, c.EBREAK), ("wfi", 0x10500073, c.WFI),
         ("mret", 0x30200073, c.MRET))


def rows() -> Iterator[Row]:
    """All rows of RV32IM and Zicsr."""
    yield from _arithmetic()
    yield from _memory()
    yield from _control()


def _arithmetic() -> Iterator[Row]:
    yield Row("lui", "u", *fields(0x37), scalar.second, extension=I)
    yield Row("auipc", "auipc", *fields(0x17), scalar.second, extension=I)
    for name, funct3, function in IMMEDIATE:
        yield Row(name, "i", *fields(0x13, funct3), function, extension=I)
    for name, funct3, funct7, function in SHIFTS:
        yield Row(name, "u5", *fields(0x13, funct3, funct7), function, extension=I)
    for name, funct3, funct7, function in ARITHMETIC:
        yield Row(name, "r", *fields(0x33, funct3, funct7), function, extension=I)
    for name, funct3, function, latency, kind in MULTIPLY:
        yield Row(name, "r", *fields(0x33, funct3, 0x01), function, kind=kind, latency=latency,
                  signed=not name.endswith("u"), extension=M)


def _memory() -> Iterator[Row]:
    for name, funct3, width, signed in LOADS:
        yield Row(name, "load", *fields(0x03, funct3), kind=c.LOAD, width=width, signed=signed, latency="load",
                  extension=I)
    for name, funct3, width in STORES:
        yield Row(name, "store", *fields(0x23, funct3), kind=c.STORE, width=width, extension=I)


def _control() -> Iterator[Row]:
    for name, funct3, function in BRANCHES:
        yield Row(name, "branch", *fields(0x63, funct3), function, kind=c.BRANCH, extension=I)
    yield Row("jal", "jal", *fields(0x6F), kind=c.JAL, extension=I)
    yield Row("jalr", "jalr", *fields(0x67, 0), kind=c.JALR, extension=I)
    for name, funct3, operation, form in CONTROL:
        yield Row(name, form, *fields(0x73, funct3), kind=c.CSR, operation=operation, extension=ZICSR)
    for name, word, operation in WHOLE:
        yield Row(name, "none", word, 0xFFFFFFFF, kind=c.SYSTEM, operation=operation, extension=I)
    yield Row("fence", "none", *fields(0x0F, 0), kind=c.SYSTEM, operation=c.FENCE, extension=I)
    yield Row("fence.i", "none", *fields(0x0F, 1), kind=c.SYSTEM, operation=c.FENCE, extension=I)
