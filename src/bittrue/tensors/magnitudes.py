"""The magnitudes that clipping methods keep of a layer's weights, in the weights' own float arithmetic."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def largest(weight: Tensor, _: float) -> Tensor:
    """The largest magnitude: nothing is clipped."""
    return weight.abs().amax()


def average_of_maxima(weight: Tensor, _: float) -> Tensor:
    """The largest magnitude of every output channel's weights (of a transposed convolution: every input channel's),
    averaged over the channels."""
    return weight.flatten(1).abs().amax(1).mean()


def average_maximum(weight: Tensor, _: float) -> Tensor:
    """The smallest weight of every output channel, averaged, or the largest one, whichever has the larger magnitude."""
    flat = weight.flatten(1)
    return flat.amin(1).mean().abs().maximum(flat.amax(1).mean().abs())


def within_deviations(weight: Tensor, deviations: float) -> Tensor:
    """The larger end, in magnitude, of the interval of so many standard deviations around the mean, cut to the weights
    that there are."""
    mean, reach = weight.mean(), weight.std() * deviations
    return weight.amin().maximum(mean - reach).abs().maximum(weight.amax().minimum(mean + reach).abs())


MAGNITUDES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "MAX": largest, "AVG": average_of_maxima, "AVGMAX": average_maximum, "STDDEV": within_deviations,
}
"""By the method's name; the number is that of the standard deviations."""
