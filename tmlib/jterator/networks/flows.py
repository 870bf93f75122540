"""Objects from flows: pixels that flow to the same place belong together.

The flows are those of Cellpose; how they are followed is told in Stringer C et al. (2021), Nature
Methods 18, 100-106.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from tmlib.jterator.arrays import LabelImage

_FLOW_SCALE = 5.0  # networks are trained to give flows of this length
_N_STEPS = 200
_WINDOW = 5
_MIN_PIXELS_AT_SINK = 10
_MIN_PIXELS_AROUND_SINK = 2

_Float = NDArray[np.float32]


def objects_of(flows: _Float, *, threshold: float, min_area: int) -> LabelImage:
    """Label the objects that flows point into.

    Parameters
    ----------
    flows
        Flow along y and x and logit of the probability, (3, y, x).
    threshold
        Logit above which pixels belong to an object.
    min_area
        Smaller objects are left out, in pixels.
    """
    inside = flows[2] > threshold
    start = np.stack(np.nonzero(inside))
    labels = np.zeros(inside.shape, np.int64)
    if not start.size:
        return labels.astype(np.int32)
    ends = np.rint(_follow(flows[:2] * inside / _FLOW_SCALE, start)).astype(np.int64)
    found = _sinks(ends, inside.shape)
    labels[tuple(start)] = found[tuple(ends)]
    areas = np.bincount(labels.ravel())
    too_small = np.flatnonzero(areas < max(min_area, 1))
    labels[np.isin(labels, too_small)] = 0
    numbered, _, _ = relabel_sequential(labels)  # type: ignore[no-untyped-call]
    return np.asarray(numbered, np.int32)


def _follow(flow: _Float, start: NDArray[np.int64]) -> _Float:
    """Where pixels (2, n) end that walk along the flow, interpolated between pixels."""
    import torch
    from torch.nn.functional import grid_sample

    height, width = flow.shape[1:]
    # grid_sample counts places from -1 to 1, x first
    scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    steps = torch.from_numpy(np.ascontiguousarray(flow[::-1]))[None] * scale[:, None, None]
    at = torch.from_numpy(start[::-1].T.astype(np.float32)) * scale - 1
    for _ in range(_N_STEPS):
        move = grid_sample(steps, at[None, None], align_corners=True)[0, :, 0].T
        at = (at + move).clamp(-1, 1)
    ends: _Float = ((at + 1) / scale).numpy().T[::-1]
    return ends


def _sinks(ends: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Labels of the places where many pixels end, with what is close to them."""
    count = np.zeros(shape, np.int64)
    np.add.at(count, tuple(ends), 1)
    is_sink = (count == ndimage.maximum_filter(count, _WINDOW)) & (count > _MIN_PIXELS_AT_SINK)
    window = np.ones((3, 3), bool)
    seeds, _ = ndimage.label(is_sink, window)
    near = ndimage.binary_dilation(is_sink, window, iterations=_WINDOW)
    around = near & (count > _MIN_PIXELS_AROUND_SINK) | is_sink
    grown = watershed(  # type: ignore[no-untyped-call]
        -count, seeds, mask=around, connectivity=2
    )
    return np.asarray(grown, np.int64)
