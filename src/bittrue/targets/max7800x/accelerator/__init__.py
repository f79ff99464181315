"""The CNN accelerator as a register-level model: driven by bus accesses alone, it knows nothing of networks."""

from .bus import Accelerator
from .complaints import MEANINGS, Complaint, Kind
from .engine import LayerRecord

__all__ = ["MEANINGS", "Accelerator", "Complaint", "Kind", "LayerRecord"]
