"""Where a cluster's memories are, and how large."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class Memories:
    """Addresses and sizes in bytes. GAP9: 128 KiB of L1 in 16 banks, 1.5 MiB of L2; L3 is reached by transfers only."""

    l1_base: int = 0x10000000
    l1: int = 128 * KIB
    l2_base: int = 0x1C000000
    l2: int = 1536 * KIB
    l3: int = 32768 * KIB


GAP9 = Memories()
