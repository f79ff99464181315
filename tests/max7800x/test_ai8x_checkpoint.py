"""Reading ai8x checkpoints: what tensors mean, what is refused, and that nothing in a file runs."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bittrue.errors import BadInput
from bittrue.targets.max7800x.ai8x import Options, import_ai8x, read_checkpoint
from bittrue.targets.max7800x.network import Layer

from .ai8x_files import GOOD, checkpoint, edited, files, saved, state, weights


def read(folder: Path, content: Any) -> Any:
    """A checkpoint with this content."""
    return read_checkpoint(files(folder, content=saved(content))[1])


def refused(folder: Path, content: bytes) -> list[tuple[str, str]]:
    """Codes and reasons for which a file is refused."""
    with pytest.raises(BadInput) as caught:
        read_checkpoint(files(folder, content=content)[1])
    return [(item.code, item.why) for item in caught.value.diagnostics]


def outcome(folder: Path, content: bytes) -> set[str]:
    """Codes for which a file is refused, or that it is read."""
    try:
        read_checkpoint(files(folder, content=content)[1])
    except BadInput as problem:
        return {item.code for item in problem.diagnostics}
    return {"read"}


def imported(folder: Path, tensors: dict[str, Any], text: str = GOOD, **options: Any) -> tuple[Layer, ...]:
    """The layers of the small network with this checkpoint."""
    config, path = files(folder, text, saved(checkpoint(tensors)))
    return import_ai8x(config, path, "MAX78000", options=Options(**options)).network.layers


def test_layers_of_a_checkpoint(tmp_path: Path) -> None:
    made = read(tmp_path, checkpoint())
    assert made.arch == "tinynet"
    assert [layer.layer for layer in made.layers] == ["stem", "left", "head"]
    assert [layer.weight_bits for layer in made.layers] == [8, 8, 4]
    assert [layer.output_shift for layer in made.layers] == [-2, 1, 0]
    assert [layer.bias is None for layer in made.layers] == [False, True, False]
    assert all(layer.integer for layer in made.layers)
    assert np.array_equal(made.layers[1].weight, state()["left.op.weight"].numpy())


def test_the_whole_way(tmp_path: Path) -> None:
    sample = np.arange(2 * 10 * 6).reshape(2, 10, 6) - 60
    np.save(tmp_path / "sample.npy", sample)
    config, path = files(tmp_path)
    made = import_ai8x(config, path, "MAX78000", tmp_path / "sample.npy")
    stem, left, _, _, head = made.network.layers
    assert stem.weights is not None
    assert left.weights is not None
    assert head.weights is not None
    assert stem.weights.bias is not None
    assert head.weights.bias is not None
    assert stem.weights.bias.tolist() == [1, -2, 3, 0]  # divided by 2**7
    assert head.weights.bias.tolist() == [5, -7, 0]  # by 2**3: its weights have 4 bits
    assert (left.weights.bias, [layer.shift for layer in (stem, left, head)]) == (None, [-2, 1, 4])
    assert np.array_equal(head.weights.values, state()["head.op.weight"].numpy())
    assert made.sample is not None
    assert np.array_equal(made.sample, sample)
    assert made.description.arch == "tinynet"


def test_a_bias_that_is_no_multiple_is_rounded_down(tmp_path: Path) -> None:
    tensors = state() | {"stem.op.bias": torch.tensor([127.0, 128, -1, -129])}
    layer = imported(tmp_path, tensors)[0]
    assert layer.weights is not None
    assert layer.weights.bias is not None
    assert layer.weights.bias.tolist() == [0, 1, -1, -2]


@pytest.mark.parametrize(("names", "layer", "bits"), [
    (("module.conv1.op.weight", "module.conv1.weight_bits"), "conv1", 2),
    (("base.fire1.op.weight", "base.fire1.weight_bits"), "base.fire1", 2),
    (("fc.weight", "fc.weight_bits"), "fc", 2),
])
def test_names_of_tensors(tmp_path: Path, names: tuple[str, str], layer: str, bits: int) -> None:
    made = read(tmp_path, checkpoint({names[0]: weights((3, 2, 1, 1), -2, 1), names[1]: torch.tensor([2.0])}))
    assert (made.layers[0].layer, made.layers[0].weight_bits) == (layer, bits)


def test_no_bits_or_zero_bits_are_eight(tmp_path: Path) -> None:
    tensors = state() | {"stem.weight_bits": torch.tensor([0.0])}
    del tensors["left.weight_bits"]
    assert [layer.weight_bits for layer in imported(tmp_path, tensors)] == [8, 8, 0, 0, 4]


def test_weights_of_a_transposed_convolution_are_flipped_and_turned(tmp_path: Path) -> None:
    text = edited({7: "    operation: convtranspose2d", 11: "    in_dim: [5, 3]"})
    kernel = torch.arange(-36.0, 36.0).reshape(2, 4, 3, 3)
    layer = imported(tmp_path, state() | {"stem.op.weight": kernel}, text)[0]
    assert layer.weights is not None
    values = layer.weights.values
    assert values.shape == (4, 2, 3, 3)
    for i in range(2):
        for o in range(4):
            for r in range(3):
                for c in range(3):
                    assert values[o, i, r, c] == kernel[i, o, 2 - r, 2 - c]


def test_the_second_copy_of_a_network_is_left_out(tmp_path: Path) -> None:
    copies = {f"module.{name}": value for name, value in state().items()} | state()
    config, path = files(tmp_path, content=saved(checkpoint(copies)))
    made = import_ai8x(config, path, "MAX78000")
    assert len(made.network.layers) == 5
    assert [note.rpartition("pth.tar, ")[2] for note in made.notes] == [
        f"{name}.op.weight: it is there twice" for name in ("stem", "left", "head")]


def test_extra_layers_only_when_allowed(tmp_path: Path) -> None:
    tensors = state() | {"late.op.weight": weights((1, 1, 3, 3)) + 0.5}
    assert len(imported(tmp_path, tensors, extra_layers=True)) == 5
    with pytest.raises(BadInput) as caught:
        imported(tmp_path, tensors)
    assert [item.code for item in caught.value.diagnostics] == ["BT5227"]
    assert "nobody needs late.op.weight" in caught.value.diagnostics[0].why


def test_optimizers_and_numpy_scalars_are_read_as_nothing(tmp_path: Path) -> None:
    content = checkpoint(optimizer_type=torch.optim.Adam, extras={"best_top1": np.float64(98.4), "n": np.int32(3)})
    assert len(read(tmp_path, content).layers) == 3


class Touch:
    """Pickled as a call that creates a file."""

    def __init__(self, path: Path, function: Any = None) -> None:
        self.path, self.function = path, function or pathlib_touch

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, (str(self.path),)


def pathlib_touch(path: str) -> None:
    """Creates a file."""
    Path(path).touch()


HOSTILE: dict[str, Any] = {
    "own function": pathlib_touch, "eval": eval, "open": open, "os.mkdir": __import__("os").mkdir,
    "system": __import__("os").system, "Popen": __import__("subprocess").Popen, "import": __import__,
    "torch.load": torch.load, "np.save": np.save,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["top", "extras", "state_dict"])
def test_a_hostile_file_does_not_run(tmp_path: Path, name: str, place: str) -> None:
    evil, target = HOSTILE[name], tmp_path / "touched"
    trap = Touch(target, evil)
    content = {"top": trap, "extras": checkpoint(extras=trap), "state_dict": checkpoint(state() | {"x.weight": trap})}
    ((code, why),) = refused(tmp_path, saved(content[place]))
    assert code == "BT5222"
    assert getattr(evil, "__name__", "").lower() in why.lower()
    assert not target.exists()


def test_a_hostile_file_in_the_old_format_does_not_run(tmp_path: Path) -> None:
    for protocol in (2, 4):
        target = tmp_path / "touched"
        ((code, _),) = refused(tmp_path, pickle.dumps(Touch(target), protocol))
        assert code in ("BT5221", "BT5222")
        assert not target.exists()


def test_the_stand_in_of_an_optimizer_does_nothing(tmp_path: Path) -> None:
    class Call:
        def __reduce__(self) -> tuple[Any, ...]:
            return torch.optim.SGD, ([{"params": "x"}],), {"a": 1}

    assert len(read(tmp_path, checkpoint(optimizer=Call())).layers) == 3


def test_a_file_that_claims_more_values_than_it_has(tmp_path: Path) -> None:
    huge = torch.zeros(1).as_strided((1 << 20, 1 << 20), (0, 0))
    found = refused(tmp_path, saved(checkpoint(state() | {"stem.op.weight": huge})))
    assert found == [("BT5224", f"it claims {1 << 40} values, and the file holds fewer")]


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = saved(checkpoint())
    for length in range(0, len(whole) - 1, 211):
        ((code, _),) = refused(tmp_path, whole[:length])
        assert code == "BT5221"


def test_a_damaged_byte_is_refused_or_changes_values_only(tmp_path: Path) -> None:
    whole = saved(checkpoint())
    for place in range(7, len(whole), 97):
        data = whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1:]
        assert outcome(tmp_path, data) <= {"read", "BT5221", "BT5222", "BT5223", "BT5224", "BT5225"}


@pytest.mark.parametrize("content", [b"", b"arch: net", b"\x80\x04.", b"PK\x03\x04", b"\x00" * 4096])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    ((code, _),) = refused(tmp_path, content)
    assert code == "BT5221"


def test_a_zip_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"no pickle")
    ((code, _),) = refused(tmp_path, path.read_bytes())
    assert code == "BT5221"


@pytest.mark.parametrize("old", [False, True])
def test_without_pytorch(old: bool, tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save(checkpoint(), content, _use_new_zipfile_serialization=not old)
    _, path = files(tmp_path, content=content.getvalue())
    code = ("import sys; sys.modules['torch'] = None; from bittrue.targets.max7800x.ai8x import read_checkpoint; "
            "print([float(layer.weight.sum()) for layer in read_checkpoint(sys.argv[1]).layers])")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    sums = [state()[f"{name}.op.weight"].sum().item() for name in ("stem", "left", "head")]
    assert json.loads(done.stdout) == sums


@pytest.mark.parametrize("sample", [
    np.zeros((2, 3, 4)), np.zeros(5, dtype=np.int64), np.full((1, 2, 3), 128), np.full((1, 2, 3), -129),
    np.zeros((0, 2, 3), dtype=np.int8)])
def test_a_wrong_sample(tmp_path: Path, sample: Any) -> None:
    np.save(tmp_path / "s.npy", sample)
    with pytest.raises(BadInput) as caught:
        import_ai8x(*files(tmp_path), "MAX78000", tmp_path / "s.npy")
    assert [item.code for item in caught.value.diagnostics] == ["BT5216"]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"no array", pickle.dumps([1])])
def test_a_file_that_is_no_sample(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.npy").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        import_ai8x(*files(tmp_path), "MAX78000", tmp_path / "s.npy")
    assert [item.code for item in caught.value.diagnostics] == ["BT5216"]
