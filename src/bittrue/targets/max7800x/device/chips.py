"""The two chips."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .device import Device
from .memories import BiasMemory, DataMemory, KernelMemory, Tram

MAX78000 = Device(
    name="max78000", part="MAX78000", die="AI85",
    group_base=0x100000, group_pitch=0x400000,
    data=DataMemory(base=0x300000, words=8192, pitch=0x8000),
    kernels=KernelMemory(base=0x80000, pitch=0x4000, instances=(768,)),
    bias=BiasMemory(base=0x8000, bytes=512),
    tram=Tram(base=0x10000, words=3072, pitch=0x4000),
    pointer_bits=17, pointer_word_bits=13,
    layers=32, last_start_layer=0, manual_channels=1024, manual_dim=1023, checked_dim=1024, count_bits=10,
    pad_in_count=True, frame_bits=20, stream_start_bits=14, stream_row_bits=12, rollover_bits=17,
    tram_pointer_bits=12, write_gap_bits=4, mask_bits=16,
    pool_passes=1, pool_dilation=1, conv1d_dilation=1023,
    depthwise=False, kernel_bypass=False, binary_weights=False, calc_x4=False, read_ahead=False, link_layer=False,
    snoop=False, read_gaps=False, eltwise_conv_bias=True, padded_multipass_conv1d=True, streaming_passthrough=True,
    unpadded_final_streaming=False, streaming_bias=False, one_shot=False, fifo_go=False, pipeline=False, pll=False,
    rollover_read=True, cycle_estimate=True,
    emulates_multipass_eltwise=True, pre_read=True, average_pool_reset=False, depthwise_in_one_instance=False,
    flatten_bias_first=True, counts_stop_and_step=False, stream_formulas=1, fifo_coupling=True, register_clear=False,
    peripheral_mhz=50, pll_mhz=0, switch_delay_ms=0, flash_bytes=512 << 10, sram_bytes=128 << 10, riscv_sram=0x2001C000,
)

MAX78002 = Device(
    name="max78002", part="MAX78002", die="AI87",
    group_base=0x1000000, group_pitch=0x1000000,
    data=DataMemory(base=0x800000, words=20480, pitch=0x20000, banks=5),
    kernels=KernelMemory(base=0x400000, pitch=0x20000, instances=(1024,) * 4, extra=(256,) * 4),
    bias=BiasMemory(base=0x180000, bytes=2048, instances=4),
    tram=Tram(base=0x200000, words=12288, pitch=0x10000, instances=4),
    pointer_bits=21, pointer_word_bits=15,
    layers=128, last_start_layer=127, manual_channels=2048, manual_dim=2047, checked_dim=2048, count_bits=11,
    pad_in_count=False, frame_bits=22, stream_start_bits=15, stream_row_bits=14, rollover_bits=18,
    tram_pointer_bits=14, write_gap_bits=8, mask_bits=19,
    pool_passes=1 << 16, pool_dilation=16, conv1d_dilation=2047,
    depthwise=True, kernel_bypass=True, binary_weights=True, calc_x4=True, read_ahead=True, link_layer=True,
    snoop=True, read_gaps=True, eltwise_conv_bias=False, padded_multipass_conv1d=False, streaming_passthrough=False,
    unpadded_final_streaming=True, streaming_bias=True, one_shot=True, fifo_go=True, pipeline=True, pll=True,
    rollover_read=False, cycle_estimate=False,
    emulates_multipass_eltwise=False, pre_read=False, average_pool_reset=True, depthwise_in_one_instance=True,
    flatten_bias_first=False, counts_stop_and_step=True, stream_formulas=2, fifo_coupling=False, register_clear=True,
    peripheral_mhz=60, pll_mhz=200, switch_delay_ms=10, flash_bytes=2560 << 10, sram_bytes=384 << 10,
    riscv_sram=0x2005C000,
)

DEVICES: Mapping[str, Device] = MappingProxyType({chip.name: chip for chip in (MAX78000, MAX78002)})
"""Name of a target -> chip."""
