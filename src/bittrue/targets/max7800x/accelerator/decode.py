"""From the registers of a layer, in all groups, to a `LayerProgram`."""

from __future__ import annotations

from dataclasses import dataclass

from ..device import KERNEL_BYTES, WEIGHT_BITS, Device, shift_value
from .complaints import Complaints, Kind
from .layer import Kernels, LayerProgram, Mode, Part, Post, Stream, Writes
from .reads import reads_of
from .registers import Fields, Registers

BITS = {code: bits for bits, code in WEIGHT_BITS.items()}
OPERATIONS = ("sub", "add", "or", "xor")
QUARTERS = 4
"""Groups (quad FIFO) or kernel memory instances (`calcx4`) over which the kernels of a layer are dealt."""

SYNC = 4
"""`CTL.ext_sync`: run together with the group in its low bits."""


@dataclass(frozen=True)
class Decoder:
    """Decodes layers of a device for the groups that run together."""

    device: Device
    registers: Registers
    complaints: Complaints
    leader: int
    groups: tuple[int, ...]

    def decode(self, layer: int, first: bool) -> LayerProgram:
        """The program of a layer; `first`: the layer at which the network starts."""
        lead = Fields(self.registers, self.leader, layer)
        control = self.registers.fields("CTL", self.leader)
        mode = self._mode(lead, layer, quad=bool(control["qupac"]) and first)
        parts = tuple(self._part(group, layer, mode) for group in self.groups)
        one_d, post, lctl = lead["ONED"], lead["POST"], lead["LCTL"]
        elementwise = OPERATIONS[one_d["ewise_func"]] if one_d["ewise_en"] else ""
        self._modes(lead)
        return LayerProgram(
            layer=layer, mode=mode, leader=self.leader, parts=parts, sources=self._sources(lctl),
            reads=reads_of(self.device, lead, self.complaints), pool=self._pool(lead, control),
            rounds=bool(control["poolrnd"]), elementwise=elementwise, pool_first=bool(one_d["prepool"]),
            stretch=bool(post["deconv_en"]), pad=self._pad(lead), kernels=self._kernels(lead, mode, control),
            post=Post(shift_value(post), bool(lctl["bigdwrt"]), bool(post["out_abs"]), bool(lctl["act_en"])),
            writes=self._writes(lead), slots=one_d["tscnt_max"] + 1,
            tram=(lead["TPTR"]["tptr_sad"], lead["TPTR"]["tptr_max"]), stream=self._stream(lead),
            read_ahead=bool(lctl.get("rd_ahead")), parallel=bool(post.get("tcalc")),
            flattens=bool(post["flatten_en"]), one_d=bool(one_d["oned_en"]))

    def _mode(self, lead: Fields, layer: int, quad: bool) -> Mode:
        if lead["POST"].get("depthwise"):
            return Mode.BROADCAST if lead["LCTL"]["broadcast"] else Mode.DEPTHWISE
        masked = any(self.registers.fields("ENA", group, layer)["mask_en"] for group in self.groups)
        if not masked and not lead["LCTL"].get("bypass"):
            return Mode.PASSTHROUGH
        return Mode.QUAD if quad else Mode.CONVOLUTION

    def _part(self, group: int, layer: int, mode: Mode) -> Part:
        fields = Fields(self.registers, group, layer)
        enable, post = fields["ENA"], fields["POST"]
        bypass = bool(fields["LCTL"].get("bypass"))
        working, masked = enable["pro_en"], enable["mask_en"]
        if masked & ~working:
            self.complaints.add(Kind.PROCESSORS, f"group {group}: processors {_bits(masked & ~working)} have kernels "
                                                 "but are not enabled")
        if mode is not Mode.PASSTHROUGH and not bypass and working & ~masked:
            self.complaints.add(Kind.PROCESSORS, f"group {group}: processors {_bits(working & ~masked)} are enabled "
                                                 "without their kernels")
        if mode is Mode.PASSTHROUGH or bypass:
            masked = working
        first = group * self.device.group_processors
        return Part(group, tuple(first + p for p in _bits(working)), tuple(first + p for p in _bits(masked & working)),
                    fields["WPTR_BASE"]["wptr_base"], post["bptr_sad"] if post["bptr_en"] else None)

    def _sources(self, control: dict[str, int]) -> tuple[int, ...]:
        return tuple(sorted({self.leader, *_bits(control["cnnsi_en"])}))

    def _modes(self, lead: Fields) -> None:
        """Complain about modes that are not modelled."""
        lctl = lead["LCTL"]
        for name in ("sslave", "mslave", "cpad_only"):
            if lctl.get(name):
                self.complaints.add(Kind.NOT_MODELLED, f"LCTL.{name}")
        if not lctl["sramlsrc"] or not lctl["master"]:
            self.complaints.add(Kind.NOT_MODELLED, "writing without the busses of all groups (LCTL.sramlsrc, master)")

    def _pool(self, lead: Fields, control: dict[str, int]) -> str:
        lctl = lead["LCTL"]
        window = lead["PRCNT"]["prcnt_max"] or lead["PCCNT"]["pccnt_max"]
        if not lctl["pool_en"]:
            if window:
                self.complaints.add(Kind.SIZES_DISAGREE, "a pooling window, but pooling is off (LCTL.pool_en)")
            return "none"
        return "maximum" if lctl["maxpl_en"] else "average"

    def _pad(self, lead: Fields) -> tuple[int, int]:
        rows, columns = lead["RCNT"], lead["CCNT"]
        if self.device.pad_in_count:
            return rows["rcnt_pad"], columns["ccnt_pad"]
        return ((rows["rcnt_pad"] + 1) * rows["rcnt_pad_en"], (columns["ccnt_pad"] + 1) * columns["ccnt_pad_en"])

    def _kernels(self, lead: Fields, mode: Mode, control: dict[str, int]) -> Kernels:
        one_d, post, lctl = lead["ONED"], lead["POST"], lead["LCTL"]
        end, start = kernel_range(self.device, lead)
        bypass, x4 = bool(lctl.get("bypass")), bool(post.get("calcx4"))
        bits = 8 if bypass else BITS[post["mask_size"]]
        count = (end - start) // bits + 1 if mode is not Mode.PASSTHROUGH else max(start, end) // 8 + 1
        if count < 1:
            self.complaints.add(Kind.SIZES_DISAGREE, f"the last kernel ({end}) lies before the first ({start})")
            count = 1
        size = self._size(one_d)
        if mode is not Mode.PASSTHROUGH:
            self._check_size(size, lctl)
        if mode is Mode.QUAD:
            count *= QUARTERS
        elif x4:
            count = self._dealt(count, lead["OCHAN"]["ochan"] + 1)
        return Kernels(size, start, one_d["oned_sad"], count, bits, bool(control.get("binary")) and bits == 1, bypass,
                       x4)

    def _dealt(self, count: int, quarter: int) -> int:
        """Kernels of a layer whose kernels are dealt over four instances, of which OCHAN counts one.

        The last kernel's address counts those of one instance in the layer that starts the network, all in others.
        """
        if quarter not in (count, -(-count // QUARTERS)):
            self.complaints.add(Kind.SIZES_DISAGREE, f"{count} kernels by MCNT1 and MCNT2, {quarter} in a quarter by "
                                                     "OCHAN")
        return QUARTERS * quarter

    def _size(self, one_d: dict[str, int]) -> tuple[int, int]:
        length = one_d["oned_width"]
        if length > KERNEL_BYTES or (one_d["oned_en"] and not length) or (length > 1 and not one_d["oned_en"]):
            self.complaints.add(Kind.SIZES_DISAGREE, f"1-D kernels of {length} (ONED)")
        if one_d["oned_en"]:
            return max(length, 1), 1
        return (1, 1) if length == 1 else (3, 3)

    def _check_size(self, size: tuple[int, int], lctl: dict[str, int]) -> None:
        if "rprime_max" in lctl and (lctl["rprime_max"] + 1, lctl["cprime_max"] + 1) != size:
            self.complaints.add(Kind.SIZES_DISAGREE, f"kernels of {size} by ONED, of {lctl['rprime_max'] + 1} rows and "
                                                     f"{lctl['cprime_max'] + 1} columns by LCTL")

    def _writes(self, lead: Fields) -> Writes:
        lctl2, lctl, post = lead["LCTL2"], lead["LCTL"], lead["POST"]
        bits = 8 if lctl.get("bypass") else BITS[post["mask_size"]]
        return Writes(lctl2["wptr_inc"] + 1, lead["WPTR_TOFFS"]["wptr_toff"], lead["WPTR_MOFFS"]["wptr_moff"],
                      lead["WPTR_CHOFFS"]["wptr_choff"], lctl2["xpch_max"] // bits + 1)

    def _stream(self, lead: Fields) -> Stream:
        if lead.layer >= self.device.streaming_layers:
            return Stream(0, 0, 0, 0, 0, False)
        start, steps = lead["STREAM1"], lead["STREAM2"]
        return Stream(start["strm_isval"], steps["strm_dsval1"], steps["strm_dsval2"], steps["strm_invol"],
                      lead["FMAX"]["fbuf_max"], bool(start.get("fifo_go")))


def kernel_range(device: Device, lead: Fields) -> tuple[int, int]:
    """Last and first kernel, in bits of weights."""
    if "MCNT" in lead.registers.table:
        counts = lead["MCNT"]
        return counts["mcnt_max"], counts["mcnt_sad"]
    return lead["MCNT1"]["mcnt_max"], lead["MCNT2"]["mcnt_sad"]


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
