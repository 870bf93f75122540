"""Solids of known volume and surface."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.measure.volume import morphology_3d


def test_a_flat_object_is_a_plate(blobs: NDArray[np.int32]) -> None:
    heights = np.full(blobs.shape, 8, np.uint8)
    found = morphology_3d(blobs, heights, pixel_size=0.5, z_step=0.25)
    area = np.bincount(blobs[blobs > 0])[found.index] * 0.25
    for name in ("max_height", "mean_height"):
        np.testing.assert_allclose(found[f"Morphology3D_{name}"], 2)
    np.testing.assert_allclose(found["Morphology3D_volume_pL"], area * 2 / 1000)
    for name in ("lower", "upper"):
        np.testing.assert_allclose(found[f"Morphology3D_{name}_surface_area"], area)
    np.testing.assert_allclose(found["Morphology3D_total_surface_area"], 2 * area)


def test_the_cap_of_a_sphere_has_its_volume_and_surface() -> None:
    radius, height, pixel_size, z_step = 40.0, 10.0, 0.2, 0.001
    y, x = np.mgrid[-28:28:pixel_size, -28:28:pixel_size]
    z = np.sqrt(radius**2 - y**2 - x**2) - (radius - height)
    labels = 6 * (z > 0).astype(np.int32)
    heights = (np.maximum(z, 0) / z_step).round().astype(np.uint16)
    found = morphology_3d(labels, heights, pixel_size=pixel_size, z_step=z_step).loc[6]
    base = np.pi * height * (2 * radius - height)
    volume = np.pi * height**2 * (3 * radius - height) / 3
    upper = 2 * np.pi * radius * height
    assert found["Morphology3D_max_height"] == pytest.approx(height, rel=1e-3)
    assert found["Morphology3D_mean_height"] == pytest.approx(volume / base, rel=2e-3)
    assert found["Morphology3D_volume_pL"] == pytest.approx(volume / 1000, rel=2e-3)
    assert found["Morphology3D_lower_surface_area"] == pytest.approx(base, rel=2e-3)
    assert found["Morphology3D_upper_surface_area"] == pytest.approx(upper, rel=5e-3)
    assert found["Morphology3D_total_surface_area"] == pytest.approx(base + upper, rel=5e-3)


def test_the_surface_is_that_of_triangles_between_pixels(blobs: NDArray[np.int32]) -> None:
    labels = np.where(blobs == blobs.max(), 1, 0)
    heights = np.random.default_rng(0).integers(0, 50, labels.shape, dtype=np.uint16)
    found = morphology_3d(labels, heights, pixel_size=1.5, z_step=2.0).loc[1]
    padded = np.pad(np.where(labels, heights * 2.0, np.nan), 1, constant_values=np.nan)
    area = 0.0
    for y in range(padded.shape[0] - 1):
        for x in range(padded.shape[1] - 1):
            z = padded[y : y + 2, x : x + 2]
            share = np.isfinite(z).mean()
            if share == 0:
                continue
            z = np.where(np.isfinite(z), z, np.nanmean(z))
            corners = np.array([[0, 0, z[0, 0]], [0, 1.5, z[0, 1]], [1.5, 0, z[1, 0]]])
            opposite = np.array([1.5, 1.5, z[1, 1]])
            first, second, third = corners - opposite
            cross = np.cross(first, second), np.cross(first, third)
            area += share * sum(np.linalg.norm(c) for c in cross) / 2
    assert found["Morphology3D_upper_surface_area"] == pytest.approx(area)


def test_what_cannot_be_measured_is_refused(blobs: NDArray[np.int32]) -> None:
    with pytest.raises(ValueError, match="shape"):
        morphology_3d(blobs, np.ones((2, 2)))
    with pytest.raises(ValueError, match="z_step"):
        morphology_3d(blobs, np.ones(blobs.shape), z_step=0)
