"""`bittrue gap9`: what only GAP9 can show."""

from __future__ import annotations

from .lazy import group

gap9 = group("gap9", "Look at the tiles, the memories and the timeline of a network on GAP9.",
             {"plan": "gap9_plan:plan", "timeline": "gap9_timeline:timeline"})
