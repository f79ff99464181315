"""What the two chips differ in, as one record; every field says what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from .fifos import FAST_FIFO, FAST_FIFO_SPREAD, STANDARD_FIFO, FifoMap
from .memories import BiasMemory, DataMemory, KernelMemory, Tram

MEANING = "meaning"


def _says(text: str) -> Mapping[str, str]:
    return {MEANING: text}


@dataclass(frozen=True, kw_only=True)
class Device:
    """One chip. Flags are named after what the chip can do; quirks are what a program has to do for it.

    Sources: the manual's chapters on limitations and addresses, the network loader's checks, the MAX78000 user guide.
    """

    name: str = field(metadata=_says("name of the target"))
    part: str = field(metadata=_says("part number"))
    die: str = field(metadata=_says("die type"))

    # structure
    groups: int = field(default=4, metadata=_says("groups (quadrants) of processors"))
    group_processors: int = field(default=16, metadata=_says("processors in a group"))
    shared: int = field(default=4, metadata=_says("processors that share one data memory instance"))

    # memories and addresses
    base: int = field(default=0x50000000, metadata=_says("address of the FIFO registers; the accelerator starts here"))
    group_base: int = field(metadata=_says("bytes from there to the registers of group 0"))
    group_pitch: int = field(metadata=_says("bytes from one group to the next"))
    data: DataMemory = field(metadata=_says("data memory"))
    kernels: KernelMemory = field(metadata=_says("kernel memory"))
    bias: BiasMemory = field(metadata=_says("bias memory"))
    tram: Tram = field(metadata=_says("TRAM"))
    pointer_bits: int = field(metadata=_says("bits of a data memory pointer, in words over all instances"))
    pointer_word_bits: int = field(metadata=_says("bits of it that select the word in an instance"))
    fifo: FifoMap = field(default=STANDARD_FIFO, metadata=_says("what the FIFOs feed"))
    fast_fifo: FifoMap = field(default=FAST_FIFO, metadata=_says("what the fast FIFO feeds, first four processors"))
    fast_fifo_spread: FifoMap = field(default=FAST_FIFO_SPREAD, metadata=_says("what it feeds, one per group"))
    fast_fifo_base: int = field(default=0x400C0400, metadata=_says("address of the fast FIFO (RISC-V core only)"))

    # limits
    layers: int = field(metadata=_says("layers"))
    streaming_layers: int = field(default=8, metadata=_says("streaming layers, at the start of the network"))
    last_start_layer: int = field(metadata=_says("last layer at which a network can start"))
    passes: int = field(default=16, metadata=_says("passes of a layer: channels per processor"))
    manual_channels: int = field(metadata=_says("input or output channels of a layer, by the manual"))
    manual_dim: int = field(metadata=_says("rows or columns, by the manual"))
    checked_dim: int = field(metadata=_says("rows or columns that the existing loader accepts"))
    count_bits: int = field(metadata=_says("bits of the row and column counters"))
    pad_in_count: bool = field(metadata=_says("row and column counters include the padding on both sides"))
    frame_bits: int = field(metadata=_says("bits of the counter of input words from a FIFO"))
    stream_start_bits: int = field(metadata=_says("bits of the count of words before a streaming layer starts"))
    stream_row_bits: int = field(metadata=_says("bits of the count of words between rows of a streaming layer"))
    rollover_bits: int = field(metadata=_says("bits of the size of a streaming layer's circular buffer, in words"))
    tram_pointer_bits: int = field(metadata=_says("bits of a streaming layer's start in the TRAM"))
    write_gap_bits: int = field(metadata=_says("bits of the increment of the write pointer: passes x (gap + 1) - 1"))
    mask_bits: int = field(metadata=_says("bits of a kernel memory address that counts single weight bits"))
    pool_passes: int = field(metadata=_says("passes of pooling without convolution, except down to one pixel"))
    pool_dilation: int = field(metadata=_says("dilation of pooling"))
    conv1d_dilation: int = field(metadata=_says("dilation of Conv1d kernels of up to 3"))

    # features
    depthwise: bool = field(metadata=_says("convolution groups equal to the channels"))
    kernel_bypass: bool = field(metadata=_says("convolution without kernels (`bypass`)"))
    binary_weights: bool = field(metadata=_says("1-bit weights -1/+1 beside 0/-1"))
    calc_x4: bool = field(metadata=_says("four kernel memory instances at once in the first layer (`calcx4`)"))
    read_ahead: bool = field(metadata=_says("reading the next input while computing (`readahead`)"))
    link_layer: bool = field(metadata=_says("any order of layers (`next_sequence`), start at any layer"))
    snoop: bool = field(metadata=_says("branches on addresses, values and counts of what is written (`snoop`)"))
    read_gaps: bool = field(metadata=_says("words skipped between words that are read, single pass (`read_gap`)"))
    eltwise_conv_bias: bool = field(metadata=_says("element-wise operation, convolution and bias in one layer"))
    padded_multipass_conv1d: bool = field(metadata=_says("Conv1d with padding and more than 64 channels"))
    streaming_passthrough: bool = field(metadata=_says("streaming layers without convolution"))
    unpadded_final_streaming: bool = field(metadata=_says("last streaming layer without padding"))
    streaming_bias: bool = field(metadata=_says("exact bias in a streaming first layer"))
    one_shot: bool = field(metadata=_says("one layer at a time (`--one-shot`)"))
    fifo_go: bool = field(metadata=_says("start by the first word in the FIFO (`--fifo-go`)"))
    pipeline: bool = field(metadata=_says("pipeline, for the fast clock"))
    pll: bool = field(metadata=_says("accelerator clock from the PLL"))
    rollover_read: bool = field(metadata=_says("the circular buffer's size can be read back"))
    cycle_estimate: bool = field(metadata=_says("the cycles of a layer are given by a published formula"))

    # quirks
    emulates_multipass_eltwise: bool = field(metadata=_says(
        "element-wise operations of several passes run as more rows, without pooling or convolution"))
    streaming_1x1_as_3x3: bool = field(default=True, metadata=_says(
        "1x1 kernels in and after streaming layers run as padded 3x3 kernels"))
    pre_read: bool = field(metadata=_says(
        "pooling last with several passes or operands costs cycles by the kernel's place in memory"))
    doubled_multipass_passthrough: bool = field(default=True, metadata=_says(
        "pooling without convolution in n passes takes the cycles of 2n - 1"))
    average_pool_reset: bool = field(metadata=_says(
        "average pooling after an element-wise layer needs an extra layer in front"))
    depthwise_in_one_instance: bool = field(metadata=_says(
        "the kernels of a depthwise layer lie in one kernel memory instance"))
    flatten_bias_first: bool = field(metadata=_says("biases of flattening layers are allocated first"))
    counts_stop_and_step: bool = field(metadata=_says(
        "row and column registers hold the stop position and the step to the next row, not the size"))
    stream_formulas: int = field(metadata=_says("which formulas for streaming starts and steps: 1 or 2"))
    fifo_coupling: bool = field(metadata=_says("FIFOs must be coupled"))
    register_clear: bool = field(metadata=_says("registers must be cleared by the self test before use"))

    # clocks and the host's memories
    peripheral_mhz: int = field(metadata=_says("clock of the peripheral bus, MHz"))
    pll_mhz: int = field(metadata=_says("clock of the PLL, MHz; 0 without"))
    unpipelined_mhz: int = field(default=50, metadata=_says("highest accelerator clock without the pipeline, MHz"))
    clock_divider: int = field(default=16, metadata=_says("largest divider of the accelerator clock"))
    switch_delay_ms: int = field(metadata=_says("wait after switching the accelerator's power, ms"))
    flash_bytes: int = field(metadata=_says("bytes of flash memory, by the data sheet"))
    sram_bytes: int = field(metadata=_says("bytes of SRAM that the cores share, by the data sheet"))
    riscv_sram: int = field(metadata=_says("address of the RISC-V core's memory"))

    @property
    def processors(self) -> int:
        """All processors."""
        return self.groups * self.group_processors

    @property
    def channels(self) -> int:
        """Channels of a layer: every processor in every pass."""
        return self.processors * self.passes

    @property
    def data_instances(self) -> int:
        """All data memory instances."""
        return self.processors // self.shared

    @property
    def clock_mhz(self) -> int:
        """The accelerator's clock by default, MHz."""
        return self.pll_mhz or self.peripheral_mhz

    @classmethod
    def meanings(cls) -> Mapping[str, str]:
        """What every field says, in order."""
        return {f.name: f.metadata[MEANING] for f in fields(cls)}
