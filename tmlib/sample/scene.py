"""Simulated cells as they are before a microscope looks at them: nuclei and the bodies around them.

The recipe follows what simulators of cell populations have in common (Lehmussola et al., IEEE
Transactions on Medical Imaging 26:1010, 2007): outlines from a few random harmonics, texture from
band-limited noise, positions that form clusters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NUCLEUS_RADIUS = 11.5
"""Mean radius of a nucleus in pixels: 15 um across at 0.65 um per pixel."""

NUCLEI_PER_PIXEL = 4.2e-4
"""Default density, at which cells form a layer with some gaps."""

_MARGIN = 72
_CLUSTERED = 0.4
_MAX_OVERLAP = 0.015
_MIN_VISIBLE = 0.25
_ATTEMPTS_PER_NUCLEUS = 8

Image = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """What is in the field of view, free of optics and noise.

    Attributes
    ----------
    nuclei
        int32 label image (y, x) of the nuclei, 1 to n, 0 outside.
    dna
        Brightness of the DNA stain (y, x), about 1 inside a nucleus.
    body
        Brightness of the cell-body stain (y, x), about 1 beside a nucleus.
    """

    nuclei: NDArray[np.int32]
    dna: Image
    body: Image


@dataclass(frozen=True)
class _Nucleus:
    """One rasterised nucleus in a square patch: mask and brightness, same shape."""

    mask: NDArray[np.bool_]
    brightness: Image
    radius: float


def simulate_scene(
    rng: np.random.Generator, height: int, width: int, n_nuclei: int | None = None
) -> Scene:
    """Simulate one field of view.

    Parameters
    ----------
    rng
        Source of all randomness: the same state gives the same scene.
    height, width
        Size in pixels.
    n_nuclei
        How many nuclei to aim at; crowding may leave a few out. By default about as many as make
        a dense layer of cells.

    Notes
    -----
    The scene is made larger than what is seen, so that the border of the image cuts through
    cells as it does in reality. Nuclei of which less than a quarter would remain visible are
    taken out of focus and out of the truth: nobody could tell those from noise.
    """
    shape = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    wanted = rng.poisson(NUCLEI_PER_PIXEL * height * width) if n_nuclei is None else n_nuclei
    labels, dna = _place_nuclei(rng, shape, wanted)
    dna *= 1 + 0.07 * _noise(rng, shape, 1.0) + 0.08 * _noise(rng, shape, 3.5)
    body = _cell_bodies(rng, labels)
    seen = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
    areas = np.bincount(labels.ravel())
    visible_areas = np.bincount(labels[seen].ravel(), minlength=len(areas))
    lost = (visible_areas < _MIN_VISIBLE * areas)[labels[seen]]
    nuclei = _relabel(np.where(lost, 0, labels[seen]))
    return Scene(nuclei, np.where(lost, 0, np.maximum(dna[seen], 0)), np.maximum(body[seen], 0))


def _place_nuclei(
    rng: np.random.Generator, shape: tuple[int, int], n: int
) -> tuple[NDArray[np.int32], Image]:
    """Throw nuclei onto the canvas until `n` are in view."""
    labels = np.zeros(shape, np.int32)
    dna = np.zeros(shape)
    centres: list[tuple[float, float, float]] = []
    in_view = 0
    crop = (shape[0] - 2 * _MARGIN) * (shape[1] - 2 * _MARGIN)
    attempts = n * _ATTEMPTS_PER_NUCLEUS * shape[0] * shape[1] // crop
    for _ in range(attempts):
        if in_view == n:
            break
        nucleus = _draw_nucleus(rng)
        for y, x in _candidates(rng, shape, centres, nucleus.radius):
            visible = _put(labels, dna, nucleus, round(y), round(x), len(centres) + 1)
            if visible is not None:
                centres.append((y, x, nucleus.radius))
                in_view += visible >= _MIN_VISIBLE
                break
    return labels, dna


def _candidates(
    rng: np.random.Generator,
    shape: tuple[int, int],
    centres: list[tuple[float, float, float]],
    radius: float,
) -> Image:
    """Places (y, x) to try for a nucleus: one anywhere, or many moving away from a neighbour."""
    if not centres or rng.random() > _CLUSTERED:
        return rng.uniform((0, 0), shape, size=(1, 2))
    y, x, neighbour_radius = centres[rng.integers(len(centres))]
    angle = rng.uniform(0, 2 * np.pi)
    reach = np.arange(0.8, 1.5, 0.04) * (radius + neighbour_radius)
    return np.column_stack((y + reach * np.sin(angle), x + reach * np.cos(angle)))


def _draw_nucleus(rng: np.random.Generator) -> _Nucleus:
    """A textured, slightly irregular ellipse with a few nucleoli."""
    radius = NUCLEUS_RADIUS * np.clip(rng.lognormal(0, 0.14), 0.7, 1.4)
    elongation = rng.uniform(1.0, 1.5) ** 0.5
    half = int(radius * 1.6) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angle = np.arctan2(y, x)
    turned = angle - rng.uniform(0, np.pi)
    outline = radius / np.hypot(np.cos(turned) / elongation, np.sin(turned) * elongation)
    for k in (2, 3, 4):
        outline *= 1 + rng.normal(0, 0.06 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    distance = np.hypot(y, x) / outline
    mask = distance <= 1
    thickness = np.sqrt(np.clip(1 - distance**2, 0, 1))
    brightness = np.clip(rng.lognormal(0, 0.25), 0.6, 1.9) * (0.55 + 0.45 * thickness)
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.normal(0, radius / 3, 2)
        size = rng.uniform(1.2, 2.4)
        brightness *= 1 - 0.3 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))
    return _Nucleus(mask, np.where(mask, brightness, 0), radius)


def _put(
    labels: NDArray[np.int32], dna: Image, nucleus: _Nucleus, y: int, x: int, label: int
) -> float | None:
    """Draw a nucleus and say which share of it is in view.

    None, and nothing is drawn, if it would lie on another one or be cut by the canvas.
    """
    half = nucleus.mask.shape[0] // 2
    if not (half <= y < labels.shape[0] - half and half <= x < labels.shape[1] - half):
        return None
    window = (slice(y - half, y + half + 1), slice(x - half, x + half + 1))
    free = nucleus.mask & (labels[window] == 0)
    area = np.count_nonzero(nucleus.mask)
    if np.count_nonzero(free) < (1 - _MAX_OVERLAP) * area:
        return None
    labels[window][free] = label
    np.maximum(dna[window], nucleus.brightness, out=dna[window])
    return np.count_nonzero(free & _visible(labels.shape, window)) / np.count_nonzero(free)


def _visible(shape: tuple[int, ...], window: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Which pixels of a window of the canvas lie within the field of view."""
    inside = [
        (np.arange(s.start, s.stop) >= _MARGIN) & (np.arange(s.start, s.stop) < n - _MARGIN)
        for s, n in zip(window, shape, strict=True)
    ]
    return inside[0][:, None] & inside[1][None, :]


def _cell_bodies(rng: np.random.Generator, labels: NDArray[np.int32]) -> Image:
    """Brightness of the cytoplasm: each pixel near a nucleus belongs to the nearest one."""
    if not labels.any():
        return np.zeros(labels.shape)
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    owner = labels[tuple(nearest)]
    n = int(labels.max()) + 1
    reach = rng.uniform(12, 24, n)[owner] * (1 + 0.18 * _noise(rng, labels.shape, 6))
    level = np.clip(rng.lognormal(0, 0.22, n), 0.6, 1.7)[owner]
    profile = 0.3 + 0.7 * np.exp(-distance / 12)
    edge = np.clip((reach - distance) / 3, 0, 1)
    texture = 1 + 0.12 * _noise(rng, labels.shape, 1.2) + 0.15 * _noise(rng, labels.shape, 4)
    return np.asarray(level * profile * edge * texture * np.where(labels > 0, 0.7, 1.0))


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Image:
    """Gaussian noise of unit variance whose grain is `sigma` pixels wide."""
    white = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3)
    return np.asarray(field / field.std())


def _relabel(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the labels that are left from 1 without gaps."""
    present, inverse = np.unique(labels, return_inverse=True)
    first = 0 if present[0] == 0 else 1
    return (inverse.reshape(labels.shape) + first).astype(np.int32)
