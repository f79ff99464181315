"""The presets: policies by name, for training without a policy file."""

from __future__ import annotations

from .policy import WEIGHT_BITS, Policy

FAMILY = "max7800x"
"""What the names of presets begin with; alone, it stands for a policy file."""

QUANTILES = dict(zip(WEIGHT_BITS, (0.9, 0.95, 0.98, 1.0), strict=True))
"""The fraction of the weights that a preset's output shifts cover: with few bits, resolution is worth more than the
largest weights."""

PRESETS: dict[str, Policy] = {
    name: Policy(bits, shift_quantile=QUANTILES[bits], where=f"preset {name}")
    for name, bits in ((f"{FAMILY}-w{bits}", bits) for bits in reversed(WEIGHT_BITS))}
"""All weights of 8, 4, 2 or 1 bit, batch norms folded when quantization starts."""
