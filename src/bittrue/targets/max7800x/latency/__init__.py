"""Time and energy of one run: words over the bus, cycles of the layers, published figures to hold them against."""

from .estimate import Basis, Clock, Latency, LayerLatency, Phase, latency
from .published import PUBLISHED, Published

__all__ = ["PUBLISHED", "Basis", "Clock", "Latency", "LayerLatency", "Phase", "Published", "latency"]
