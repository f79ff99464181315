"""Why a wrong field of a register may be harmless: one row a reason, with the condition under which it holds.

A row is asked for every field that differs when the network starts; `View` is what the wrong registers then say.
`EDITS` are fields that choose an operation: with another one the oracle may compute the same for the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bittrue.targets.max7800x.device import Field, Scope
from bittrue.targets.max7800x.lower.numbering import numbering
from bittrue.targets.max7800x.network import Activation, Network

from .fault_scene import Key, Scene, State

Edit = Callable[[Network], Network]


@dataclass(frozen=True)
class RegisterChange:
    """A register with a wrong value when the network starts."""

    name: str
    group: int
    layer: int
    old: int
    new: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """One wrong field, and all registers as they are with it."""

    change: RegisterChange
    field: str
    scene: Scene
    registers: Mapping[Key, int]

    def value(self, name: str, field: str, group: int | None = None) -> int:
        """A field of the same layer and, unless stated otherwise, the same group; 0 if the chip does not have it."""
        register = self.scene.addresses.registers.get(name)
        if register is None or field not in register.by_name:
            return 0
        where = self.change.layer if register.scope in (Scope.LAYER, Scope.STREAM) else 0
        key = name, self.change.group if group is None else group, where
        return register.unpack(self.registers.get(key, register.reset))[field]

    @property
    def place(self) -> Field:
        """The field in its register."""
        return self.scene.addresses.registers[self.change.name].by_name[self.field]

    @property
    def old(self) -> int:
        """The right value."""
        return (self.change.old & self.place.mask) >> self.place.lsb

    @property
    def new(self) -> int:
        """The wrong value."""
        return (self.change.new & self.place.mask) >> self.place.lsb

    @property
    def running(self) -> tuple[int, ...]:
        """The groups that run."""
        return self.scene.program.registers.groups

    @property
    def leads(self) -> bool:
        """Whether the group is the one that starts the others."""
        return self.change.group == self.scene.program.registers.first_group

    @property
    def kernels(self) -> bool:
        """Whether some group uses kernels in the layer."""
        return any(self.value("ENA", "mask_en", group) for group in self.running)

    @property
    def streams(self) -> bool:
        """Whether the network streams."""
        return any(place.streaming for place in self.scene.plan.placement.layers)

    @property
    def from_fifo(self) -> bool:
        """Whether the input comes through a FIFO."""
        return any(not block.step for block in self.scene.program.inputs)

    @property
    def one_window(self) -> bool:
        """MAX78002: whether the layer reads one pooling window."""
        return not self.value("RCNT", "rcnt_stop") and not self.value("CCNT", "ccnt_stop")

    @property
    def one_pixel(self) -> bool:
        """Whether the layer writes one pixel."""
        return self.scene.plan.network.layers[_layer(self)].out_dim == (1, 1)

    @property
    def linked(self) -> int:
        """The layer that runs after this one by the right link."""
        return self.scene.addresses.registers["NXTLYR"].unpack(self.change.old)["next"]

    @property
    def padding_off(self) -> bool:
        """MAX78002: whether the pad of the field's register is switched off."""
        name = self.change.name
        return not self.scene.plan.device.pad_in_count and not self.value(name, f"{name[0].lower()}cnt_pad_en")

    @property
    def ends(self) -> bool:
        """Whether the layer is the last one by LCNT_MAX."""
        return self.change.layer == self.value("LCNT_MAX", "lcnt")


@dataclass(frozen=True)
class Reason:
    """`register.field, ...` (or `register` for all of its fields), when it holds, why it is harmless."""

    names: str
    text: str
    holds: Callable[[View], bool] = lambda view: True

    def fits(self, view: View) -> bool:
        """Whether the reason holds for a wrong field."""
        register, _, fields = self.names.partition(".")
        named = view.change.name == register and (not fields or view.field in fields.split(", "))
        return named and self.holds(view)


TIMING = "timing and supply of memories: nothing that is computed depends on it"
SLOW = "wait states: more of them take time only"
OFF = "a field of a mode that is off"

REASONS = (
    Reason("SRAM.extacc, rmargin_en, rmargin, ra, wneg_vol, wneg_en, wpulse, lsdram, lsmram, lstram, lsbram", TIMING),
    Reason("AON_CTL.rm", TIMING),
    Reason("AON_CTL.rdy_sel", SLOW),
    Reason("FIFO_CTL.rdy_sel", SLOW),
    Reason("CTL.rdy_sel", SLOW, lambda v: v.new > v.old),
    Reason("AON_CTL.dsleep, pd", "kernel memory of groups that do not run",
           lambda v: not any((v.old ^ v.new) >> group & 1 for group in v.running)),
    Reason("CTL.fclk_dly", "delay of the FIFO's clock: timing"),
    Reason("CTL.apbclk_en", "a clock that stays on: power only"),
    Reason("CTL.pipeline_off", "without pipeline everything takes longer only", lambda v: not v.streams),
    Reason("CTL.ext_sync", "the number of a group, while the bit that makes it count is off",
           lambda v: not v.old & 4 and not v.new & 4),
    Reason("CTL.ext_sync", "the first group runs with itself", lambda v: v.leads and v.new == 4 | v.change.group),
    Reason("CTL.mlatch_sel", OFF, lambda v: not v.value("CTL", "mlat_ld")),
    Reason("CTL.mlat_ld", "packs outputs that nobody reads", lambda v: not v.scene.plan.options.emission.mlator),
    Reason("CTL.mexpress", "kernel memory is not written after the start"),
    Reason("CTL.cnn_irq", "software can clear it, not set it", lambda v: not v.old),
    Reason("CTL.binary", "no layer has 1-bit weights",
           lambda v: all(layer.weight_bits != 1 for layer in v.scene.plan.network.layers)),
    Reason("CTL.simple1b", "another circuit for 1-bit weights with the same results"),
    Reason("CTL.poolrnd", "no layer pools by averages",
           lambda v: not any(layer.pool.average for layer in v.scene.plan.network.layers)),
    Reason("CTL.lilbuf", "circular buffers without streaming", lambda v: not v.value("CTL", "stream_en")),
    Reason("CTL.fifogrp", "how the words of the fast FIFO are spread, which is off",
           lambda v: not v.value("CTL", "ffifo_en")),
    Reason("FIFO_CTL.full_int_en, empty_int_en, almost_full_int_en, almost_empty_int_en",
           "an interrupt that no program takes"),
    Reason("FIFO_CTL.full_thresh, empty_thresh", "only moves flags that nobody reads"),
    Reason("FIFO_CTL.fifo_cpl", "couples FIFOs, of which one is in use",
           lambda v: v.value("FIFO_CTL", "fifo_en").bit_count() == 1),
    Reason("FAST_CR.threshold", "when the fast FIFO asks for service, which nobody listens to"),
    Reason("SRAM_TEST.sallbfail, mallbfail, tallbfail, ballbfail, sallbdone, mallbdone, tallbdone, ballbdone, "
           "sallzdone, mallzdone, tallzdone, ballzdone, bistfail, bistdone, zerodone", "can only be read"),
    Reason("SRAM_TEST.bistsel", "selects a memory of which nothing is tested",
           lambda v: not any(v.value("SRAM_TEST", f"{letter}{what}") for letter in "smtb"
                             for what in ("bistrun", "ramz"))),
    Reason("CCNT.ccnt_pad", OFF, lambda v: v.padding_off),
    Reason("RCNT.rcnt_pad", OFF, lambda v: v.padding_off),
    Reason("RCNT.rcnt_step", "there is one row of windows, and no step to another one",
           lambda v: not v.value("RCNT", "rcnt_stop")),
    Reason("STRIDE.stride, mp_stride", "there is one window, and no step to another one", lambda v: v.one_window
           and not v.scene.plan.device.pad_in_count),
    Reason("NXTLYR.stop", "the layer is the last one by LCNT_MAX too", lambda v: v.ends),
    Reason("NXTLYR.next", OFF, lambda v: not v.value("NXTLYR", "next_en") or bool(v.value("NXTLYR", "stop"))),
    Reason("NXTLYR.next_en", "the network ends after the layer", lambda v: bool(v.value("NXTLYR", "stop"))),
    Reason("NXTLYR.next, next_en", "counting on comes to the same layer",
           lambda v: not v.value("NXTLYR", "next_en") and v.linked == v.change.layer + 1),
    Reason("ONED.tscnt_max", OFF, lambda v: not v.value("POST", "ts_en")),
    Reason("ONED.oned_sad", "no kernels are used", lambda v: not v.kernels),
    Reason("POST.bptr_sad", OFF, lambda v: not v.value("POST", "bptr_en")),
    Reason("PRCNT.prcnt_inc", "the distance of rows in a window of one", lambda v: not v.value("PRCNT", "prcnt_max")),
    Reason("PCCNT.pccnt_inc", "the distance of columns in a window of one",
           lambda v: not v.value("PCCNT", "pccnt_max")),
    Reason("STREAM1.strm_isval", "starts later than it must, and the circular buffer holds what comes before",
           lambda v: v.old < v.new <= v.value("FMAX", "fbuf_max")),
    Reason("ENA.mask_en", "which processors have kernels, where all kernels are bypassed",
           lambda v: bool(v.value("LCTL", "bypass"))),
    Reason("STREAM1.fifo_go", "the first layer starts by the first word in the FIFO, and takes the same words",
           lambda v: v.from_fifo and v.change.layer == v.scene.program.registers.configure[0].layer),
    Reason("POST.tcalc", "four passes at once or one after the other: the same sums, in another time",
           lambda v: v.value("LCTL2", "inpchexp") > 0 and not v.value("POST", "flatten_en")),
    Reason("LCTL.rd_ahead", "reads ahead, which takes less time only, and from other banks than it writes"),
    Reason("FMAX", "a larger circular buffer, where nothing else lies", lambda v: v.new > v.old),
    Reason("LCTL2.wptr_inc", "one pixel is written, and there is no step to another one", lambda v: v.one_pixel),
    Reason("POST.scale_reg, scale_shft", "sums of 32 bits are not shifted", lambda v: bool(v.value("LCTL", "bigdwrt"))),
    Reason("POST.scale_shft", "a shift by 0, in one direction or the other",
           lambda v: not v.value("POST", "scale_reg")),
    Reason("LCTL.pool_en", "pooling of windows of one value",
           lambda v: not v.value("PRCNT", "prcnt_max") and not v.value("PCCNT", "pccnt_max")),
    Reason("LCTL.maxpl_en", OFF, lambda v: not v.value("LCTL", "pool_en")),
    Reason("POST.xpmp_cnt", OFF, lambda v: not v.value("POST", "flatten_en")),
)
"""All reasons."""


# ---- operations

def _layer(view: View) -> int:
    return numbering(view.scene.plan).numbers.index(view.change.layer)


def _activation(view: View) -> Edit:
    relu, absolute = view.value("LCTL", "act_en"), view.value("POST", "out_abs")
    chosen = Activation.ABS if absolute else Activation.RELU if relu else Activation.NONE  # both: the absolute value
    return _replaced(view, activation=chosen)


def _replaced(view: View, **changes: object) -> Edit:
    index = _layer(view)

    def edit(network: Network) -> Network:
        layers = list(network.layers)
        layers[index] = replace(layers[index], **changes)  # type: ignore[arg-type]
        return replace(network, layers=tuple(layers))
    return edit


def _average(view: View) -> Edit:
    layer = view.scene.plan.network.layers[_layer(view)]
    return _replaced(view, pool=replace(layer.pool, average=not layer.pool.average))


EDITS: Mapping[str, Callable[[View], Edit]] = {
    "LCTL.act_en": _activation, "POST.out_abs": _activation, "LCTL.maxpl_en": _average,
    "CTL.poolrnd": lambda view: lambda network: replace(network, round_average=bool(view.new)),
}
"""Field -> the network that does what the wrong value says."""


def reason_of(change: RegisterChange, scene: Scene, state: State) -> tuple[list[str], list[Edit]]:
    """Reasons, and networks that do what wrong fields say; fields for which there is neither are left out."""
    idle = _idle(change, scene)
    if idle:
        return [f"{change.name}: {idle}"] * len(change.fields), []
    reasons, edits = list[str](), list[Edit]()
    for name in change.fields:
        view = View(change, name, scene, state.registers)
        full = f"{change.name}.{name}"
        found = next((reason.text for reason in REASONS if reason.fits(view)), None)
        if found is not None:
            reasons.append(f"{full}: {found}")
        elif full in EDITS:
            edits.append(EDITS[full](view))
    return reasons, edits


def _idle(change: RegisterChange, scene: Scene) -> str:
    """Why nothing of the network uses the register; empty if something does."""
    scope, numbers = scene.addresses.registers[change.name].scope, numbering(scene.plan)
    if scope not in (Scope.FIFO, Scope.FAST_FIFO) and change.group not in scene.program.registers.groups:
        return "of a group that does not run"
    if scope not in (Scope.LAYER, Scope.STREAM) or change.layer in numbers.numbers:
        return ""
    if change.layer in numbers.entries:
        return "" if change.name == "NXTLYR" else "of an inserted layer, whose results nobody reads"
    return "of a layer that does not run"
