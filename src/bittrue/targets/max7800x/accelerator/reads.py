"""From the registers that count rows, columns, passes and operands to the words that a layer reads.

The MAX78000 counts rows and columns of the padded image; the MAX78002 counts to the last pooling window and steps its
pointer from one window to the next by itself.
"""

from __future__ import annotations

from ..device import Device
from .complaints import Complaints, Kind
from .layer import STRETCH, Reads
from .registers import Fields


def reads_of(device: Device, lead: Fields, complaints: Complaints) -> Reads:
    """What a layer reads, by the registers of its first group."""
    return _sizes(lead, complaints) if device.pad_in_count else _stops(lead, complaints)


def _passes(lead: Fields) -> int:
    low, post = lead["LCTL2"]["inpchexp"], lead["POST"]
    return (post["xpmp_cnt"] << 4 | low) + 1 if post["flatten_en"] else low + 1


def _operands(lead: Fields) -> int:
    return lead["ONED"]["ewise_cnt"] + 1 if lead["ONED"]["ewise_en"] else 1


def _sizes(lead: Fields, complaints: Complaints) -> Reads:
    """MAX78000."""
    rows = _size(lead["RCNT"]["rcnt_max"] + 1 - 2 * lead["RCNT"]["rcnt_pad"], lead, complaints)
    columns = _size(lead["CCNT"]["ccnt_max"] + 1 - 2 * lead["CCNT"]["ccnt_pad"], lead, complaints)
    window = lead["PRCNT"]["prcnt_max"] + 1, lead["PCCNT"]["pccnt_max"] + 1
    stride, passes, operands = lead["STRIDE"]["stride"] + 1, _passes(lead), _operands(lead)
    across = 1 if columns == 1 else stride
    return Reads(lead["RPTR_BASE"]["rptr_base"], _windows(rows, window[0], stride, complaints),
                 _windows(columns, window[1], across, complaints), stride * columns, across, columns, window, (1, 1),
                 passes, operands, passes * operands, operands, bool(lead["LCTL"]["parallel"]))


def _size(counted: int, lead: Fields, complaints: Complaints) -> int:
    """Rows or columns of the image; those of a transposed convolution are counted after stretching."""
    if lead["POST"]["deconv_en"]:
        if counted % STRETCH:
            complaints.add(Kind.SIZES_DISAGREE, f"a stretched image of {counted} rows or columns")
        counted //= STRETCH
    if counted < 1:
        complaints.add(Kind.SIZES_DISAGREE, f"{counted} rows or columns without the padding")
    return max(counted, 1)


def _windows(size: int, window: int, stride: int, complaints: Complaints) -> int:
    if window > size:
        complaints.add(Kind.SIZES_DISAGREE, f"a pooling window of {window} on {size} rows or columns")
        return 1
    return (size - window) // stride + 1


def _stops(lead: Fields, complaints: Complaints) -> Reads:
    """MAX78002."""
    scale = STRETCH if lead["POST"]["deconv_en"] else 1
    rows, columns = lead["RCNT"], lead["CCNT"]
    stride, passes, operands = lead["STRIDE"]["stride"] + 1, _passes(lead), _operands(lead)
    pixel_words = max(lead["STRIDE"]["mp_stride"] // stride, 1)
    across = (columns["ccnt_stop"] // scale) // stride + 1
    width = (columns["ccnt_stop"] + columns["ccnt_step"]) // scale
    advance = (across - 1) * lead["STRIDE"]["mp_stride"] + rows["rcnt_step"]
    down = (rows["rcnt_stop"] // scale) // stride + 1
    if (advance % pixel_words or lead["STRIDE"]["mp_stride"] % stride) and down > 1:
        complaints.add(Kind.SIZES_DISAGREE, f"steps of {advance} words between rows and {pixel_words} between pixels")
    gap = max(pixel_words // (passes * operands), 1)
    if pixel_words % (passes * operands) and (down, across) != (1, 1):
        complaints.add(Kind.SIZES_DISAGREE, f"steps of {pixel_words} words between pixels with {passes} passes and "
                                            f"{operands} operands")
    dilation = lead["PRCNT"]["prcnt_inc"] + 1, lead["PCCNT"]["pccnt_inc"] + 1
    window = lead["PRCNT"]["prcnt_max"] // dilation[0] + 1, lead["PCCNT"]["pccnt_max"] // dilation[1] + 1
    return Reads(lead["RPTR_BASE"]["rptr_base"], down, across, advance // pixel_words, stride, width, window, dilation,
                 passes, operands, pixel_words, operands * gap, bool(lead["LCTL"]["parallel"]))
