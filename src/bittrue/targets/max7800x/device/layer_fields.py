"""Fields of the layer registers: one row a field. What both chips share is written once.

Names are those of the MAX78000 user guide where it has them. Sources: the guide's register chapter, and for the
MAX78002 the values that the existing network loader writes.
"""

from __future__ import annotations

from .registers import Field

NEXT_LAYER = (
    Field("next", 0, 7, "layer that runs after this one"),
    Field("next_en", 7, 1, "run layer `next` instead of the following one"),
    Field("stop", 8, 1, "the network ends after this layer"),
)

ROWS_78000 = (
    Field("rcnt_max", 0, 10, "rows - 1 + 2 x rcnt_pad; transposed convolution: rows stretched by 2"),
    Field("rcnt_pad", 16, 2, "rows of padding above and below"),
)
COLUMNS_78000 = (
    Field("ccnt_max", 0, 10, "columns - 1 + 2 x ccnt_pad; 0 for Conv1d"),
    Field("ccnt_pad", 16, 2, "columns of padding left and right"),
)
ROWS_78002 = (
    Field("rcnt_stop", 0, 11, "row of the last pooling window's first element, from 0"),
    Field("rcnt_pad", 13, 2, "rows of padding above and below, minus 1"),
    Field("rcnt_pad_en", 15, 1, "pad rows"),
    Field("rcnt_step", 16, 16, "words from the last window of a row of windows to the first of the next: "
          "(columns from there to the end + (pool stride - 1) x columns) x (read gap + 1) x operands x passes"),
)
COLUMNS_78002 = (
    Field("ccnt_stop", 0, 11, "column of the last pooling window's first element, from 0"),
    Field("ccnt_pad", 13, 2, "columns of padding left and right, minus 1"),
    Field("ccnt_pad_en", 15, 1, "pad columns"),
    Field("ccnt_step", 16, 16, "columns from there to the end of the row"),
)

ONE_DIMENSIONAL = (
    Field("tscnt_max", 0, 4, "time slots - 1: words that the processors of a group write one after the other"),
    Field("oned_sad", 4, 4, "byte of the 9-byte column at which the first kernel starts"),
    Field("oned_width", 8, 4, "length of the kernel; 1 for 1x1 and for passthrough of one operand, 0 for 3x3"),
    Field("oned_en", 12, 1, "one-dimensional convolution"),
    Field("ewise_en", 13, 1, "element-wise operation"),
    Field("ewise_func", 14, 2, "element-wise operation", values=("sub", "add", "or", "xor")),
    Field("prepool", 16, 1, "pool before the element-wise operation"),
    Field("conv2d", 17, 1, "convolve the result of the element-wise operation"),
    Field("ewise_cnt", 18, 4, "operands - 1"),
)

POOL_ROWS = (Field("prcnt_max", 0, 4, "(rows of the pooling window - 1) x dilation"),)
POOL_COLUMNS = (Field("pccnt_max", 0, 4, "(columns of the pooling window - 1) x dilation"),)
POOL_ROWS_78002 = (*POOL_ROWS, Field("prcnt_inc", 4, 4, "dilation of the rows - 1"))
POOL_COLUMNS_78002 = (*POOL_COLUMNS, Field("pccnt_inc", 4, 4, "dilation of the columns - 1"))

STRIDE = (Field("stride", 0, 4, "stride of pooling - 1, or of the convolution; 0 for transposed convolution"),)
STRIDE_78002 = (
    *STRIDE,
    Field("mp_stride", 4, 28, "words to the next column: pool stride x operands x passes x (read gap + 1)",
          open_ended=True),
)


def pointer(name: str, bits: int, meaning: str) -> tuple[Field, ...]:
    """A pointer into the data memories or a distance, in words."""
    return (Field(name, 0, bits, meaning),)


WRITE_BASE = "first output word: instance above, word in the instance below"
TIME_SLOT_OFFSET = "words from one time slot to the next"
MASK_OFFSET = "words from one group of four output channels to the next: one instance"
CHANNEL_OFFSET = "words from one pass of output channels to the next; 0 for one pass"
READ_BASE = "first input word, the same in every instance"

CONTROL = (
    Field("master", 5, 1, "compute on its own, together with the groups above that do not"),
    Field("parallel", 6, 1, "CHW input: four pixels of one channel to a word"),
    Field("pool_en", 7, 1, "pool"),
    Field("maxpl_en", 8, 1, "how to pool", values=("average", "maximum")),
    Field("act_en", 9, 1, "ReLU"),
    Field("sramlsrc", 11, 1, "write through the data busses that all groups share"),
    Field("cnnsi_en", 12, 4, "groups whose sums are added here: bit n for group n, as the existing loader writes it "
          "from group 0"),
    Field("bigdwrt", 16, 1, "write sums of 32 bits instead of outputs of 8"),
)
CONTROL_78000 = (
    Field("sslave", 0, 4, "per four processors: all take the input of the first of them"),
    Field("mslave", 4, 1, "all processors of the group take the input of the first"),
    *CONTROL,
    Field("cpad_only", 10, 1, "pad columns, not rows"),
)
CONTROL_78002 = (
    *CONTROL,
    Field("rd_ahead", 17, 1, "read ahead"),
    Field("cprime_max", 18, 4, "columns of the kernel - 1"),
    Field("rprime_max", 22, 4, "rows of the kernel - 1"),
    Field("shift_cnt", 26, 3, "with rd_ahead: passes - 1, divided by 4 with tcalc"),
    Field("broadcast", 29, 1, "depthwise convolution that writes where it reads"),
    Field("bypass", 30, 1, "bypass the kernels"),
)


def control2(increment_bits: int) -> tuple[Field, ...]:
    """Second control register: the increment's width differs."""
    return (
        Field("inpchexp", 0, 4, "passes - 1; flattening: low bits of passes x pixels - 1"),
        Field("wptr_inc", 4, increment_bits, "output passes x (write gap + 1) - 1; passthrough: write gap"),
        Field("xpch_max", 4 + increment_bits, 9,
              "(output processors of a pass - 1, counted from a multiple of 4) x weight bits; "
              "0 without convolution"),
    )


MASKS_78000 = (
    Field("mcnt_max", 0, 16, "last kernel of the layer; passthrough: (output passes - 1) x 8"),
    Field("mcnt_sad", 16, 16, "first kernel of the layer: 8 x (kernels from the start of the memory) + bit"),
)
MASKS_END_78002 = (Field("mcnt_max", 0, 19, "last kernel of the layer"),)
MASKS_START_78002 = (
    Field("mcnt_sad", 0, 19, "first kernel of the layer: 8 x (kernels from the start of the memory) + bit; "
          "passthrough: (output passes - 1) x 8"),
)
OUTPUT_CHANNELS = (Field("ochan", 0, 32, "kernels of a processor - 1; passthrough: time slots - 1; depthwise: "
                         "time slots x passes - 1", open_ended=True),)


def tram_pointer(bits: int) -> tuple[Field, ...]:
    """First and last word in the TRAM. The guide prints 11 bits for both on the MAX78000, whose TRAM needs 12."""
    return (
        Field("tptr_max", 0, 16, "last word: output columns - 1 after the first; "
              "flattening: 2 x (passes x pixels) - 1", open_ended=True),
        Field("tptr_sad", 16, bits, "first word: behind the streaming layers in front; "
              "flattening: passes x pixels - 1"),
    )


ENABLE = (
    Field("pro_en", 0, 16, "processors that work"),
    Field("mask_en", 16, 16, "processors that use their kernels; none in passthrough layers"),
)

POST = (
    Field("bptr_sad", 0, 12, "first bias byte of the group's bias memory"),
    Field("bptr_en", 12, 1, "add the bias, shifted left by 7"),
    Field("scale_reg", 13, 4, "output shift, its size"),
    Field("scale_shft", 17, 1, "output shift, its direction", values=("left", "right")),
    Field("xpmp_cnt", 18, 4, "flattening: high bits of passes x pixels - 1"),
    Field("mask_size", 22, 2, "bits of a weight", values=("8", "1", "2", "4")),
    Field("ts_en", 24, 1, "use time slots (passthrough, element-wise, depthwise)"),
    Field("onexone_en", 25, 1, "passthrough, or 1x1 for the processors with mask_en"),
    Field("out_abs", 26, 1, "absolute value; goes before ReLU"),
    Field("flatten_en", 27, 1, "flatten"),
    Field("deconv_en", 28, 1, "stretch rows and columns by 2 with zeros (transposed convolution)"),
)
POST_78002 = (
    *POST,
    Field("calcx4", 29, 1, "four kernel memory instances at once"),
    Field("depthwise", 30, 1, "depthwise convolution"),
    Field("tcalc", 31, 1, "compute four passes in parallel"),
)


def stream_start(bits: int) -> tuple[Field, ...]:
    """When a streaming layer starts."""
    return (Field("strm_isval", 0, bits, "words that the layer in front (or the FIFO) delivers before the start"),)


def stream_steps(row_bits: int) -> tuple[Field, ...]:
    """When a streaming layer goes on."""
    return (
        Field("strm_invol", 0, 4, "passes of all layers in front"),
        Field("strm_dsval1", 4, 5, "words between two columns"),
        Field("strm_dsval2", 16, row_bits, "words between two rows"),
    )


FIFO_GO = Field("fifo_go", 25, 1, "first layer: start by the first word in the FIFO")


def stream_buffer(bits: int) -> tuple[Field, ...]:
    """The circular buffer of a streaming layer's input."""
    return (Field("fbuf_max", 0, bits, "words of the circular buffer that starts at the read pointer"),)
