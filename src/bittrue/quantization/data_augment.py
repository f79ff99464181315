"""Augmentations of training images: small random changes that leave the label as it is.

They work on the stored pixels, before normalization, so that augmented images stay on the input quantizer's grid.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Images = NDArray[np.generic]
"""(N, channels, height, width)."""
Augmentation = Callable[[Images, np.random.Generator], Images]
"""Takes images and a source of random numbers; gives images of the same shape and dtype."""

MARGIN = 4
"""Zeros that are added on each side before a crop."""


def crop(images: Images, rng: np.random.Generator) -> Images:
    """Shift each image by -4..4 rows and columns, drawn evenly; zeros come in at the border.

    >>> crop(np.ones((5, 3, 8, 6), np.uint8), np.random.default_rng(0)).shape
    (5, 3, 8, 6)
    """
    count, size = len(images), images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    top, left = rng.integers(0, 2 * MARGIN + 1, (2, count))
    windows = sliding_window_view(padded, size, axis=(2, 3))
    return np.ascontiguousarray(windows[np.arange(count), :, top, left])


def flip(images: Images, rng: np.random.Generator) -> Images:
    """Mirror about half of the images left to right."""
    mirrored = rng.integers(0, 2, len(images), dtype=bool)
    return np.where(mirrored[:, None, None, None], images[..., ::-1], images)


def crop_flip(images: Images, rng: np.random.Generator) -> Images:
    """`crop`, then `flip`: the usual augmentation for CIFAR."""
    return flip(crop(images, rng), rng)


def unchanged(images: Images, rng: np.random.Generator) -> Images:
    """The images themselves."""
    return images


AUGMENTATIONS: dict[str, Augmentation] = {"none": unchanged, "crop": crop, "crop_flip": crop_flip}
"""The augmentations by name."""
