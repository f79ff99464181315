"""The RISC-V build of every kernel, executed on the simulated cluster, gives the bytes of the plain C build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bittrue.targets.gap9.kernels import (
    KERNELS,
    NO_REQUANT,
    SOURCE,
    RequantTable,
    pack_bias,
    pack_conv,
    pack_depthwise,
    pack_linear,
    source_files,
)
from bittrue.targets.gap9.simulate import Cluster
from bittrue.targets.gap9.simulate.build import build
from gap9.kernel_builds import Call
from gap9.test_gap9_kernels_image import fields as window_fields
from gap9.test_gap9_kernels_matrix import activations, conv_fields, tables, weights

MAIN = """
#include "bt_kernels.h"
#include "bt_sim.h"
#include "pmsis.h"
#define NEAR __attribute__((section(".l1"), aligned(4)))
{declarations}
static void work(void *cores)
{{
    int32_t core = (int32_t)pi_core_id(), count = (int32_t)(intptr_t)cores;
    if (core >= count)
        return;
{calls}
}}
static void master(void *arg) {{ pi_cl_team_fork(8, work, arg); }}
int main(void)
{{
    struct pi_device device;
    struct pi_cluster_conf conf;
    struct pi_cluster_task task;
    pi_cluster_conf_init(&conf);
    pi_open_from_conf(&device, &conf);
    if (pi_cluster_open(&device))
        return 1;
    pi_cluster_send_task_to_cl(&device, pi_cluster_task(&task, master, (void *){cores}));
    pi_cluster_close(&device);
    return 0;
}}
"""


@dataclass(frozen=True)
class Case:
    """One call: kernel, integer fields, memory by field, bytes of the output, requantization."""

    kernel: str
    values: dict[str, int]
    memory: dict[str, bytes]
    output: int
    table: RequantTable = field(default=NO_REQUANT)

    def host(self) -> bytes:
        call = Call(self.kernel)
        pointers = {name: call.address(data) for name, data in self.memory.items()}
        extra = {"requant": call.requant(self.table)} if self.has("requant") else {}
        return call.run(self.output, 8, **pointers, **extra, **self.values).tobytes()

    def has(self, name: str) -> bool:
        return any(f.name == name for f in KERNELS[self.kernel].fields)

    def declarations(self, index: int, cores: int) -> Iterator[str]:
        """The memory and the parameters in C."""
        memory = {**self.memory, "scales": self.table.scale_words().astype(np.int32).tobytes()}
        for name, data in memory.items():
            yield f"NEAR static uint8_t {name}{index}[{len(data) + 4}] = {{{', '.join(map(str, data))}}};"
        scratch = KERNELS[self.kernel].scratch(self.values, cores)
        yield f"NEAR static uint8_t scratch{index}[{scratch + 4}];\nNEAR uint8_t output{index}[{self.output + 4}];"
        fields = [f".{name} = {value}" for name, value in self.values.items()]
        fields += [f".{name} = (void *){name}{index}" for name in (*self.memory, "output")]
        fields += [f".scratch = scratch{index}"] * self.has("scratch")
        if self.has("requant"):
            inner = "".join(f", .{name} = {value}" for name, value in self.table.fields().items())
            fields.append(f".requant = {{.scales = (const bt_scale *)(void *)scales{index}{inner}}}")
        yield f"NEAR static {KERNELS[self.kernel].struct} params{index} = {{{', '.join(fields)}}};"
        yield f"static void *const unused{index}[] __attribute__((unused)) = {{scratch{index}, scales{index}}};"

    def call(self, index: int) -> str:
        return (f"    BT_REGION_ENTER({index});\n    {KERNELS[self.kernel].function}(&params{index}, core, count);\n"
                f"    BT_REGION_LEAVE({index});\n    pi_cl_team_barrier();")


def u8(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> bytes:
    return bytes((values & 255).astype(np.uint8).tobytes())


def bias(random: np.random.Generator, count: int) -> bytes:
    return bytes(pack_bias(random.integers(-999, 999, count)).astype(np.int32).tobytes())


def matrix_cases(random: np.random.Generator) -> Iterator[Case]:
    geometry = ((4, 5), (1, 1), (1, 1), (1, 1))
    for bits, signed in ((8, True), (8, False), (4, True), (4, False), (2, True), (2, False)):
        for table in tables(13, random):
            x, w = activations(random, signed, (4, 5, 5)), weights(random, bits, (13, 5, 3, 3))
            yield Case("conv", conv_fields(x, w, *geometry, bits, signed), {
                "input": u8(x), "weights": pack_conv(w, bits), "bias": bias(random, 13)}, 260 * table.element_bytes,
                table)
    for rows, bits, signed in ((1, 8, True), (1, 8, False), (1, 4, False), (3, 8, True)):
        w = weights(random, bits, (19, 24))
        yield Case("linear", {"rows": rows, "in_c": 24, "in_pitch": 24, "out_c": 19, "out_pitch": 19,
                              "is_signed": int(signed), "weight_bits": bits}, {
            "input": u8(activations(random, signed, (rows, 24))), "weights": pack_linear(w, bits),
            "bias": bias(random, 19)}, rows * 19, tables(19, random)[2])
    w = weights(random, 8, (8, 12, 1, 1))
    yield Case("pointwise", {"in_w": 5, "in_c": 12, "in_pitch": 12, "out_h": 3, "out_w": 5, "out_c": 8, "out_pitch": 8,
                             "stride_h": 1, "stride_w": 1, "is_signed": 0, "weight_bits": 8}, {
        "input": u8(activations(random, False, (3, 5, 12))), "weights": pack_conv(w, 8), "bias": bias(random, 8)}, 120,
        tables(8, random)[1])


def image_cases(random: np.random.Generator) -> Iterator[Case]:
    size = (5, 6, 10)
    window = window_fields(size, (3, 3), (5, 6), (1, 1), (1, 1), (1, 1))
    for signed in (True, False):
        x = {"input": u8(activations(random, signed, size))}
        for table in tables(10, random):
            yield Case("depthwise", {**window, "is_signed": int(signed)}, {
                **x, "weights": pack_depthwise(weights(random, 8, (10, 3, 3))), "bias": bias(random, 10)},
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


def simulate(cases: list[Case], folder: Path, compiler: str, cores: int) -> Cluster:
    declared = [line for index, case in enumerate(cases) for line in case.declarations(index, cores)]
    calls = "\n".join(case.call(index) for index, case in enumerate(cases))
    main = folder / "main.c"
    main.write_text(MAIN.format(declarations="\n".join(declared), calls=calls, cores=cores))
    files = [path for path in source_files({case.kernel for case in cases}) if path.suffix == ".c"]
    built = build([main, *files], folder, compiler, ("-I", str(SOURCE)))
    assert built.warnings == ()
    return Cluster(built.elf)


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_the_cluster_gives_the_same_bytes(compiler: str, tmp_path: Path) -> None:
    random = np.random.default_rng(21)
    cases = [*matrix_cases(random), *image_cases(random)]
    cluster = simulate(cases, tmp_path, compiler, 8)
    cluster.run().raise_traps()
    for index, case in enumerate(cases):
        got = cluster.read_memory(cluster.symbols[f"output{index}"], case.output)
        assert got == case.host(), f"{index}: {case.kernel} {case.table.kind.name}"


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_convolution_and_linear_reach_15_macs_a_cycle(compiler: str, tmp_path: Path) -> None:
    """8 cores: 3x3 convolution with 32 channels (K = 288) and a linear layer on 16 rows, requantized to bytes."""
    random = np.random.default_rng(22)
    x, w = activations(random, False, (16, 16, 32)), weights(random, 8, (64, 32, 3, 3))
    geometry = ((16, 16), (1, 1), (1, 1), (1, 1))
    table = tables(64, random)[2]
    cases = [Case("conv", conv_fields(x, w, *geometry, 8, False), {
        "input": u8(x), "weights": pack_conv(w, 8), "bias": bias(random, 64)}, 16 * 16 * 64, table)]
    w = weights(random, 8, (64, 512))
    cases.append(Case("linear", {"rows": 16, "in_c": 512, "in_pitch": 512, "out_c": 64, "out_pitch": 64,
                                 "is_signed": 0, "weight_bits": 8}, {
        "input": u8(activations(random, False, (16, 512))), "weights": pack_linear(w, 8),
        "bias": bias(random, 64)}, 16 * 64, table))
    cluster = simulate(cases, tmp_path, compiler, 8)
    result = cluster.run()
    result.raise_traps()
    for index, case in enumerate(cases):
        got = cluster.read_memory(cluster.symbols[f"output{index}"], case.output)
        assert got == case.host()
        assert KERNELS[case.kernel].macs(case.values) / result.region(index).cycles >= 15, case.kernel
