"""The ai8x format: network descriptions (YAML) and checkpoints, read and written."""

from .checkpoint import Checkpoint, read_checkpoint
from .description import Description
from .load import Built, Imported, Options, build_network, import_ai8x
from .quantize import Clip, Clipping
from .read import read_description
from .save import layer_weights, save_checkpoint
from .weights import LayerWeights
from .write import write_description

__all__ = ["Built", "Checkpoint", "Clip", "Clipping", "Description", "Imported", "LayerWeights", "Options",
           "build_network", "import_ai8x", "layer_weights", "read_checkpoint", "read_description", "save_checkpoint",
           "write_description"]
