"""Every key of a network description, in one table: names, values, defaults, devices, meaning.

The reader, the dataclasses of `description` and the documentation page follow these tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..network import Activation, Eltwise, Operator
from . import values as v

MAX78002 = "MAX78002"


@dataclass(frozen=True)
class Key:
    """One key. `name` is also the field of the dataclass that holds it."""

    name: str
    parse: v.Parser
    value: str
    """What may be written."""
    meaning: str
    default: str = "none"
    aliases: tuple[str, ...] = ()
    device: str = ""
    """The only device that has it; empty for both."""
    required: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return self.name, *self.aliases


OPERATIONS: dict[str, tuple[Operator, Eltwise | None]] = {
    "conv1d": (Operator.CONV1D, None),
    "conv2d": (Operator.CONV2D, None),
    "convtranspose2d": (Operator.CONVTRANSPOSE2D, None),
    "none": (Operator.PASSTHROUGH, None),
    "passthrough": (Operator.PASSTHROUGH, None),
    "linear": (Operator.LINEAR, None),
    "fc": (Operator.LINEAR, None),
    "mlp": (Operator.LINEAR, None),
    "add": (Operator.PASSTHROUGH, Eltwise.ADD),
    "sub": (Operator.PASSTHROUGH, Eltwise.SUB),
    "or": (Operator.PASSTHROUGH, Eltwise.OR),
    "bitwiseor": (Operator.PASSTHROUGH, Eltwise.OR),
    "bitwise_or": (Operator.PASSTHROUGH, Eltwise.OR),
    "xor": (Operator.PASSTHROUGH, Eltwise.XOR),
    "bitwisexor": (Operator.PASSTHROUGH, Eltwise.XOR),
    "bitwise_xor": (Operator.PASSTHROUGH, Eltwise.XOR),
}
"""Words for a layer's main operation."""

ELTWISE = {"add": Eltwise.ADD, "sub": Eltwise.SUB, "or": Eltwise.OR, "xor": Eltwise.XOR}
ACTIVATIONS = {"relu": Activation.RELU, "abs": Activation.ABS, "none": Activation.NONE}
FORMATS = {"hwc": False, "little": False, "chw": True, "big": True}
"""Whether the input lies channel by channel."""

LAYER_KEYS = (
    Key("name", v.name, "a text", "name by which other layers refer to this one",
        "that of its weights in the checkpoint, else `layer` and the number"),
    Key("sequence", v.integer(), "a number", "number of the layer; numbers may have gaps, layers are sorted by them",
        "0, or the previous layer's + 1"),
    Key("next_sequence", v.successor, "a number, a name or `stop`", "layer that runs next", "next higher number",
        device=MAX78002),
    Key("processors", v.processors, "a 64-bit map", "processors that read the input: one per channel and pass",
        required=True),
    Key("output_processors", v.processors, "a 64-bit map", "processors whose data memories receive the output",
        "`processors` of the next layer; `output_map` for the last"),
    Key("in_offset", v.integer(), "a byte offset", "where the input starts in the data memories",
        "`out_offset` of the layer that ran before, 0 for the first"),
    Key("out_offset", v.integer(), "a byte offset", "where the output starts in the data memories", "0"),
    Key("output_width", v.one_of(8, 32), "8 or 32", "bits of an output; 32 for the sums themselves (Q17.14)", "8"),
    Key("data_format", v.choice(FORMATS), "`hwc`, `little`, `chw` or `big`", "how the network's input lies in the "
        "data memories (first layer only)", "`hwc`"),
    Key("operation", v.choice(OPERATIONS), ", ".join(f"`{word}`" for word in OPERATIONS), "main operation",
        "`conv2d`", ("op", "operator", "convolution")),
    Key("eltwise", v.choice(ELTWISE), "`add`, `sub`, `or` or `xor`", "element-wise operation before the main one"),
    Key("operands", v.integer(2, 16), "2 to 16", "operands of the element-wise operation", "2"),
    Key("pool_first", v.flag, "true or false", "whether pooling comes before the element-wise operation", "true"),
    Key("activate", v.choice(ACTIVATIONS), "`ReLU`, `Abs` or `None`", "activation of the output", "`None`",
        ("activation",)),
    Key("quantization", v.quantization, "1, 2, 4, 8, `bin` or `binary`", "bits of a weight; binary for -1 and +1",
        "`weight_bits` of the checkpoint, else 8"),
    Key("output_shift", v.integer(-31, 31), "a number of bits, -31 to 31", "shift of the sums beside the 8 - weight "
        "bits that `quantization` implies", "that of the checkpoint, else 0; 7 with `bypass`"),
    Key("kernel_size", v.kernel, "`1x1`, `3x3`, or a length for Conv1d", "size of the kernel",
        "9 for Conv1d, 1 for Linear and passthrough, 3x3 for the others"),
    Key("stride", v.pair(), "a number or [rows, columns]", "stride of the convolution",
        "2 for ConvTranspose2d, else 1"),
    Key("pad", v.integer(0), "a number", "zero padding of the convolution", "0 for Linear and passthrough, else 1"),
    Key("output_pad", v.integer(0), "a number", "rows and columns added to the end of a transposed convolution",
        "1 for ConvTranspose2d, else 0"),
    Key("dilation", v.pair(), "a number or [rows, columns]", "dilation of the convolution", "1"),
    Key("groups", v.integer(1), "a number", "convolution groups; as many as channels is depthwise", "1",
        ("conv_groups",), MAX78002),
    Key("max_pool", v.pair(), "a number or [rows, columns]", "window of the maximum pooling of the input"),
    Key("avg_pool", v.pair(), "a number or [rows, columns]", "window of the average pooling of the input"),
    Key("pool_stride", v.pair(), "a number or [rows, columns]", "stride of the pooling (without a window: of the "
        "input)", "1"),
    Key("pool_dilation", v.pair(), "a number or [rows, columns]", "dilation of the pooling", "1", device=MAX78002),
    Key("flatten", v.flag, "true or false", "channels, rows and columns become the inputs of a linear layer", "false"),
    Key("in_channels", v.integer(1), "a number", "channels of the input (of one operand); with `flatten` channels x "
        "rows x columns", "those of the sources"),
    Key("in_channel_skip", v.integer(0), "a number", "channels of the input that are not read, before the first that "
        "is", "0"),
    Key("in_dim", v.dimensions, "a length or [rows, columns]", "size of the input, when it is to be read in another "
        "form", "that of the sources"),
    Key("in_crop", v.crop, "[rows, rows]", "rows of the input that are skipped at the beginning and at the end",
        "[0, 0]"),
    Key("in_sequences", v.sources, "a number, a name, or a list of them; -1 or `input` is the network's input; the "
        "name of a `data_buffer`", "layers whose outputs are the input: joined along the channels, or one per operand",
        "the layer that ran before"),
    Key("out_channels", v.integer(1), "a number", "channels of the output", "those of the weights, or of the input"),
    Key("streaming", v.flag, "true or false", "whether the layer runs while its input arrives", "false"),
    Key("write_gap", v.integer(0), "a number", "words left free between two that are written", "0"),
    Key("read_gap", v.integer(0), "a number", "words skipped between two that are read", "0", ("in_skip",), MAX78002),
    Key("bias_group", v.groups, "a group 0 to 3 or a list of them", "groups whose bias memories may be used",
        "any group in use", ("bias_quadrant",)),
    Key("output", v.flag, "true or false", "whether the layer is an output of the network", "the last layer only"),
    Key("weight_source", v.reference, "a number or a name", "layer whose weights this one uses too"),
    Key("buffer_shift", v.integer(1), "a number of places", "shifts the data buffer that is the input"),
    Key("buffer_insert", v.integer(1), "a number of places", "appends the output to the data buffer"),
    Key("bypass", v.flag, "true or false", "the convolution passes the sum of its inputs on, without weights", "false",
        device=MAX78002),
    Key("calcx4", v.flag, "true or false", "four results in parallel", "false", device=MAX78002),
    Key("readahead", v.flag, "true or false", "reads the input ahead", "false", device=MAX78002),
    Key("tcalc", v.flag, "true or false", "rounds the number of passes up to a multiple of 4 in the TRAM",
        "true with `readahead` and more than 64 channels", device=MAX78002),
    Key("snoop_sequence", v.integer(), "a number", "layer that runs next when a snoop register matches",
        device=MAX78002),
    Key("simulated_sequence", v.successor, "a number, a name or `stop`", "layer that runs next in the expected result "
        "of a network with snoop registers", device=MAX78002),
)
"""The keys of a layer."""

_REGION = (
    Key("processors", v.processors, "a 64-bit map", "processors in whose memories the data lie", required=True),
    Key("channels", v.integer(1), "a number", "channels of the data", required=True),
    Key("dim", v.dimensions, "a length or [rows, columns]", "size of the data", required=True),
    Key("offset", v.integer(), "a byte offset", "where the data start in the data memories", required=True),
    Key("width", v.one_of(8, 32), "8 or 32", "bits of a value", "8"),
)
UNLOAD_KEYS = (*_REGION, Key("write_gap", v.integer(0), "a number", "words between two that hold data", "0"))
"""The keys of an item of `unload`."""

BUFFER_KEYS = (*_REGION, Key("name", v.name, "a text", "name by which layers refer to the buffer", required=True))
"""The keys of an item of `data_buffer`."""

GLOBAL_KEYS = (
    Key("arch", v.text, "a text", "network architecture, compared with that of the checkpoint; `test` for networks "
        "without one", required=True),
    Key("dataset", v.text, "a text", "data set of the network", required=True),
    Key("output_map", v.processors, "a 64-bit map", "output processors of the last layer",
        "packed from processor 0"),
    Key("bias", v.label, "a text", "name of the file with biases (`arch: test` only)"),
    Key("weights", v.label, "a text", "name of the file with weights (`arch: test` only)"),
    Key("snoop", v.registers, "a list of 32 numbers", "snoop registers and their expected values", device=MAX78002),
)
"""The keys of the whole network that hold one value."""

LIST_KEYS = {"layers": LAYER_KEYS, "unload": UNLOAD_KEYS, "data_buffer": BUFFER_KEYS}
"""The keys of the whole network that hold a list of items, with the keys of an item."""

LIST_MEANINGS = {"layers": "the layers", "unload": "data to be read at the end, in place of the output layers'",
                 "data_buffer": "a rolling buffer that persists between inferences"}
"""What the lists are."""


def by_name(table: Iterable[Key]) -> dict[str, Key]:
    """Keys by each of their names."""
    return {name: key for key in table for name in key.names}
