"""Where reading a description or a checkpoint differs from what ai8xize does; the documentation prints this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One subject: what happens here, and what ai8xize does."""

    subject: str
    here: str
    peer: str


DIFFERENCES = (
    Difference("problems", "all are reported at once, each with file and line", "stops at the first one"),
    Difference("Conv1d without `pad`", "the second dimension has no padding in this layer",
               "removes the columns' padding of every layer that states none (the defaults are one shared list); "
               "pooling, stride and dilation alike"),
    Difference("`width` of `unload` and `data_buffer`", "is read", "is ignored"),
    Difference("gaps in `sequence`", "numbers in `in_sequences` and elsewhere are sequence numbers",
               "numbers are positions without the gaps, names are numbers with them"),
    Difference("`true` and `false`", "only these (and YAML's other words for them)",
               "any value; every text is true, `\"false\"` too"),
    Difference("both `max_pool` and `avg_pool`", "an error", "`max_pool` wins"),
    Difference("numbers where a text is wanted, texts where a number is wanted", "an error with the line",
               "an exception of Python, or a wrong result"),
    Difference("`in_crop` without `in_dim`", "the rows that are left", "an error later"),
    Difference("`in_crop: [n, 0]`", "crops at the beginning", "nothing is left"),
    Difference("`in_dim` of a single source", "must have as many pixels as the source",
               "is compared only where `in_sequences` is stated"),
    Difference("several sources of different sizes", "join pixel by pixel when `in_dim` has all their pixels and their "
               "channels agree", "counts all their channels"),
    Difference("`in_channels` of a flattening layer", "channels x rows x columns, a multiple of the pixels",
               "the same, rounded down to whole channels"),
    Difference("element-wise operation on one earlier layer", "an error: one layer per operand",
               "reads interleaved operands (`--legacy-test`), or splits the channels"),
    Difference("weights of a layer with all weights 0, or all -1 and 1", "have the bits that the checkpoint says, and "
               "are binary only where it says 1 bit", "become 1 bit or binary, which changes the implied shift and the "
               "result"),
    Difference("`weight_source`", "shares weights, bits, bias and output shift; a stated `output_shift` counts",
               "overrides a stated `output_shift`; the bits are those that the layer itself states, else 8"),
    Difference("more layers in the checkpoint than in the description", "an error, unless they are copies of earlier "
               "ones or extra layers are allowed", "are ignored"),
    Difference("checkpoints of floats", "are quantized by the same rules", "are cut to integers"),
    Difference("quantizing with a description", "layers are matched by their order among layers with weights",
               "by their order among all layers"),
    Difference("quantizing layers with bias by clipping (`--clip-method`)", "the bias is scaled like the weights, and "
               "has 8 bits", "an exception"),
    Difference("clipping method `AVG`", "the mean of the output channels' largest magnitudes", "is not there"),
    Difference("`bypass` layers", "have no bias", "take the bias of the next layer with weights"),
    Difference("transposed convolution with groups", "each group is flipped and turned on its own",
               "right for depthwise and for one group only"),
    Difference("pooling with dilation", "a window of n covers (n - 1) * dilation + 1 pixels",
               "n + dilation - 1, which is the same for n = 2"),
    Difference("`output` on other layers than the last", "the last layer is an output too",
               "it is not, with a warning"),
    Difference("loading a checkpoint", "tensors and plain values only", "any Python object, which may run code"),
)
