"""Faults that silicon would suffer from and nothing shows: one example for each gap of the model; to be empty."""

from __future__ import annotations

from dataclasses import dataclass

from .fault_fields import COMMON_CONTROL
from .fault_scene import Fault, Scene


@dataclass(frozen=True)
class Open:
    """A bit of a register in a case, and the row of `GAPS` that it is an example of."""

    gap: str
    case: str
    register: str
    group: int
    layer: int
    bit: int

    def fault(self, scene: Scene) -> Fault:
        """The fault in the last write to the register before the network starts."""
        program = scene.program.registers
        steps = {step.address for step in (*program.init, *program.configure_global)}
        steps |= {write.address for part in program.configure for write in part.writes}
        started = {(write.address, write.value) for write in program.start}
        address = scene.addresses.register(self.register, self.group, self.layer)
        writes = [number for number, (at, value) in enumerate(scene.tap.trace) if at == address
                  and ((at, value) in started or (self.register != "CTL" and at in steps))]
        return Fault("register", self.bit, address, writes[-1], f"{self.register} {self.group}/{self.layer}")


OPEN: tuple[Open, ...] = (
    Open("CTL.stream_en", "plain-max78000", "CTL", 0, 0, 14),
    Open("CTL.ffifo_en, qupac", "plain-max78000", "CTL", 0, 0, 22),
    Open("CTL." + ", ".join(COMMON_CONTROL), "plain-max78000", "CTL", 1, 0, 6),
    Open("layer", "plain-max78000", "RCNT", 1, 0, 0),
    Open("LCTL.cnnsi_en", "plain-max78000", "LCTL", 0, 0, 12),
    Open("MCNT.mcnt_max, mcnt_sad", "plain-max78000", "MCNT", 0, 0, 0),
    Open("POST.flatten_en", "plain-max78000", "POST", 0, 0, 27),
    Open("LCTL2.xpch_max", "plain-max78000", "LCTL2", 0, 1, 10),
    Open("WPTR_TOFFS", "plain-max78000", "WPTR_TOFFS", 0, 4, 0),
    Open("CTL.ext_sync", "streamed-max78000", "CTL", 0, 0, 11),
    Open("STREAM2.strm_invol", "streamed-max78000", "STREAM2", 0, 0, 0),
    Open("STREAM2.strm_dsval2", "streamed-max78000", "STREAM2", 0, 0, 16),
    Open("TPTR", "streamed-max78000", "TPTR", 0, 2, 0),
    Open("WPTR_BASE", "passes-max78000", "WPTR_BASE", 1, 1, 0),
    Open("SRAM_TEST.sbistrun, sramz, mbistrun, mramz, tbistrun, tramz, bbistrun, bramz", "plain-max78002",
         "SRAM_TEST", 0, 0, 0),
    Open("RCNT.rcnt_max, rcnt_stop", "plain-max78002", "RCNT", 0, 0, 0),
    Open("ONED.oned_en", "plain-max78000", "ONED", 0, 4, 12),
    Open("ENA.pro_en", "passes-max78000", "ENA", 1, 4, 8),
    Open("STRIDE.mp_stride", "deep-max78002", "STRIDE", 0, 4, 4),
    Open("LCTL.broadcast", "deep-max78002", "LCTL", 0, 4, 29),
    Open("POST.mask_size", "ahead-max78002", "POST", 0, 2, 22),
    Open("POST.tcalc", "streamed-max78002", "POST", 0, 2, 31),
    Open("MCNT1.mcnt_max", "plain-max78002", "MCNT1", 0, 0, 0),
    Open("CCNT.ccnt_step", "plain-max78002", "CCNT", 0, 1, 16),
    Open("RCNT.rcnt_pad, rcnt_pad_en", "ahead-max78002", "RCNT", 0, 2, 15),
    Open("CCNT.ccnt_pad, ccnt_pad_en", "ahead-max78002", "CCNT", 0, 2, 15),
    Open("LCTL.rprime_max, cprime_max", "ahead-max78002", "LCTL", 0, 2, 18),
    Open("CCNT.ccnt_stop", "passes-max78002", "CCNT", 0, 0, 0),
)
"""One for each row of `GAPS`."""

CRASHES: tuple[tuple[str, str, int, int], ...] = (
    ("plain-max78000", "layer_registers", 99, 2),  # no processor in the groups whose sums are added
)
"""Case, table, byte, bit: faults for which the emulated chip raises an exception instead of noting what is wrong."""
