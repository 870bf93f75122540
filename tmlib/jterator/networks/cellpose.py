"""Runs the networks of Cellpose: images to flows.

Stringer C et al. (2021), "Cellpose: a generalist algorithm for cellular segmentation", Nature
Methods 18, 100-106. The residual U-net of the paper runs from its weights alone, by the names
that published files give them; other networks as TorchScript.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.arrays import IntensityImage

DIAMETER = 30.0
"""Diameter in pixels of the objects that most networks were trained with."""

_TILE = 256
_OVERLAP = 32
_PERCENTILES = (1, 99)

Weights = Mapping[str, Any]
_Float = NDArray[np.float32]


def flows(model: Any, image: IntensityImage, *, diameter: float | None) -> _Float:
    """What a network says about every pixel: (3, y, x).

    The first two are the flow along y and x towards the centre of the object, the third the logit
    of the probability that the pixel is in an object.

    Parameters
    ----------
    model
        TorchScript, or the weights of a residual U-net.
    image
        Gray values (y, x).
    diameter
        Typical diameter of an object in pixels; the image is scaled to what the network knows. If
        None, it is left as it is.

    Raises
    ------
    ValueError
        If the weights are of another network.
    """
    import torch
    from torch.nn.functional import interpolate

    low, high = np.percentile(image, _PERCENTILES)
    normalised = (image.astype(np.float32) - low) / max(high - low, 1e-3)
    pixels = torch.from_numpy(normalised.astype(np.float32))[None, None]
    if diameter is not None:
        scale = _trained_diameter(model) / diameter
        shape = [max(round(side * scale), 1) for side in image.shape]
        pixels = interpolate(pixels, size=shape, mode="bilinear", antialias=True)
    with torch.inference_mode():
        found = _run_in_tiles(model, pixels)
        found = interpolate(found, size=list(image.shape), mode="bilinear")
    return np.asarray(found[0].numpy(), np.float32)


def _run_in_tiles(model: Any, pixels: Any) -> Any:
    """Run the network on overlapping tiles, whose borders count little."""
    import torch

    height, width = pixels.shape[-2:]
    padded = torch.nn.functional.pad(
        pixels, (0, max(_TILE - width, 0), 0, max(_TILE - height, 0)), value=0.0
    )
    ramp = torch.arange(1, _TILE + 1, dtype=torch.float32)
    edge = torch.minimum(ramp, ramp.flip(0)).clamp(max=_OVERLAP) / _OVERLAP
    weight = edge[:, None] * edge
    total = torch.zeros((1, 3, *padded.shape[-2:]))
    weights = torch.zeros(padded.shape[-2:])
    for y in _starts(padded.shape[-2]):
        for x in _starts(padded.shape[-1]):
            place = (..., slice(y, y + _TILE), slice(x, x + _TILE))
            total[place] += _run(model, padded[place]) * weight
            weights[place] += weight
    return (total / weights)[..., :height, :width]


def _starts(side: int) -> list[int]:
    return [*range(0, side - _TILE, _TILE - _OVERLAP), side - _TILE]


def _run(model: Any, pixels: Any) -> Any:
    """The output of the network for one tile; what an image lacks of its channels is empty."""
    import torch

    n_channels = (
        model["downsample.down.res_down_0.conv.conv_0.0.weight"].shape[0]
        if isinstance(model, dict) and _is_residual(model)
        else int(getattr(model, "n_channels", 3))
    )
    empty = torch.zeros((1, n_channels - 1, *pixels.shape[-2:]))
    channels = torch.cat([pixels, empty], dim=1)
    if not isinstance(model, dict):
        output = model(channels)
        return (output[0] if isinstance(output, tuple) else output)[:, :3]
    return run_residual(model, channels)


def _trained_diameter(model: Any) -> float:
    if isinstance(model, dict):
        return float(model.get("diam_mean", DIAMETER))
    return float(getattr(model, "diam_mean", DIAMETER))


def _is_residual(weights: Weights) -> bool:
    if "downsample.down.res_down_0.conv.conv_0.0.weight" in weights:
        return True
    raise ValueError(
        "the file has weights of another network than the residual U-net of Cellpose; save that "
        "network as TorchScript"
    )


def run_residual(weights: Weights, channels: Any) -> Any:
    """The residual U-net: (1, channel, y, x) to (1, 3, y, x); sides are multiples of 16."""
    from torch.nn.functional import adaptive_avg_pool2d, interpolate, max_pool2d

    depth = len({name.split(".")[2] for name in weights if name.startswith("downsample.down.")})
    levels = []
    x = channels
    for level in range(depth):
        x = max_pool2d(x, 2) if level else x
        x = _down(weights, f"downsample.down.res_down_{level}", x)
        levels.append(x)
    style = adaptive_avg_pool2d(x, 1).flatten(1)
    style = style / (style**2).sum(1, keepdim=True).sqrt()
    for level in reversed(range(depth)):
        if level < depth - 1:
            x = interpolate(x, scale_factor=2, mode="nearest")
        x = _up(weights, f"upsample.up.res_up_{level}", x, levels[level], style)
    return _convolve(weights, "output", x)


def _down(weights: Weights, name: str, x: Any) -> Any:
    conv = f"{name}.conv.conv_"
    inner = _convolve(weights, f"{conv}1", _convolve(weights, f"{conv}0", x))
    x = _project(weights, f"{name}.proj", x) + inner
    return x + _convolve(weights, f"{conv}3", _convolve(weights, f"{conv}2", x))


def _up(weights: Weights, name: str, x: Any, skipped: Any, style: Any) -> Any:
    conv = f"{name}.conv.conv_"
    inner = _convolve(weights, f"{conv}0", x) + skipped
    x = _project(weights, f"{name}.proj", x) + _styled(weights, f"{conv}1", inner, style)
    inner = _styled(weights, f"{conv}2", x, style)
    return x + _styled(weights, f"{conv}3", inner, style)


def _styled(weights: Weights, name: str, x: Any, style: Any) -> Any:
    from torch.nn.functional import linear

    shift = linear(style, weights[f"{name}.full.weight"], weights[f"{name}.full.bias"])
    return _convolve(weights, f"{name}.conv", x + shift[:, :, None, None])


def _convolve(weights: Weights, name: str, x: Any) -> Any:
    from torch.nn.functional import conv2d, relu

    x = relu(_normalise(weights, f"{name}.0", x))
    kernel = weights[f"{name}.2.weight"]
    return conv2d(x, kernel, weights[f"{name}.2.bias"], padding=kernel.shape[-1] // 2)


def _project(weights: Weights, name: str, x: Any) -> Any:
    from torch.nn.functional import conv2d

    x = _normalise(weights, f"{name}.0", x)
    return conv2d(x, weights[f"{name}.1.weight"], weights[f"{name}.1.bias"])


def _normalise(weights: Weights, name: str, x: Any) -> Any:
    from torch.nn.functional import batch_norm

    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return batch_norm(x, mean, variance, scale, shift, eps=1e-5)
