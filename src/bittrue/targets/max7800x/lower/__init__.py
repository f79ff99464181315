"""From a plan to what software does with the chip: register writes, memory images, input, known answer."""

from .answers import known_answer, layer_words, output_tensors
from .biases import bias_blocks
from .inputs import buffer_blocks, input_blocks
from .kernels import kernel_blocks
from .register_options import RegisterOptions
from .registers import register_program
from .stop import stop_after

__all__ = ["RegisterOptions", "bias_blocks", "buffer_blocks", "input_blocks", "kernel_blocks", "known_answer",
           "layer_words", "output_tensors", "register_program", "stop_after"]
