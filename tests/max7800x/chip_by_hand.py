"""Driving the accelerator model by bus writes, the registers of a layer spelled out, and what it should compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bittrue.targets.max7800x.accelerator import Accelerator, Kind, LayerRecord
from bittrue.targets.max7800x.device import ADDRESSES, DEVICES

Image = list[list[int]]
"""Rows of one channel."""


@dataclass
class Chip:
    """An accelerator, and short names for what software does with it."""

    name: str = "max78000"
    records: list[LayerRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device, self.addresses = DEVICES[self.name], ADDRESSES[self.name]
        self.bus = Accelerator(self.device)
        self.bus.on_layer = self.records.append

    def reg(self, name: str, group: int = 0, layer: int = 0, **fields: int) -> None:
        """Write a register."""
        value = self.addresses.registers[name].pack(**fields)
        self.bus.write(self.addresses.register(name, group, layer), value)

    def read(self, name: str, group: int = 0, layer: int = 0) -> dict[str, int]:
        """Read a register's fields."""
        register = self.addresses.registers[name]
        return register.unpack(self.bus.read(self.addresses.register(name, group, layer)))

    def boot(self, groups: Iterable[int] = (0,), last: int = 0, **control: int) -> None:
        """Clocks, cleared registers, the number of layers."""
        for group in groups:
            self.reg("CTL", group, clk_en=1, mexpress=1, **control)
            if self.device.register_clear:
                self.reg("SRAM_TEST", group, bistsel=0x18, bramz=1)
                self.reg("SRAM_TEST", group)
            self.reg("LCNT_MAX", group, lcnt=last)

    def start(self, *followers: int, **control: int) -> None:
        """Start group 0, and others with it."""
        for group in followers:
            self.reg("CTL", group, clk_en=1, cnn_en=1, ext_sync=4, **control)
        self.reg("CTL", 0, clk_en=1, cnn_en=1, ext_sync=4 * control.get("fifo_en", 0), **control)

    def data(self, processor: int, words: Sequence[int], first: int = 0) -> None:
        """Write words into the data memory of a processor."""
        for i, word in enumerate(words):
            self.bus.write(self.addresses.data(processor, 4 * (first + i)), word)

    def kernels(self, processor: int, stream: Sequence[int], column: int = 0) -> None:
        """Write bytes in the order in which kernels are counted: every nine of them fill a column from its byte 8."""
        filled = [*stream, *[0] * (-len(stream) % 9)]
        columns = [bytes(b & 0xFF for b in reversed(filled[i:i + 9])) for i in range(0, len(filled), 9)]
        packed = b"".join(columns)
        packed += bytes(-len(packed) % 4)
        first = self.addresses.kernel(processor, 0)
        start = self.addresses.packed_kernel(processor, column)
        self.bus.write(start | 1, 1, 1)
        for i in range(0, len(packed), 4):
            self.bus.write(first + 4 * column + i, int.from_bytes(packed[i:i + 4], "big"))

    def bias(self, group: int, values: Sequence[int], first: int = 0) -> None:
        """Write biases."""
        for i, value in enumerate(values):
            self.bus.write(self.addresses.bias(group, first + i), value & 0xFF)

    def byte(self, processor: int, word: int) -> int:
        """What lies in a processor's byte of a data memory word."""
        return signed(int(self.bus.data[processor // 4, word]) >> 8 * (processor % 4) & 0xFF)

    def channel(self, processor: int, first: int, rows: int, columns: int, step: int = 1) -> Image:
        """A channel of 8 bits in data memory."""
        return [[self.byte(processor, first + (r * columns + c) * step) for c in range(columns)] for r in range(rows)]

    def kinds(self) -> set[Kind]:
        """What was complained about."""
        return {complaint.kind for complaint in self.bus.complaints}


def signed(byte: int) -> int:
    """A byte as a number of 8 bits with a sign."""
    return byte - 256 if byte > 127 else byte


def word(*values: int) -> int:
    """Four values of 8 bits as a word, the first one in the low bits."""
    return sum((value & 0xFF) << 8 * i for i, value in enumerate(values))


def numbers(count: int, seed: int, low: int = -128, high: int = 127) -> list[int]:
    """Numbers that look random, the same every time."""
    state, found = seed * 7919 + 1, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % (1 << 31)
        found.append(low + (state >> 8) % (high - low + 1))
    return found


def image(rows: int, columns: int, seed: int) -> Image:
    """One channel."""
    values = numbers(rows * columns, seed)
    return [values[r * columns:(r + 1) * columns] for r in range(rows)]


def hwc(channels: Sequence[Image]) -> list[int]:
    """The words of up to four channels."""
    rows, columns = len(channels[0]), len(channels[0][0])
    return [word(*(channel[r][c] for channel in channels)) for r in range(rows) for c in range(columns)]


def stream(kernels: Iterable[Sequence[int]]) -> list[int]:
    """The bytes of kernels of 8 bits in the order in which they are counted: the last weight of each first."""
    return [weight for kernel in kernels for weight in reversed(kernel)]


@dataclass(frozen=True)
class Layer:
    """A layer in the words of its registers, for both chips. Sizes are (rows, columns)."""

    dim: tuple[int, int]
    processors: int = 0xF
    pad: tuple[int, int] = (0, 0)
    pool: tuple[int, int] = (1, 1)
    stride: int = 1
    passes: int = 1
    operands: int = 1
    kernel: tuple[int, int] = (3, 3)
    one_d: bool = False
    outputs: int = 4
    """Output channels of one pass."""
    out_passes: int = 1
    bits: int = 8
    column: int = 0
    """First column of the kernels."""
    source: int = 0
    target: int = 0
    """Words: where the input and the output begin; the output in the instance of processor 0."""
    stretch: bool = False


def write_layer(chip: Chip, layer: Layer, number: int = 0, group: int = 0, passthrough: bool = False,
                change: Callable[[dict[str, dict[str, int]]], None] = lambda values: None) -> None:
    """Write a layer's registers; `change` may alter the fields before."""
    values = common(layer) | (of_78000(layer) if chip.name == "max78000" else of_78002(layer, passthrough))
    values |= {"WPTR_MOFFS": {"wptr_moff": 1 << chip.device.pointer_word_bits}}
    if passthrough:
        values["ENA"]["mask_en"], values["TPTR"] = 0, {}
        if chip.name == "max78000":
            values["MCNT"] = {"mcnt_max": 8 * (layer.passes - 1)}
        slots = max(-(-layer.processors.bit_count() // 4), 1)
        values["ONED"] |= {"tscnt_max": slots - 1, "oned_width": int(layer.operands == 1)}
        values["POST"] = {"ts_en": 1, "onexone_en": int(layer.operands == 1)}
        values["LCTL2"] = {"inpchexp": layer.passes - 1}
        values["WPTR_TOFFS"] = {"wptr_toff": 1 << chip.device.pointer_word_bits}
        values["LCTL"] |= {"rprime_max": 0, "cprime_max": 0} if chip.name == "max78002" else {}
        values["WPTR_CHOFFS"] = {"wptr_choff": int(layer.passes > 1)}
    change(values)
    for name, fields in values.items():
        chip.reg(name, group, number, **fields)


def common(layer: Layer) -> dict[str, dict[str, int]]:
    """Registers that both chips have."""
    pools = layer.pool != (1, 1)
    width = layer.kernel[0] if layer.one_d else int(layer.kernel == (1, 1))
    scale = 2 if layer.stretch else 1
    columns = (layer.dim[1] - layer.pool[1]) // layer.stride + 1
    tram = columns * scale + 2 * layer.pad[1] - layer.kernel[1]
    return {
        "PRCNT": {"prcnt_max": layer.pool[0] - 1}, "PCCNT": {"pccnt_max": layer.pool[1] - 1},
        "WPTR_BASE": {"wptr_base": layer.target}, "RPTR_BASE": {"rptr_base": layer.source},
        "WPTR_CHOFFS": {"wptr_choff": int(layer.out_passes > 1)},
        "WPTR_TOFFS": {"wptr_toff": int(layer.kernel == (1, 1) and not layer.one_d)},
        "LCTL": {"master": 1, "sramlsrc": 1, "maxpl_en": 1, "pool_en": int(pools)},
        "LCTL2": {"inpchexp": layer.passes - 1, "wptr_inc": layer.out_passes - 1,
                  "xpch_max": (layer.outputs - 1) * layer.bits},
        "ONED": {"oned_width": width, "oned_en": int(layer.one_d), "ewise_en": int(layer.operands > 1),
                 "ewise_cnt": layer.operands - 1, "oned_sad": 9 * layer.column % (layer.kernel[0] * layer.kernel[1])},
        "TPTR": {"tptr_max": tram if layer.kernel == (3, 3) else 0},
        "ENA": {"pro_en": layer.processors, "mask_en": layer.processors},
        "POST": {"mask_size": {8: 0, 1: 1, 2: 2, 4: 3}[layer.bits], "deconv_en": int(layer.stretch)},
    }


def _masks(layer: Layer) -> tuple[int, int]:
    start = 9 * layer.column // (layer.kernel[0] * layer.kernel[1]) * 8
    return start, start + (layer.outputs * layer.out_passes * layer.passes - 1) * layer.bits


def of_78000(layer: Layer) -> dict[str, dict[str, int]]:
    """Registers of the MAX78000."""
    scale = 2 if layer.stretch else 1
    start, end = _masks(layer)
    return {
        "RCNT": {"rcnt_max": scale * layer.dim[0] - 1 + 2 * layer.pad[0], "rcnt_pad": layer.pad[0]},
        "CCNT": {"ccnt_max": scale * layer.dim[1] - 1 + 2 * layer.pad[1], "ccnt_pad": layer.pad[1]},
        "STRIDE": {"stride": layer.stride - 1}, "MCNT": {"mcnt_sad": start, "mcnt_max": end},
    }


def of_78002(layer: Layer, passthrough: bool) -> dict[str, dict[str, int]]:
    """Registers of the MAX78002."""
    scale = 2 if layer.stretch else 1
    words = layer.passes * layer.operands
    rows, columns = (scale * size for size in layer.dim)
    stops = [(size - window) // layer.stride * layer.stride
             for size, window in zip((rows, columns), layer.pool, strict=True)]
    step = columns - stops[1]
    start, end = _masks(layer)
    pads = [{"pad_en": int(pad > 0), "pad": max(pad - 1, 0)} for pad in layer.pad]
    values = {
        "RCNT": {"rcnt_stop": stops[0], "rcnt_step": (step + (layer.stride - 1) * columns) * words,
                 "rcnt_pad_en": pads[0]["pad_en"], "rcnt_pad": pads[0]["pad"]},
        "CCNT": {"ccnt_stop": stops[1], "ccnt_step": step, "ccnt_pad_en": pads[1]["pad_en"],
                 "ccnt_pad": pads[1]["pad"]},
        "STRIDE": {"stride": layer.stride - 1, "mp_stride": layer.stride * words},
        "MCNT1": {"mcnt_max": end}, "MCNT2": {"mcnt_sad": start}, "OCHAN": {"ochan": (end - start) // layer.bits},
    }
    values["LCTL"] = {"master": 1, "sramlsrc": 1, "maxpl_en": 1, "pool_en": int(layer.pool != (1, 1)),
                      "rprime_max": layer.kernel[0] - 1, "cprime_max": layer.kernel[1] - 1}
    if passthrough:
        values |= {"MCNT1": {}, "MCNT2": {"mcnt_sad": 8 * (layer.passes - 1)},
                   "OCHAN": {"ochan": -(-layer.processors.bit_count() // 4) - 1}}
    return values


def convolved(inputs: Sequence[Image], kernels: Sequence[Sequence[Sequence[int]]], size: tuple[int, int],
              pad: tuple[int, int] = (0, 0)) -> list[Image]:
    """Sums of products: kernels[output][input][weight] on padded images."""
    wide = [[[0] * (len(i[0]) + 2 * pad[1])] * pad[0] + [[0] * pad[1] + row + [0] * pad[1] for row in i]
            + [[0] * (len(i[0]) + 2 * pad[1])] * pad[0] for i in inputs]
    rows, columns = len(wide[0]) - size[0] + 1, len(wide[0][0]) - size[1] + 1
    return [[[sum(kernel[i][a * size[1] + b] * wide[i][r + a][c + b] for i in range(len(wide))
                  for a in range(size[0]) for b in range(size[1]))
              for c in range(columns)] for r in range(rows)] for kernel in kernels]


def outputs(sums: Image, shift: int = 0, bias: int = 0, relu: bool = False) -> Image:
    """Sums with a bias, shifted, rounded half up, saturated."""
    def one(value: int) -> int:
        scaled = (2 * (value + 128 * bias) * 2 ** (15 + shift) + 2 ** 22) // 2 ** 23
        return max(min(max(scaled, -128), 127), 0 if relu else -128)
    return [[one(value) for value in row] for row in sums]
