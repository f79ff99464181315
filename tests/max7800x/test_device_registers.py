"""Registers: fields, packing, range checks, and words computed by hand from what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import (
    ADDRESSES,
    ELEMENTWISE,
    WEIGHT_BITS,
    Field,
    Register,
    RegisterError,
    Scope,
    shift_fields,
    shift_value,
    stop,
    window_pad,
)

ALL = [register for addresses in ADDRESSES.values() for register in addresses.registers.values()]
OLD, NEW = (addresses.registers for addresses in ADDRESSES.values())
SAMPLE = Register("SAMPLE", "a sample", Scope.GROUP, 0, (Field("low", 0, 4, "", reset=5), Field("high", 8, 24, "")))


def test_fields_do_not_overlap() -> None:
    for register in ALL:
        bits = [bit for field in register.fields for bit in range(field.lsb, field.lsb + field.width)]
        assert len(bits) == len(set(bits)), register.name
        assert max(bits) < 32, register.name
        assert register.mask == sum(1 << bit for bit in bits)
        assert len(register.by_name) == len(register.fields), register.name


def test_codes_and_resets_fit_their_fields() -> None:
    for register in ALL:
        for field in register.fields:
            assert len(field.values) in (0, 1 << field.width), (register.name, field.name)
            assert field.reset <= field.limit
            assert field.meaning


@given(st.data(), st.sampled_from(ALL))
def test_packing_and_unpacking(data: st.DataObject, register: Register) -> None:
    values = {field.name: data.draw(st.integers(0, field.limit)) for field in register.fields}
    word = register.pack(**values)
    assert register.unpack(word) == values
    assert register.unknown(word) == 0


@given(st.integers(0, (1 << 32) - 1), st.sampled_from(ALL))
def test_a_word_is_its_fields_and_its_unknown_bits(word: int, register: Register) -> None:
    assert register.pack(**register.unpack(word)) | register.unknown(word) == word


def test_fields_that_are_left_out_are_zero() -> None:
    assert SAMPLE.pack() == 0
    assert SAMPLE.pack(high=3) == 0x300
    assert SAMPLE.reset == 5


@pytest.mark.parametrize(("values", "message"), [
    ({"low": 16}, "SAMPLE.low = 16 does not fit its 4 bits: 0 to 15"),
    ({"high": -1}, "SAMPLE.high = -1 does not fit its 24 bits: 0 to 16777215"),
    ({"middle": 0}, "register SAMPLE has no field middle; it has low, high"),
])
def test_what_does_not_fit_is_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(RegisterError) as error:
        SAMPLE.pack(**values)
    assert str(error.value) == message


@pytest.mark.parametrize(("name", "value"), [
    ("CTL", 0b110), ("SRAM", 0xE), ("RCNT", 0), ("FIFO_CTL", 3), ("AON_CTL", 3)])
def test_reset_values(name: str, value: int) -> None:
    """The user guide's: three wait states, read margin 3, all else 0."""
    assert OLD[name].reset == value


def test_rows_and_columns_of_the_max78000() -> None:
    """28 rows and 30 columns with a padding of 1: 28 + 2 - 1 = 29 and 31."""
    assert OLD["RCNT"].pack(rcnt_max=28 - 1 + 2, rcnt_pad=1) == 0x0001001D
    assert OLD["CCNT"].pack(ccnt_max=30 - 1 + 2, ccnt_pad=1) == 0x0001001F


def test_rows_and_columns_of_the_max78002() -> None:
    """28 rows and 30 columns pooled 2 by 2, padding 1: the last windows start at 26 and 28, two columns before the end.

    From there to the next row of windows: 2 columns and one more row of 30, 32 words.
    """
    pad = window_pad(1)
    rows = NEW["RCNT"].pack(rcnt_stop=stop(28, 2, 2), rcnt_pad=pad["pad"], rcnt_pad_en=pad["pad_en"], rcnt_step=32)
    columns = NEW["CCNT"].pack(ccnt_stop=stop(30, 2, 2), ccnt_pad_en=pad["pad_en"], ccnt_step=2)
    assert (rows, columns) == (32 << 16 | 1 << 15 | 26, 2 << 16 | 1 << 15 | 28)
    assert window_pad(2) == {"pad_en": 1, "pad": 1}


@pytest.mark.parametrize("size", [5, 12, 17])
@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_stop_is_the_last_window_inside(size: int, window: int, stride: int, dilation: int) -> None:
    starts = [s for s in range(0, size, stride) if s + (window - 1) * dilation < size]
    assert stop(size, window, stride, dilation) == starts[-1]


def test_layer_control() -> None:
    """ReLU, maximum pooling, master, shared busses, sums of groups 1 to 3: bits 9, 8, 7, 5, 11, 13 to 15."""
    values = {"act_en": 1, "maxpl_en": 1, "pool_en": 1, "master": 1, "sramlsrc": 1, "cnnsi_en": 0b1110}
    assert OLD["LCTL"].pack(**values) == NEW["LCTL"].pack(**values) == 0xEBA0
    assert NEW["LCTL"].pack(**values, cprime_max=2, rprime_max=2) == 0xEBA0 | 2 << 18 | 2 << 22


def test_layer_control_2_differs_in_the_increment() -> None:
    """128 inputs in 2 passes, 60 outputs of 8-bit weights, no gap: 1, 0, 59 x 8 = 472."""
    values = {"inpchexp": 1, "wptr_inc": 0, "xpch_max": 472}
    assert (OLD["LCTL2"].pack(**values), NEW["LCTL2"].pack(**values)) == (472 << 8 | 1, 472 << 12 | 1)
    with pytest.raises(RegisterError, match="0 to 15"):
        OLD["LCTL2"].pack(wptr_inc=16)
    assert NEW["LCTL2"].pack(wptr_inc=16) == 0x100


def test_kernel_counters() -> None:
    """Ten 3x3 kernels of 8 bits from column 12 on: bits 96 to 96 + 9 x 8."""
    assert OLD["MCNT"].pack(mcnt_sad=96, mcnt_max=168) == 0x006000A8
    assert (NEW["MCNT2"].pack(mcnt_sad=96), NEW["MCNT1"].pack(mcnt_max=168)) == (0x60, 0xA8)


def test_elementwise_subtraction_of_three_operands_with_convolution() -> None:
    assert OLD["ONED"].pack(ewise_en=1, ewise_func=ELEMENTWISE["Sub"], ewise_cnt=2, conv2d=1) == 0xA2000
    assert [ELEMENTWISE[name] for name in ("Sub", "Add", "Or", "Xor")] == [0, 1, 2, 3]
    assert OLD["ONED"].by_name["ewise_func"].values == tuple(name.lower() for name in ELEMENTWISE)


def test_post_processing() -> None:
    """4-bit weights, shifted right by 3, bias from byte 0x40: bits 23:22 = 3, 17 and 16:13 = 3, 12 and 11:0."""
    word = OLD["POST"].pack(mask_size=WEIGHT_BITS[4], **shift_fields(-3), bptr_en=1, bptr_sad=0x40)
    assert word == 3 << 22 | 1 << 17 | 3 << 13 | 1 << 12 | 0x40
    codes = OLD["POST"].by_name["mask_size"].values
    assert {int(bits): code for code, bits in enumerate(codes)} == dict(WEIGHT_BITS)


@pytest.mark.parametrize("shift", range(-15, 16))
def test_shifts_come_back(shift: int) -> None:
    post = NEW["POST"]
    assert shift_value(post.unpack(post.pack(**shift_fields(shift)))) == shift


def test_shifts_beyond_15_are_refused() -> None:
    with pytest.raises(RegisterError, match="scale_reg = 16"):
        OLD["POST"].pack(**shift_fields(-16))


def test_the_usual_memory_timing() -> None:
    """What every generated project writes: negative write voltage on, read margin 3."""
    assert OLD["SRAM"].pack(wneg_en=1, rmargin=3, rmargin_en=1) == 0x40E


def test_next_layers() -> None:
    assert NEW["NXTLYR"].pack(next=5, next_en=1) == 0x85
    assert NEW["NXTLYR"].pack(stop=1) == 0x100
    assert NEW["LCNT_MAX"].pack(lcnt=12, start=3) == 0x30C


def test_registers_of_one_chip_only() -> None:
    assert set(OLD) - set(NEW) == {"MCNT"}
    snoop = {name for name in NEW if name.startswith("SNP")}
    assert len(snoop) == 24
    assert set(NEW) - set(OLD) - snoop == {"NXTLYR", "MCNT1", "MCNT2", "OCHAN"}
