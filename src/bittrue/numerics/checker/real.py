"""The trained model in real arithmetic, written again: does it give this output for this accumulator?

With z = A / sqrt(d) + beta, A = gamma * (acc*gain + bias - mean), the question "z >= t" is "A >= (t - beta) * sqrt(d)",
and that is decided by comparing signed squares of integers.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Any

ROUNDINGS = ("HALF_UP", "HALF_EVEN", "HALF_AWAY", "FLOOR", "TOWARD_ZERO")


class Model:
    """One channel of a step model as the certificate states it. Raises ValueError for parameters without a meaning."""

    def __init__(self, claim: dict[str, Any], channel: int) -> None:
        def number(values: list[str]) -> Fraction:
            if len(values) not in (1, claim["channels"]):
                raise ValueError(f"a parameter has {len(values)} values for {claim['channels']} channels")
            return Fraction(float.fromhex(values[channel if len(values) > 1 else 0]))

        self.lo, self.hi, self.rounding = claim["lo"], claim["hi"], claim["rounding"]
        self.slope, self.unit = Fraction(float.fromhex(claim["slope"])), number(claim["out_scale"])
        gain, bias = Fraction(1, claim["divisor"]), number(claim["bias"]) if claim["bias"] is not None else Fraction(0)
        for factor in claim["factors"]:
            gain *= number(factor)
        norm, gamma, beta, square = claim["batch_norm"], Fraction(1), Fraction(0), Fraction(1)
        if norm is not None:
            gamma, beta = number(norm["gamma"]), number(norm["beta"])
            bias, square = bias - number(norm["mean"]), number(norm["var"]) + Fraction(float.fromhex(norm["eps"]))
        if min(self.unit, square) <= 0 or self.slope < 0 or self.lo > self.hi or claim["divisor"] < 1 \
                or self.rounding not in ROUNDINGS:
            raise ValueError("a parameter has no meaning for the formula")
        self._scale(gamma * gain, gamma * bias, beta, square)
        low, high = (float.fromhex(end) for end in claim["clip"] or ("-inf", "inf"))
        if not low <= high:
            raise ValueError("the clip is not an interval")
        self.low, self.high = (None if abs(end) == float("inf") else Fraction(end) for end in (low, high))

    def _scale(self, gain: Fraction, shift: Fraction, beta: Fraction, square: Fraction) -> None:
        """Bring A and t - beta to one denominator: both sides of the comparison become integers."""
        half, bent = self.unit / 2, self.unit / 2 / self.slope if self.slope else self.unit / 2
        one = lcm(*(x.denominator for x in (gain, shift, beta, half, bent)))
        self.gain, self.shift, self.beta, self.half, self.bent = (int(x * one) for x in (gain, shift, beta, half, bent))
        self.square = square

    def gives(self, acc: int, output: int) -> bool:
        """Whether the model's output for `acc` is `output`."""
        return self.lo <= output <= self.hi and (output == self.lo or self.reaches(acc, output)) \
            and (output == self.hi or not self.reaches(acc, output + 1))

    def reaches(self, acc: int, k: int) -> bool:
        """Whether the value, in output units, rounds to at least k."""
        whole, half = 2 * k, 2 * k - 1
        return self._clipped(acc, *{
            "HALF_UP": (half, True), "HALF_EVEN": (half, k % 2 == 0), "HALF_AWAY": (half, k > 0),
            "FLOOR": (whole, True), "TOWARD_ZERO": (whole, True) if k > 0 else (whole - 2, False)}[self.rounding])

    def _clipped(self, acc: int, w: int, tie: bool) -> bool:
        """Whether clip(slope(z)) is beyond w/2 units, or at them if `tie`."""
        if self.high is not None and (w * self.unit > 2 * self.high or (w * self.unit == 2 * self.high and not tie)):
            return False
        if self.low is not None and (w * self.unit < 2 * self.low or (w * self.unit == 2 * self.low and tie)):
            return True
        if w >= 0 and self.slope == 0:
            return (w == 0 and tie) or self._beyond(acc, w * self.half, tie)
        if w < 0 and self.slope == 0:
            return True
        return self._beyond(acc, w * (self.half if w >= 0 else self.bent), tie)

    def _beyond(self, acc: int, target: int, tie: bool) -> bool:
        """Whether z is beyond the target, or at it if `tie`."""
        left, right = self.gain * acc + self.shift, target - self.beta
        over = left * abs(left) * self.square.denominator - right * abs(right) * self.square.numerator
        return over > 0 or (over == 0 and tie)
