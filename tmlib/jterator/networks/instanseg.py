"""Runs InstanSeg, which ships as TorchScript that gives labels right away.

Goldsborough T et al. (2024), "InstanSeg: an embedding-based instance segmentation algorithm
optimized for accurate, efficient and portable cell segmentation", arXiv:2408.15954.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from tmlib.jterator.arrays import IntensityImage, LabelImage

_PERCENTILES = (0.1, 99.9)


def segment(
    model: Any, image: IntensityImage, *, cells: bool, pixel_size: float | None
) -> LabelImage:
    """Labels of the objects that a model finds (y, x).

    Parameters
    ----------
    model
        The model; its attributes ``pixel_size`` and ``cells_and_nuclei`` count, where it has them.
    image
        Gray values (y, x).
    cells
        Whether cells are wanted of a model that finds cells and nuclei.
    pixel_size
        Of the image in micrometres. If given, the image is brought to that of the model.
    """
    import torch
    from torch.nn.functional import interpolate

    low, high = np.percentile(image, _PERCENTILES)
    normalised = (image.astype(np.float32) - low) / max(high - low, 1e-3)
    pixels = torch.from_numpy(normalised.astype(np.float32))[None, None]
    wanted = float(getattr(model, "pixel_size", 0) or 0)
    if pixel_size is not None and wanted:
        shape = [max(round(side * pixel_size / wanted), 1) for side in image.shape]
        pixels = interpolate(pixels, size=shape, mode="bilinear", antialias=True)
    with torch.inference_mode():
        if getattr(model, "cells_and_nuclei", False):
            target = torch.tensor([0, 1] if cells else [1, 0])
            found = model(pixels, target_segmentation=target)
        else:
            found = model(pixels)
        found = interpolate(found[:, :1].float(), size=list(image.shape), mode="nearest")
    labels: NDArray[np.int64] = found[0, 0].numpy().astype(np.int64)
    numbered, _, _ = relabel_sequential(labels)  # type: ignore[no-untyped-call]
    return np.asarray(numbered, np.int32)
