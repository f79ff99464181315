"""What a layer may be, as numbers: one row a limit, for both chips, with where it comes from.

Whether a chip can do a thing at all is a flag of `Device`; a row here says which numbers are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .device import Device

Allowed = range | tuple[int, ...]
"""The numbers that are allowed: a range, or some numbers in ascending order."""

MANUAL, LOADER, REGISTERS, MEMORY = ("manual", "loader", "registers", "memory")
"""Sources: the manual's limitations, checks of the existing network loader, a register field, a memory's size."""


@dataclass(frozen=True)
class Limit:
    """A number of a layer and its allowed values."""

    name: str
    what: str
    """The number, in words."""
    allowed: Callable[[Device], Allowed]
    sources: tuple[str, ...]
    note: str = ""
    """What else is known, above all where the manual and the chip or the loader differ."""

    def keeps(self, device: Device, value: int) -> bool:
        """Whether a number is allowed.

        >>> from .chips import MAX78000
        >>> LIMITS["conv2d_kernel"].keeps(MAX78000, 2), LIMITS["operands"].keeps(MAX78000, 16)
        (False, True)
        """
        return value in self.allowed(device)

    def text(self, device: Device) -> str:
        """The allowed values in words.

        >>> from .chips import MAX78002
        >>> LIMITS["conv2d_kernel"].text(MAX78002), LIMITS["layers"].text(MAX78002)
        ('1 or 3', '1 to 128')
        """
        values = self.allowed(device)
        if len(values) == 1:
            return f"{values[0]}"
        if isinstance(values, range):
            return f"{values[0]} to {values[-1]}"
        return f"{', '.join(map(str, values[:-1]))} or {values[-1]}"


def _to(last: int, first: int = 0) -> range:
    return range(first, last + 1)


def _only(*values: int) -> Callable[[Device], Allowed]:
    return lambda device: values


def _span(first: int, last: int) -> Callable[[Device], Allowed]:
    return lambda device: _to(last, first)


def _bits(of: Callable[[Device], int]) -> Callable[[Device], Allowed]:
    return lambda device: range(1 << of(device))


_CONVOLUTION = (
    Limit("conv2d_kernel", "Conv2d: rows and columns of the kernel, both equal", _only(1, 3), (MANUAL, LOADER)),
    Limit("conv2d_pad", "Conv2d: padding", _span(0, 2), (MANUAL, LOADER), "padding is zeros"),
    Limit("conv2d_stride", "Conv2d: stride", _only(1), (MANUAL, LOADER)),
    Limit("conv2d_dilation", "Conv2d: dilation", _only(1), (MANUAL, LOADER),
          "the manual gives the MAX78002 1 to 16, the loader refuses more than 1 and no register is known for it"),
    Limit("conv1d_kernel", "Conv1d: length of the kernel", _span(1, 9), (MANUAL, LOADER)),
    Limit("conv1d_pad", "Conv1d: padding", _span(0, 2), (MANUAL, LOADER)),
    Limit("conv1d_multipass_pad", "Conv1d of more than 64 channels: padding",
          lambda d: _to(2 if d.padded_multipass_conv1d else 0), (MANUAL, LOADER)),
    Limit("conv1d_stride", "Conv1d: stride", _only(1), (MANUAL, LOADER)),
    Limit("conv1d_dilation", "Conv1d: dilation", lambda d: _to(d.conv1d_dilation, 1), (MANUAL, LOADER),
          "more than 1 needs a kernel of 2 or more"),
    Limit("conv1d_stretched", "dilated Conv1d as a stretched kernel: (kernel - 1) x dilation", _span(1, 8), (LOADER,),
          "the manual allows dilation for kernels of up to 3 only"),
    Limit("conv1d_wide_kernel", "dilated Conv1d beyond that: length of the kernel", _span(2, 3), (MANUAL, LOADER),
          "runs as a 3x3 convolution on an image with as many columns as the dilation; "
          "not with pooling, element-wise operations, streaming or read-ahead"),
    Limit("conv1d_wide_pad", "dilated Conv1d beyond that: padding", _only(0), (LOADER,)),
    Limit("transpose_kernel", "ConvTranspose2d: rows and columns of the kernel", _only(3), (MANUAL, LOADER)),
    Limit("transpose_pad", "ConvTranspose2d: padding", _span(0, 2), (MANUAL, LOADER)),
    Limit("transpose_stride", "ConvTranspose2d: stride", _only(2), (MANUAL, LOADER)),
    Limit("transpose_output_pad", "ConvTranspose2d: output padding", _only(1), (MANUAL, LOADER)),
    Limit("kernel_beyond_pad", "kernel size minus padding", _span(1, 9), (LOADER,)),
    Limit("passthrough_pad", "layers without convolution: padding", _only(0), (LOADER,)),
)

_POOLING = (
    Limit("pool_window", "pooling: rows or columns of the window", _span(1, 16), (MANUAL, REGISTERS)),
    Limit("pool_stride", "pooling: stride, the same for rows and columns", _span(1, 16), (MANUAL, REGISTERS)),
    Limit("pool_dilation", "pooling: dilation of rows or columns", lambda d: _to(d.pool_dilation, 1), (MANUAL, LOADER)),
    Limit("pool_reach", "pooling: (window - 1) x dilation", _span(0, 15), (REGISTERS,)),
    Limit("pool_passes", "pooling without convolution to more than one pixel: passes",
          lambda d: _to(d.pool_passes, 1), (MANUAL, LOADER)),
    Limit("flatten_pool", "flattening: rows or columns of a pooling window", _only(1), (MANUAL, LOADER)),
)

_SIZES = (
    Limit("layers", "layers of the network", lambda d: _to(d.layers, 1), (MANUAL, LOADER),
          "pooling and element-wise operations that a layer does on the way do not count"),
    Limit("start_layer", "first layer", lambda d: _to(d.last_start_layer), (LOADER,)),
    Limit("in_channels", "input channels", lambda d: _to(d.channels, 1), (MANUAL, LOADER),
          "the manual gives the MAX78002 2048, the loader stops at 1024 and the register holds 16 passes"),
    Limit("out_channels", "output channels", lambda d: _to(d.channels, 1), (MANUAL, LOADER),
          "the manual gives the MAX78002 2048, the loader stops at 1024"),
    Limit("passes", "passes: input channels per processor", lambda d: _to(d.passes, 1), (LOADER, REGISTERS)),
    Limit("linear_inputs", "Linear without flattening: inputs", lambda d: _to(d.channels, 1), (MANUAL,)),
    Limit("linear_outputs", "Linear: outputs", lambda d: _to(d.channels, 1), (MANUAL,)),
    Limit("dim", "rows or columns of the input or output", lambda d: _to(d.checked_dim, 1), (LOADER, REGISTERS),
          "the manual says one less: 1023 (MAX78000), 2047 (MAX78002)"),
    Limit("padded_dim", "rows or columns with the padding on both sides",
          lambda d: _to((1 << d.count_bits) + (0 if d.pad_in_count else 4), 1), (REGISTERS,),
          "the MAX78002 counts to the last window's position, without padding"),
    Limit("transpose_dim", "ConvTranspose2d: 2 x rows or columns of the input", lambda d: _to(1 << d.count_bits, 1),
          (REGISTERS,), "MAX78000: with 2 - padding more on both sides"),
    Limit("eltwise_rows", "element-wise operation that runs as more rows: rows x passes",
          lambda d: _to(1 << d.count_bits, 1), (REGISTERS,)),
    Limit("frame", "rows x columns x passes of the input", lambda d: range(1, 1 << 21), (MANUAL, LOADER),
          "the manual states it for streaming layers, the loader checks every layer"),
    Limit("flatten_pixels", "flattening: rows x columns", _span(1, 256), (MANUAL, LOADER)),
    Limit("flatten_inputs", "flattening: channels x rows x columns", _span(1, 16384), (MANUAL,)),
    Limit("flatten_passes", "flattening: passes x rows x columns", _span(1, 256), (REGISTERS,),
          "two fields of four bits count them"),
    Limit("bias_channels", "output channels of a layer with bias", lambda d: _to(min(d.bias.bytes, d.channels), 1),
          (MANUAL, MEMORY), "a layer's bias lies in one group's memory; of depthwise layers in that of every group"),
)

_OPERANDS = (
    Limit("operands", "operands of an element-wise operation", _span(2, 16), (MANUAL, LOADER)),
    Limit("operands_pooled_last", "operands where pooling follows the element-wise operation", _only(2), (LOADER,)),
    Limit("conv1d_operands", "Conv1d: operands", _only(1), (MANUAL, LOADER)),
    Limit("concatenated", "channels of every part of a concatenation but the last, modulo 4", _only(0), (MANUAL,)),
)

_OUTPUT = (
    Limit("shift", "output shift in total: the layer's and that of its weight bits", _span(-15, 15), (MANUAL, LOADER)),
    Limit("weight_bits", "bits of a weight", _only(1, 2, 4, 8), (MANUAL, LOADER)),
    Limit("output_width", "bits of an output; 32 for the last layer", _only(8, 32), (MANUAL, LOADER),
          "32 without activation and not for layers without convolution"),
    Limit("write_increment", "passes x (write gap + 1) - 1 of the output", _bits(lambda d: d.write_gap_bits),
          (REGISTERS,), "write gap alone in layers without convolution"),
    Limit("write_skip", "pixel bytes x (write gap + 1) of the output of several passes",
          _bits(lambda d: d.pointer_bits), (REGISTERS,)),
    Limit("time_slots", "words that a group writes for one pixel, without convolution or depthwise", _span(1, 16),
          (LOADER, REGISTERS)),
)

_MEMORIES = (
    Limit("data_bytes", "offset plus size of an input or output in a data memory instance, bytes",
          lambda d: _to(d.data.bytes), (MANUAL, LOADER, MEMORY), "streaming layers: their circular buffer"),
    Limit("hwc_pixels", "pixels without streaming, HWC", lambda d: _to(d.data.words, 1), (MANUAL, MEMORY)),
    Limit("chw_pixels", "pixels without streaming, CHW", lambda d: _to(d.data.bytes, 1), (MANUAL, MEMORY)),
    Limit("kernel_columns", "last column of a layer's kernels plus one, processors 0, 16, 32, 48",
          lambda d: _to(d.kernels.large), (MANUAL, MEMORY)),
    Limit("kernel_columns_small", "last column of a layer's kernels plus one, other processors",
          lambda d: _to(d.kernels.small), (MANUAL, MEMORY)),
    Limit("kernel_start", "first column of a layer's kernels, modulo 4", _only(0), (MANUAL, LOADER)),
    Limit("kernel_bits", "last bit address of a layer's kernels, 72 x column / kernel size and on from there",
          _bits(lambda d: d.mask_bits), (REGISTERS,)),
    Limit("bias_bytes", "bias bytes of a group", lambda d: _to(d.bias.bytes), (MANUAL, MEMORY)),
)

_STREAMING = (
    Limit("streaming_layers", "streaming layers, consecutive and from the first on",
          lambda d: _to(d.streaming_layers), (MANUAL, LOADER)),
    Limit("stream_passes", "passes of all layers in front of a streaming layer",
          _span(0, 15), (REGISTERS,), "with calculation in parallel (`tcalc`) rounded up to multiples of 4"),
    Limit("stream_start", "words of input before a streaming layer starts", _bits(lambda d: d.stream_start_bits),
          (LOADER, REGISTERS)),
    Limit("stream_column_step", "words between two columns of a streaming layer", _span(0, 31), (LOADER, REGISTERS)),
    Limit("stream_row_step", "words between two rows of a streaming layer", _bits(lambda d: d.stream_row_bits),
          (LOADER, REGISTERS)),
    Limit("rollover", "words of a streaming layer's circular buffer", _bits(lambda d: d.rollover_bits),
          (LOADER, REGISTERS)),
    Limit("stream_tram", "TRAM words of the streaming layers in front", _bits(lambda d: d.tram_pointer_bits),
          (LOADER, REGISTERS)),
    Limit("fifo_channels_hwc", "FIFO: input channels, HWC", lambda d: _to(d.fifo.channels(chw=False), 1),
          (MANUAL, LOADER)),
    Limit("fifo_channels_chw", "FIFO: input channels, CHW", lambda d: _to(d.fifo.channels(chw=True), 1),
          (MANUAL, LOADER)),
    Limit("fast_fifo_channels_hwc", "fast FIFO: input channels, HWC", lambda d: _to(d.fast_fifo.channels(chw=False), 1),
          (MANUAL, LOADER)),
    Limit("fast_fifo_channels_chw", "fast FIFO: input channels, CHW", lambda d: _to(d.fast_fifo.channels(chw=True), 1),
          (MANUAL, LOADER)),
    Limit("fifo_frame", "words of an input from a FIFO", _bits(lambda d: d.frame_bits), (LOADER, REGISTERS)),
)

SECTIONS: Mapping[str, tuple[Limit, ...]] = MappingProxyType({
    "Convolution": _CONVOLUTION, "Pooling": _POOLING, "Sizes": _SIZES, "Operands": _OPERANDS, "Output": _OUTPUT,
    "Memories": _MEMORIES, "Streaming and FIFOs": _STREAMING,
})
"""Heading -> limits, in the order in which people read them."""


def _by_name(limits: Iterable[Limit]) -> dict[str, Limit]:
    return {limit.name: limit for limit in limits}


LIMITS: Mapping[str, Limit] = MappingProxyType(_by_name(limit for section in SECTIONS.values() for limit in section))
"""Name -> limit."""
