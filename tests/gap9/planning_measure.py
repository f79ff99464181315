"""Measures calls of kernels on the simulated cluster, and fits the coefficients of `planning.cost` to them.

`python -m gap9.planning_measure` (in the folder `tests`) prints the table `COEFFICIENTS` for the kernels as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bittrue.targets.gap9.kernels import KERNELS, Kind, row_bytes, source_files
from bittrue.targets.gap9.planning.work import KINDS, WORK
from gap9.cluster_programs import c_program
from gap9.kernel_builds import kernel_folder

ROOM, AT_ONCE = 96_000, 40
CALLS = """
#include "bt_kernels.h"
__attribute__((section(".l1"), aligned(8))) static uint32_t memory[{words}];
#define AT(x) (void *)((uint8_t *)memory + (x))
{declarations}
static void work(void *arg)
{{
    int32_t core = (int32_t)pi_core_id(), count = 8;
    (void)arg;
    for (uint32_t i = (uint32_t)core; i < {words}; i += 8)
        memory[i] = i * 2654435761u;
    pi_cl_team_barrier();
{calls}
}}
static void cluster(void *arg) {{ pi_cl_team_fork(8, work, arg); }}
"""
Values = dict[str, int]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One call: its kernel, the integer fields, the requantization."""

    kernel: str
    values: Values
    kind: Kind
    per_channel: bool

    def sizes(self) -> dict[str, int]:
        """Bytes that each pointer leads to."""
        v, element = self.values, {0: 1, 1: 1, 2: 2, 3: 2, 4: 4}
        channels = -(-v.get("out_c", v.get("channels", 4)) // 4) * 4
        pixels, out = v.get("pixels", v.get("rows", 1)), v.get("out_pitch", 1)
        image = v.get("in_h", v.get("out_h", 1) * v.get("stride_h", 1)) * v.get("in_w", pixels) * v.get("in_pitch", 1)
        length = v.get("kernel_h", 1) * v.get("kernel_w", 1) * v.get("in_c", 1)
        weights = (channels * v.get("kernel_w", 1) * -(-v.get("kernel_h", 1) // 4) * 4 if self.kernel == "depthwise"
                   else channels * row_bytes(length, v.get("weight_bits", 8)) * v.get("weight_bits", 8) // 8)
        return {"input": max(image * element[v.get("in_type", 0)] + 16, v.get("count", 0)), "weights": weights,
                "a": pixels * out * element[v.get("a_type", 0)], "b": pixels * out * element[v.get("b_type", 0)],
                "bias": 4 * channels, "table": 256, "scales": 32 * channels, "splits": 4 * channels,
                "scratch": KERNELS[self.kernel].scratch(v, 8), "output": self._output(pixels, out)}

    def _output(self, pixels: int, pitch: int) -> int:
        v = self.values
        if self.kernel == "pad":
            return KERNELS["pad"].macs(v)
        elements = v.get("out_h", 1) * v.get("out_w", pixels) * pitch
        return max(elements, v.get("count", 0)) * (4 if self.kind is Kind.NONE else 1)

    def declaration(self, number: int) -> str:
        """Its parameters in C; empty if they do not fit into L1."""
        names, at, fields = {f.name for f in KERNELS[self.kernel].fields}, 0, []
        places: dict[str, int] = {}
        for name, size in self.sizes().items():
            if name in names or (name in ("scales", "splits") and "requant" in names):
                places[name], at = at, at + -(-size // 8) * 8
        if at > ROOM:
            return ""
        fields = [f".{name} = {value}" for name, value in self.values.items()]
        fields += [f".{name} = AT({place})" for name, place in places.items() if name in names]
        if "requant" in names:
            fields.append(f".requant = {{.scales = AT({places['scales']}), .splits = AT({places['splits']}), .kind = "
                          f"{int(self.kind)}, .per_channel = {int(self.per_channel)}, .lo = -128, .hi = 127}}")
        return (f'__attribute__((section(".l1"))) static {KERNELS[self.kernel].struct} p{number} = '
                f"{{{', '.join(fields)}}};")


def measure(calls: Sequence[Call]) -> list[tuple[Call, int]]:
    """Cycles of the calls on 8 cores; calls that do not fit into L1 are left out."""
    fitting = [call for call in calls if call.declaration(0)]
    return [pair for first in range(0, len(fitting), AT_ONCE) for pair in _measure(fitting[first:first + AT_ONCE])]


def _measure(calls: Sequence[Call]) -> Iterator[tuple[Call, int]]:
    lines = [f"    BT_REGION_ENTER({number}); {KERNELS[call.kernel].function}(&p{number}, core, count); "
             f"BT_REGION_LEAVE({number}); pi_cl_team_barrier();" for number, call in enumerate(calls)]
    text = CALLS.format(words=ROOM // 4, calls="\n".join(lines), declarations="\n".join(
        call.declaration(number) for number, call in enumerate(calls)))
    folder, names = kernel_folder(), (path.name for path in source_files({call.kernel for call in calls}))
    result = c_program(text, flags=(f"-I{folder}",),
                       others=tuple(folder / name for name in names if name.endswith(".c"))).run()
    result.raise_traps()
    for number, call in enumerate(calls):
        yield call, result.region(number).cycles


class Draw:
    """Random calls of each kernel, of sizes that tiles have."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def number(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def one(self, *choices: int) -> int:
        return int(self.random.choice(choices))

    def window(self, kernels: tuple[int, ...], channels: int) -> Values:
        k, s, height, width = self.one(*kernels), self.one(1, 1, 2), self.number(1, 14), self.number(1, 24)
        pad, top = k // 2, self.number(0, 1) * (k // 2)
        return {"in_h": max(1, (height - 1) * s + k - 2 * top), "in_w": max(1, (width - 1) * s + k - 2 * pad),
                "in_pitch": channels, "out_h": height, "out_w": width, "out_pitch": channels, "kernel_h": k,
                "kernel_w": k, "stride_h": s, "stride_w": s, "pad_top": top, "pad_left": pad, "dilation_h": 1,
                "dilation_w": 1, "is_signed": self.number(0, 1)}

    def conv(self) -> Values:
        depth, out = self.one(1, 3, 4, 8, 16, 32, 64), self.one(4, 8, 12, 16, 20, 32, 48, 64, 10)
        return {**self.window((1, 3, 3, 3, 5), depth), "in_c": depth, "out_c": out, "out_pitch": out,
                "weight_bits": self.one(8, 8, 8, 8, 4, 2), "columns": self.one(0, 0, 1, 2)}

    def pointwise(self) -> Values:
        height, width, s, bits = self.number(1, 10), self.number(1, 24), self.one(1, 1, 1, 2), self.one(8, 8, 8, 4, 2)
        depth, out = self.number(1, 16) * 16, self.one(4, 8, 12, 16, 20, 32, 48, 64, 128, 10)
        return {"in_w": width * s, "in_c": depth, "in_pitch": depth, "out_h": height, "out_w": width, "out_c": out,
                "out_pitch": out, "stride_h": s, "stride_w": s, "is_signed": self.number(0, 1), "weight_bits": bits}

    def linear(self) -> Values:
        depth, out = self.number(8, 640), self.one(4, 8, 10, 16, 32, 64, 128, 100)
        return {"rows": self.one(1, 1, 1, 2, 3, 4, 8, 16, 17), "in_c": depth, "in_pitch": depth, "out_c": out,
                "out_pitch": out, "is_signed": self.number(0, 1), "weight_bits": self.one(8, 8, 8, 4, 2)}

    def depthwise(self) -> Values:
        channels = self.one(4, 8, 16, 24, 32, 64, 10)
        return {**self.window((1, 3, 3, 3, 5), channels), "channels": channels}

    def pool(self) -> Values:
        channels = self.one(4, 8, 16, 24, 32, 64, 10)
        made = {**self.window((2, 3, 3, 5), channels), "channels": channels, "pad_top": 0, "pad_left": 0}
        if self.random.random() < 0.25:
            made |= {"in_h": self.number(2, 8), "in_w": self.number(2, 8), "out_h": 1, "out_w": 1}
            return {**made, "kernel_h": made["in_h"], "kernel_w": made["in_w"]}
        return {**made, "in_h": (made["out_h"] - 1) * made["stride_h"] + made["kernel_h"],
                "in_w": (made["out_w"] - 1) * made["stride_w"] + made["kernel_w"]}

    def elements(self, flat: bool, *prefixes: str) -> Values:
        pixels, channels = self.number(1, 300), self.number(4, 64)
        if flat:
            pixels, channels = 1, pixels * channels
        return {"pixels": pixels, "channels": channels, "out_pitch": channels,
                **{f"{prefix}_pitch": channels for prefix in prefixes}}

    def pad(self) -> Values:
        depth = self.one(1, 3, 4, 8, 16, 32, 64)
        return {"in_h": self.number(1, 16), "in_w": self.number(1, 24), "in_c": depth, "in_pitch": depth,
                **{f"pad_{side}": self.number(0, 3) for side in ("top", "bottom", "left", "right")}, "pad_front": 0,
                "pad_back": 4 * self.one(0, 0, 0, 1), "value": 0}

    def kind(self, kernel: str) -> tuple[Kind, bool]:
        """Kinds that are fast more often than others."""
        often = {"avg_pool": (1, 7, 0, 3, 4), "leaky_relu": (1, 3)}.get(kernel, (0, 1, 1, 2, 3, 3, 4, 4, 5, 6))
        return Kind(self.one(*often)), bool(self.number(0, 1)) and kernel != "leaky_relu"

    def call(self, kernel: str) -> Call:
        """A call of a kernel."""
        kind, per_channel = self.kind(kernel)
        makers: Mapping[str, Callable[[], Values]] = {
            "conv": self.conv, "pointwise": self.pointwise, "linear": self.linear, "depthwise": self.depthwise,
            "max_pool": self.pool, "avg_pool": self.pool, "pad": self.pad,
            "add": lambda: {**self.elements(not per_channel, "a", "b"), "a_type": self.one(0, 1, 4), "b_type": 1},
            "requantize": lambda: {**self.elements(not per_channel, "in"), "in_type": self.one(0, 1, 4, 4)}}
        made = makers.get(kernel, lambda: {"count": self.number(10, 20_000)})()
        if kernel == "add" and made["a_type"] < 2:
            made["b_type"] = made["a_type"]
        return Call(kernel, made, kind, per_channel)


def features(found: Sequence[tuple[Call, int]]) -> list[dict[str, float]]:
    return [{name: float(np.asarray(amount)) for name, amount in WORK[call.kernel](call.values, call.kind, 8).items()}
            for call, _ in found]


def fit(found: Sequence[tuple[Call, int]]) -> dict[str, float]:
    """Coefficients, none negative, with the least relative errors; outliers count less."""
    rows = features(found)
    names = sorted({name for row in rows for name in row})
    amounts = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    cycles = np.array([measured for _, measured in found], float)
    weight = 1 / cycles
    for _ in range(8):
        solution = not_negative(amounts * weight[:, None], cycles * weight)
        error = np.maximum(abs(amounts @ solution / cycles - 1), 0.03)
        weight = 1 / cycles / np.sqrt(error)
    return {name: round(float(value), 1) for name, value in zip(names, solution, strict=True)}


def not_negative(a: Floats, b: Floats) -> Floats:
    """Least squares by coordinates, each no less than 0."""
    size = np.maximum(np.sqrt((a * a).sum(0)), 1e-9)
    gram, right = (a / size).T @ (a / size), (a / size).T @ b
    x = np.zeros(a.shape[1])
    for _ in range(1500):
        for i in range(x.size):
            x[i] = max(0.0, x[i] + (right[i] - gram[i] @ x) / max(gram[i, i], 1e-9))
    return x / size


SIMILAR: Mapping[str, tuple[str, ...]] = {
    "none": ("narrow",), "narrow": ("parts",), "narrow_even": ("wide",), "parts": ("wide", "narrow"),
    "wide": ("parts",), "split": ("general", "divide", "wide"), "general": ("divide", "split", "wide"),
    "divide": ("general", "wide")}
"""Kinds that stand in for one that a kernel was not measured with."""


def completed(table: dict[str, float]) -> dict[str, float]:
    """With a number for every kind of requantization."""
    made = dict(table)
    for prefix in sorted({name[:-len(kind)] for name in table for kind in KINDS.values() if name.endswith("_" + kind)}):
        for kind, others in SIMILAR.items():
            known = [table[prefix + other] for other in (kind, *others) if prefix + other in table]
            made.setdefault(prefix + kind, known[0] if known else max(
                value for name, value in table.items() if name.startswith(prefix)))
    return made


def main() -> None:
    for kernel in WORK:
        found = measure([Draw(seed).call(kernel) for seed in range(300)])
        table = completed(fit(found))
        error = sorted(abs(sum(table[name] * amount for name, amount in row.items()) / cycles - 1)
                       for row, (_, cycles) in zip(features(found), found, strict=True))
        sys.stdout.write(f'    # {len(found)} calls, median error {error[len(error) // 2]:.1%}\n')
        line = f'    "{kernel}": {{'
        for index, (name, value) in enumerate(sorted(table.items())):
            piece = f'"{name}": {value}' + ("}," if index + 1 == len(table) else ", ")
            if len((line + piece).rstrip()) > 120:
                sys.stdout.write(line.rstrip() + "\n")
                line = " " * 8
            line += piece
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
