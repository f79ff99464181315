"""Augmentation and mixed precision: deterministic, resumable, and nothing that is measured sees them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quantize_support import stripes
from torch import Tensor, nn

from bittrue.errors import BadInput
from bittrue.quantization import DataSet, evaluate, fit, quantize
from bittrue.quantization.data_augment import AUGMENTATIONS, MARGIN, crop, flip

DATA = stripes()
AUGMENTED = {"augmentation": "crop_flip", "lr": 0.01, "batch_size": 10, "seed": 5, "optimizer": "sgd"}


def small(preset: str | None = None) -> nn.Module:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 5, 3, padding=(1, 0)), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.1),
                          nn.Flatten(), nn.Linear(5 * 6 * 7, 3))
    return plain if preset is None else quantize(plain, preset, example_input=torch.from_numpy(DATA.train_x[:8]))


def trained(epochs: int = 2, preset: str | None = None, data: DataSet = DATA, **changes: object) -> dict[str, Tensor]:
    model = small(preset)
    fit(model, data, epochs=epochs, **{**AUGMENTED, **changes})  # type: ignore[arg-type]
    return model.state_dict()


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("changes", [{}, {"schedule": "step", "milestones": (0.5,)}, {"validation": 0.25}])
@pytest.mark.parametrize("preset", [None, "w4a4"])
def test_resumed_is_uninterrupted_with_augmentation(preset: str | None, changes: dict[str, object],
                                                    tmp_path: Path) -> None:
    def interrupt(metrics: dict[str, float]) -> None:
        if metrics["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(4, preset, out_dir=tmp_path, on_epoch=interrupt, **changes)
    assert same(trained(4, preset, **changes), trained(4, preset, resume=tmp_path / "last.ckpt", **changes))


def test_resumed_is_uninterrupted_in_mixed_precision(tmp_path: Path) -> None:
    mixed = {"precision": "bf16-mixed", "schedule": "constant"}
    once = trained(4, "w4a4", **mixed)
    trained(2, "w4a4", out_dir=tmp_path, **mixed)
    assert same(once, trained(4, "w4a4", resume=tmp_path / "last.ckpt", **mixed))


def test_a_checkpoint_with_other_augmentation_or_precision_is_refused(tmp_path: Path) -> None:
    trained(1, out_dir=tmp_path)
    with pytest.raises(BadInput) as caught:
        trained(2, resume=tmp_path / "last.ckpt", augmentation="none", precision="bf16-mixed", momentum=0.5)
    assert [d.code for d in caught.value.diagnostics] == ["BT2041"] * 3


def test_a_checkpoint_from_before_a_setting_existed_has_its_default(tmp_path: Path) -> None:
    plain = {"augmentation": "none", "schedule": "constant"}
    once = trained(2, **plain)
    trained(1, out_dir=tmp_path, **plain)
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    for name in ("momentum", "milestones", "step_factor", "augmentation", "precision"):
        del content["bittrue"]["settings"][name]
    torch.save(content, tmp_path / "last.ckpt")
    assert same(once, trained(2, resume=tmp_path / "last.ckpt", **plain))


def test_a_seed_decides_the_augmentation() -> None:
    first = trained()
    assert same(first, trained())
    assert not same(first, trained(seed=6))
    assert not same(first, trained(augmentation="none"))


def test_every_epoch_and_batch_sees_other_images() -> None:
    images, seen = np.arange(1, 601, dtype=np.int64).reshape(1, 1, 20, 30).repeat(16, 0), []
    data = DataSet("ramp", images, np.arange(16) % 2, images, np.arange(16) % 2, 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(600, 2))
    model.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()) if module.training else None)
    fit(model, data, epochs=2, lr=1e-9, batch_size=8, augmentation="crop_flip", calibration_batches=0)
    assert len(seen) == 4
    assert len({batch.numpy().tobytes() for batch in seen}) == 4


def test_what_is_measured_is_not_augmented() -> None:
    """The watched split, in training and afterwards, and the images that scales are taken from."""
    measured: list[Tensor] = []
    model = small("w4a4")
    model.register_forward_pre_hook(lambda module, args: None if module.training else measured.append(args[0].clone()))
    before = {name: getattr(DATA, name).copy() for name in ("train_pixels", "test_pixels", "train_x", "test_x")}
    result = fit(model, DATA, epochs=2, **{**AUGMENTED, "batch_size": 12})  # type: ignore[arg-type]
    assert result.accuracy == evaluate(model, DATA)
    stored = {x.tobytes() for x in (*before["train_x"], *before["test_x"])}
    assert {x.numpy().tobytes() for batch in measured for x in batch} <= stored
    assert sum(len(batch) for batch in measured) > 2 * len(DATA.test_y)
    assert all(np.array_equal(getattr(DATA, name), value) for name, value in before.items())


def test_mixed_precision_trains_in_bfloat16_and_measures_in_float32() -> None:
    dtypes: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    model = small()
    model[5].register_forward_hook(lambda module, args, y: dtypes[module.training].add(y.dtype))
    fit(model, DATA, epochs=1, precision="bf16-mixed")
    assert dtypes == {True: {torch.bfloat16}, False: {torch.float32}}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not same(trained(), trained(precision="bf16-mixed"))


def test_only_images_can_be_augmented() -> None:
    flat = dataclasses.replace(DATA, train_pixels=DATA.train_pixels.reshape(48, -1),
                               test_pixels=DATA.test_pixels.reshape(48, -1))
    with pytest.raises(BadInput, match="BT2031"):
        fit(nn.Linear(54, 3), flat, epochs=1, augmentation="crop")


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 2**32))
def test_a_crop_is_a_shifted_image_in_zeros(shape: tuple[int, int, int, int], seed: int) -> None:
    _, _, height, width = shape
    images = np.random.default_rng(seed).integers(1, 255, shape, np.uint8)
    cropped = crop(images, np.random.default_rng(seed))
    assert (cropped.shape, cropped.dtype) == (images.shape, images.dtype)
    for image, result in zip(images, cropped, strict=True):
        padded = np.pad(image, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
        shifts = [(y, x) for y in range(2 * MARGIN + 1) for x in range(2 * MARGIN + 1)]
        assert any(np.array_equal(result, padded[:, y:y + height, x:x + width]) for y, x in shifts)


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 2**32))
def test_a_flip_mirrors_columns_or_nothing(shape: tuple[int, int, int, int], seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    for image, result in zip(images, flip(images, np.random.default_rng(seed)), strict=True):
        assert np.array_equal(result, image) or np.array_equal(result, image[:, :, ::-1])


def test_all_shifts_and_both_directions_occur() -> None:
    images = np.zeros((4000, 1, 9, 9), np.uint8)
    images[:, 0, 4, 4], images[:, 0, 4, 5] = 1, 2
    shifted = crop(images, np.random.default_rng(0))
    assert len({np.argwhere(image[0] == 1).tobytes() for image in shifted}) == (2 * MARGIN + 1) ** 2
    mirrored = (flip(images, np.random.default_rng(0))[:, 0, 4, 3] == 2).mean()
    assert 0.45 < mirrored < 0.55


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_functions_of_their_random_numbers(name: str) -> None:
    images = np.random.default_rng(1).integers(0, 255, (6, 3, 8, 5), np.uint8)
    results = [AUGMENTATIONS[name](images, np.random.default_rng((3, 1))) for _ in range(2)]
    assert np.array_equal(*results)
    assert results[0].dtype == images.dtype
