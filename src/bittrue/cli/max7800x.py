"""`bittrue max7800x`: what only MAX78000 and MAX78002 can show."""

from __future__ import annotations

from .lazy import group

max7800x = group("max7800x", "Place networks on MAX78000 and MAX78002, look at their memories and their latency.",
                 {"place": "max7800x_place:place", "latency": "max7800x_latency:latency"})
