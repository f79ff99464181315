"""The RISC-V build of every kernel, executed on the simulated cluster, gives the bytes of the plain C build."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bittrue.targets.gap9.kernels import (
    NO_REQUANT,
    Columns,
    RequantTable,
    pack_conv,
    pack_depthwise,
    pack_linear,
    row_bytes,
)
from gap9.kernel_cluster import Case, program, run
from gap9.kernel_inputs import (
    DEPTHWISE,
    WINDOWS,
    above_zero,
    activations,
    bytes_of,
    conv_fields,
    packed_bias,
    tables,
    weights,
    window_fields,
)
from gap9.kernel_reference import windows


def matrix_cases(random: np.random.Generator) -> Iterator[Case]:
    geometry = ((4, 5), (1, 1), (1, 1), (1, 1))
    for bits, signed in ((8, True), (8, False), (4, True), (4, False), (2, True), (2, False)):
        for table in tables(13, random):
            x, w = activations(random, signed, (4, 5, 5)), weights(random, bits, (13, 5, 3, 3))
            yield Case("conv", conv_fields(x, w, *geometry, bits, signed), {
                "input": bytes_of(x), "weights": pack_conv(w, bits), "bias": packed_bias(random, 13)},
                260 * table.element_bytes, table)
        yield from kept_cases(random, bits, signed)
    for rows, bits, signed in ((1, 8, True), (1, 8, False), (1, 4, False), (3, 8, True)):
        w = weights(random, bits, (19, 24))
        yield Case("linear", {"rows": rows, "in_c": 24, "in_pitch": 24, "out_c": 19, "out_pitch": 19,
                              "is_signed": int(signed), "weight_bits": bits}, {
            "input": bytes_of(activations(random, signed, (rows, 24))), "weights": pack_linear(w, bits),
            "bias": packed_bias(random, 19)}, rows * 19, tables(19, random)[2])
    w = weights(random, 8, (8, 12, 1, 1))
    yield Case("pointwise", {"in_w": 5, "in_c": 12, "in_pitch": 12, "out_h": 3, "out_w": 5, "out_c": 8, "out_pitch": 8,
                             "stride_h": 1, "stride_w": 1, "is_signed": 0, "weight_bits": 8}, {
        "input": bytes_of(activations(random, False, (3, 5, 12))), "weights": pack_conv(w, 8),
        "bias": packed_bias(random, 8)}, 120, tables(8, random)[1])


def kept_cases(random: np.random.Generator, bits: int, signed: bool) -> Iterator[Case]:
    """A convolution that leaves its im2col matrix, and one that finds it."""
    geometry = ((4, 5), (1, 1), (1, 1), (1, 1))
    table = tables(13, random)[5]
    x, w = activations(random, signed, (4, 5, 5)), weights(random, bits, (13, 5, 3, 3))
    memory = {"weights": pack_conv(w, bits), "bias": packed_bias(random, 13)}
    yield Case("conv", conv_fields(x, w, *geometry, bits, signed, Columns.MAKE), {
        "input": bytes_of(x), **memory}, 260, table)
    matrix = windows(x, geometry[0], (3, 3), *geometry[1:]).reshape(20, 45)
    rows = np.pad(matrix, ((0, 0), (0, row_bytes(45, bits) - 45)), constant_values=77)
    yield Case("conv", conv_fields(x, w, *geometry, bits, signed, Columns.KEPT), {
        "input": b"", "scratch": bytes_of(rows), **memory}, 260, table)


def cases_of_many_pairs(random: np.random.Generator) -> Iterator[Case]:
    """So many pixels for a core that it does several pairs at once, and an odd last one."""
    for index, window in enumerate([((9, 11, 3), (3, 3), (9, 11), (1, 1), (1, 1), (1, 1)), *WINDOWS]):
        size, kernel, *geometry = window
        found = tables(16, random)
        for bits, signed, table in ((8, False, found[(5, 1, 2)[index % 3]]), (8, True, found[(1, 2, 5)[index % 3]]),
                                    (8, index % 2 > 0, found[(0, 4)[index % 2]]), (4, index % 2 > 0, found[5])):
            x, w = activations(random, signed, size), weights(random, bits, (16, size[2], *kernel))
            columns = Columns.OWN if index % 3 else Columns.MAKE
            yield Case("conv", conv_fields(x, w, *geometry, bits, signed, columns), {
                "input": bytes_of(x), "weights": pack_conv(w, bits), "bias": packed_bias(random, 16)},
                geometry[0][0] * geometry[0][1] * 16 * table.element_bytes, table)
    for rows, width, stride in ((27, 1, 1), (3, 9, 1), (3, 9, 2), (9, 3, 3)):
        x, w, table = activations(random, False, (rows, width, 12)), weights(random, 8, (19, 12)), tables(19, random)[5]
        memory = {"input": bytes_of(x), "weights": pack_linear(w, 8), "bias": packed_bias(random, 19)}
        sizes = {"in_c": 12, "in_pitch": 12, "out_c": 19, "out_pitch": 19, "is_signed": 0, "weight_bits": 8}
        height, wide = -(-rows // stride), -(-width // stride)
        yield Case("pointwise", {**sizes, "in_w": width, "out_h": height, "out_w": wide, "stride_h": stride,
                                 "stride_w": stride}, memory, height * wide * 19, table)
        yield Case("linear", {**sizes, "rows": rows * width}, memory, 27 * 19, table)


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_several_pairs_of_rows_at_once(compiler: str) -> None:
    for index, case in enumerate(cases_of_many_pairs(np.random.default_rng(24))):
        ran = run(case, program(compiler=compiler), tight=True, cores=(1, 2, 1, 3)[index % 4])
        ran.result.raise_traps()
        assert ran.output == case.host(), f"{index}: {case.values} {case.table.kind.name}"


def test_columns_that_are_made_by_two_cores() -> None:
    """Of 5 pairs of pixels with 3 blocks of channels each, a core has the end of one pair and the begin of the next.

    Another core multiplies that one already: at no moment may anything else be written into its columns.
    """
    random = np.random.default_rng(31)
    x, w = activations(random, False, (3, 3, 40)), weights(random, 8, (12, 40, 3, 3))
    x |= 1  # none is zero
    case = Case("conv", conv_fields(x, w, (3, 3), (1, 1), (1, 1), (1, 1), 8, False, Columns.MAKE), {
        "input": bytes_of(x), "weights": pack_conv(w, 8), "bias": packed_bias(random, 12)}, 9 * 12 * 4, NO_REQUANT)
    ran = run(case, program(), tight=True)
    ran.result.raise_traps()
    assert ran.output == case.host()


def image_cases(random: np.random.Generator) -> Iterator[Case]:
    size = (5, 6, 10)
    window = window_fields(size, (3, 3), (5, 6), (1, 1), (1, 1), (1, 1))
    for signed in (True, False):
        x = {"input": bytes_of(activations(random, signed, size))}
        for table in tables(10, random):
            yield Case("depthwise", {**window, "is_signed": int(signed)}, {
                **x, "weights": pack_depthwise(weights(random, 8, (10, 3, 3))), "bias": packed_bias(random, 10)},
                300 * table.element_bytes, table)
        yield Case("avg_pool", {**window, "is_signed": int(signed)}, x, 300, tables(10, random)[1])
        yield Case("max_pool", {**window, "is_signed": int(signed)}, x, 300)
    pads = dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right", "pad_front", "pad_back"), 1)
    yield Case("pad", {"in_h": 5, "in_w": 6, "in_c": 10, "in_pitch": 10, "value": 7, **pads}, x, 7 * 8 * 12)
    yield Case("lookup", {"count": 300}, {**x, "table": bytes(reversed(range(256)))}, 300)
    yield Case("leaky_relu", {"count": 300}, x, 300, RequantTable(tables(1, random)[1].kind, ((13, 64, 7),), (), False,
                                                                  -128, 127))
    pitches = {"pixels": 30, "channels": 10, "out_pitch": 10}
    yield Case("requantize", {**pitches, "in_pitch": 10, "in_type": 1}, x, 300, tables(10, random)[2])
    yield Case("add", {**pitches, "a_pitch": 10, "b_pitch": 10, "a_type": 0, "b_type": 1}, {
        "a": x["input"], "b": x["input"]}, 300, tables(10, random)[4])


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_the_cluster_gives_the_same_bytes(compiler: str) -> None:
    """Nothing beside the buffers is read or written: the words between them are guarded."""
    random = np.random.default_rng(21)
    for index, case in enumerate([*matrix_cases(random), *image_cases(random)]):
        ran = run(case, program(compiler=compiler), tight=True)
        ran.result.raise_traps()
        assert ran.output == case.host(), f"{index}: {case.kernel} {case.table.kind.name}"


def depthwise_cases(random: np.random.Generator) -> Iterator[Case]:
    for index, window in enumerate([*WINDOWS, *DEPTHWISE]):
        size, kernel, out, *_ = window
        channels = size[2]
        found = tables(channels, random)
        wanted = [found[(1, 2, 5)[index % 3]], found[(5, 1, 3)[index % 3]], above_zero(found[(5, 1)[index % 2]]),
                  found[4]]
        for signed, table in zip((True, False, index % 4 > 1, True), wanted, strict=True):
            x, w = activations(random, signed, size), weights(random, 8, (channels, *kernel))
            memory = {"input": bytes_of(x), "weights": pack_depthwise(w), "bias": packed_bias(random, channels)}
            yield Case("depthwise", {**window_fields(*window), "is_signed": int(signed)}, memory,
                       out[0] * out[1] * channels * table.element_bytes, table)


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_every_way_through_the_depthwise_convolution(compiler: str) -> None:
    for index, case in enumerate(depthwise_cases(np.random.default_rng(23))):
        ran = run(case, program(compiler=compiler), tight=True, cores=(8, 3, 1, 5)[index % 4])
        ran.result.raise_traps()
        assert ran.output == case.host(), f"{index}: {case.values} {case.table.kind.name}"


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_convolution_and_linear_reach_15_macs_a_cycle(compiler: str) -> None:
    """8 cores: 3x3 convolution with 32 channels (K = 288) and a linear layer on 16 rows, requantized to bytes."""
    random = np.random.default_rng(22)
    x, w = activations(random, False, (16, 16, 32)), weights(random, 8, (64, 32, 3, 3))
    geometry = ((16, 16), (1, 1), (1, 1), (1, 1))
    table = tables(64, random)[2]
    cases = [Case("conv", conv_fields(x, w, *geometry, 8, False), {
        "input": bytes_of(x), "weights": pack_conv(w, 8), "bias": packed_bias(random, 64)}, 16 * 16 * 64, table)]
    w = weights(random, 8, (64, 512))
    cases.append(Case("linear", {"rows": 16, "in_c": 512, "in_pitch": 512, "out_c": 64, "out_pitch": 64,
                                 "is_signed": 0, "weight_bits": 8}, {
        "input": bytes_of(activations(random, False, (16, 512))), "weights": pack_linear(w, 8),
        "bias": packed_bias(random, 64)}, 16 * 64, table))
    for case in cases:
        ran = run(case, program(compiler=compiler))
        ran.result.raise_traps()
        assert ran.output == case.host()
        assert case.macs / ran.cycles(0) >= 15, case.kernel
