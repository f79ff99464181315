"""A small network description and checkpoint, whole and damaged, for the tests of the ai8x format."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bittrue.errors import BittrueError, Diagnostics
from bittrue.targets.max7800x.ai8x.description import Description
from bittrue.targets.max7800x.ai8x.read import parse_description

GOOD = """\
arch: tinynet
dataset: shapes
layers:
  - name: stem
    processors: 0x0000.0000.0000.0003
    out_offset: 0x2000
    operation: conv2d
    kernel_size: 3x3
    pad: 1
    activate: ReLU
    in_dim: [10, 6]
    data_format: HWC
  - name: left
    processors: 0x0000.0000.0000.000f
    output_processors: 0x0000.0000.0000.00f0
    in_offset: 0x2000
    out_offset: 0x0000
    max_pool: [2, 3]
    pool_stride: 2
    operation: conv2d
    kernel_size: 1x1
    pad: 0
    write_gap: 1
  - name: right
    processors: 0x0000.0000.0000.000f
    output_processors: 0x0000.0000.0000.00f0
    in_sequences: stem
    in_offset: 0x2000
    out_offset: 0x0004
    avg_pool: [2, 3]
    pool_stride: 2
    operation: passthrough
    write_gap: 1
  - name: sum
    processors: 0x0000.0000.0000.00f0
    in_sequences: [left, right]
    in_offset: 0x0000
    out_offset: 0x1000
    operation: add
  - name: head
    processors: 0x0000.0000.0000.00f0
    out_offset: 0x0000
    operation: linear
    flatten: true
    quantization: 4
    output_width: 32
"""
"""2x10x6 -> stem 4x10x6 -> left and right 4x5x2 each -> sum 4x5x2 -> head 3. Sizes by hand: (10 - 2) // 2 + 1 = 5,
(6 - 3) // 2 + 1 = 2."""

NAME = "net.yaml"


def weights(shape: tuple[int, ...], low: int = -9, high: int = 9, seed: int = 1) -> torch.Tensor:
    """Integer weights as float32, from a fixed seed, with both limits among them."""
    values = np.random.default_rng(seed).integers(low, high + 1, shape)
    values.flat[0], values.flat[1] = low, high
    return torch.from_numpy(values.astype(np.float32))


def state() -> dict[str, Any]:
    """The tensors of a quantized checkpoint for `GOOD`."""
    return {
        "stem.output_shift": torch.tensor([-2.0]), "stem.weight_bits": torch.tensor([8.0]),
        "stem.op.weight": weights((4, 2, 3, 3), -128, 127), "stem.op.bias": torch.tensor([1.0, -2, 3, 0]) * 128,
        "left.output_shift": torch.tensor([1.0]), "left.weight_bits": torch.tensor([8.0]),
        "left.op.weight": weights((4, 4, 1, 1)),
        "head.output_shift": torch.tensor([0.0]), "head.weight_bits": torch.tensor([4.0]),
        "head.op.weight": weights((3, 40), -8, 7), "head.op.bias": torch.tensor([5.0, -7, 0]) * 8}


def checkpoint(tensors: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A whole checkpoint."""
    return {"arch": "tinynet", "epoch": 3, "state_dict": dict(state() if tensors is None else tensors), **more}


def saved(content: Any) -> bytes:
    """A file as `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def files(folder: Path, text: str = GOOD, content: bytes | None = None) -> tuple[Path, Path]:
    """Both files in a folder."""
    config, weights_file = folder / NAME, folder / "net.pth.tar"
    config.write_text(text, encoding="utf-8")
    weights_file.write_bytes(saved(checkpoint()) if content is None else content)
    return config, weights_file


def parsed(text: str) -> tuple[Description, Diagnostics]:
    """A description and what is wrong with it."""
    found = Diagnostics()
    return parse_description(text, NAME, found), found


def edited(changes: Mapping[int, str | None], text: str = GOOD) -> str:
    """The text with some lines (from 1) replaced; None removes a line."""
    lines: Iterable[str | None] = (changes.get(i, line) for i, line in enumerate(text.splitlines(), 1))
    return "".join(f"{line}\n" for line in lines if line is not None)


def problems(error: BittrueError | Diagnostics) -> list[tuple[str, int]]:
    """(code, line) of every problem, sorted; 0 where a problem is not in the description."""
    items = error.diagnostics if isinstance(error, BittrueError) else error.items
    return sorted((item.code, line_of(item.where)) for item in items)


def line_of(where: str) -> int:
    """The line that a place names."""
    _, found, rest = where.partition(f"{NAME}:")
    return int(rest.split(",")[0]) if found else 0
