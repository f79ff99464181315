"""The network's input: its shape, from a sample, from the description or from the data set's name, and the sample."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....errors import BadInput, Diagnostics, declare, fail
from ....ir import IntArray
from ..network import BUFFER, INPUT, Operator
from .description import Description
from .geometry import Data
from .resolve import Form

declare({
    "BT5211": "the shape of a network's input is not known",
    "BT5216": "a sample input is wrong",
})

Shape = tuple[int, ...]
"""(channels, rows, columns), or (channels, length) for 1-D data."""

_BY_SHAPE: dict[Shape, str] = {
    (1, 28, 28): "mnist fashionmnist",
    (3, 32, 32): "cifar10 cifar100",
    (3, 128, 128): "catsvsdogs",
    (3, 112, 112): "imagenet vggface2faceid vggface2faceiddr",
    (3, 224, 224): "imagenet50",
    (4, 64, 64): "imagenetbayer bayer",
    (3, 80, 80): "aisegment80 camvids80c3 camvids80c33",
    (48, 88, 88): "aisegment352 aisegment352memory camvids352c3 camvids352c33",
    (96, 60, 60): "kinetics400",
    (3, 256, 320): "pascalvoc20072012256320augmented",
    (3, 120, 160): "qrcode160120 qrcode160120kpts qrcode160120kptsext",
    (3, 74, 74): "svhn74 svhn74simplified",
    (3, 224, 168): "vggface2facedetection",
    (1, 22): "afsk",
    (1, 64, 64): "speechcom",
    (3, 160, 120): "faceid",
    (48, 48, 48): "aisegment352reduced camvids352c3reduced",
    (512, 64): "kws",
    (128, 128): "kws20 kws35 kws35unquantized kws20msnoisemixed kws12benchmark mixedkws2010db msnoise "
                "msnoiseunquantized",
    (256, 3): "samplemotordatalimerick samplemotordatalimerickfortrain",
}
DATA_SETS: dict[str, Shape] = {name: shape for shape, names in _BY_SHAPE.items() for name in names.split()}
"""Input shapes of the data sets that the public models are trained on, by name in lower case without punctuation."""

_LOAD_ERRORS = (OSError, EOFError, ValueError, TypeError, SyntaxError, MemoryError, OverflowError, LookupError,
                pickle.UnpicklingError, zipfile.BadZipFile)
"""What reading an array file of any content may end in."""


def read_sample(path: str | Path) -> IntArray:
    """The sample in a NumPy file: 8-bit integers of shape (channels, rows, columns) or (channels, length).

    Raises `BadInput` (BT5216).
    """
    fix = "give an .npy file of integers -128 to 127, channels first"
    try:
        sample = np.load(path, allow_pickle=False)
    except _LOAD_ERRORS as problem:
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        fail(BadInput, "BT5216", str(path), f"it is no array: {reason}", fix)
    if not isinstance(sample, np.ndarray) or not np.issubdtype(sample.dtype, np.integer):
        fail(BadInput, "BT5216", str(path), "it holds no array of integers", fix)
    if sample.ndim not in (2, 3) or sample.size == 0:
        fail(BadInput, "BT5216", str(path), f"its shape is {sample.shape}", fix)
    if int(sample.min()) < -128 or int(sample.max()) > 127:
        fail(BadInput, "BT5216", str(path), f"its values are {int(sample.min())} to {int(sample.max())}", fix)
    return sample.astype(np.int64)


def entry(description: Description, forms: Sequence[Form], order: Sequence[int], shape: Shape | None,
          found: Diagnostics) -> tuple[Data, bool]:
    """The input's channels and size, and whether it is 1-D.

    By preference of the given `shape`, of what the first layer states, of the data set. Channels that nobody states
    stay None: they are those that the first weights are for. Adds BT5211 when the size is not known.
    """
    if shape is not None:
        return Data(shape[0], (shape[1], shape[2] if len(shape) > 2 else 1)), len(shape) == 2
    first = _first_reader(forms, order)
    keys = first.keys
    if keys.in_dim is not None and BUFFER not in (first.sources or ()):
        return _stated(first, found), first.operator is Operator.CONV1D
    known = DATA_SETS.get(re.sub(r"[^a-z0-9]", "", (description.dataset or "").lower()))
    if known is not None:
        return entry(description, forms, order, known, found)
    if not keys.unclear("in_dim") and not description.unclear("dataset"):
        found.add("BT5211", keys.where("in_sequences"), "nothing says how large the network's input is", _FIX)
    return Data(), False


_FIX = "give a sample (--sample), or state in_dim and in_channels in the first layer"


def _stated(first: Form, found: Diagnostics) -> Data:
    """The input as the first layer states it; a layer with weights need not state its channels."""
    keys = first.keys
    rows, cols = keys.in_dim or (0, 0)
    if keys.in_channels is None and not first.weighted and not keys.unclear("in_channels", "operation", "bypass") \
            and first.weight_source is None:
        found.add("BT5211", keys.where("in_dim"), "nothing says how many channels the network's input has", _FIX)
    channels = None if keys.in_channels is None or keys.flatten else keys.in_channels * first.operands
    return Data(channels, (rows + sum(keys.in_crop or (0, 0)), cols))


def _first_reader(forms: Sequence[Form], order: Sequence[int]) -> Form:
    """The first layer that reads the network's input."""
    return next((forms[i] for n, i in enumerate(order) if INPUT in (forms[i].sources or ((INPUT,) if n == 0 else ()))),
                forms[order[0]])
