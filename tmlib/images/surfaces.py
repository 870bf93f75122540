"""Quadratic surfaces and smoothing, which separate slow variations across an image."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float64]
"""An image (y, x) of numbers."""


def orthonormal(n: int) -> Field:
    """Polynomials of degree 0, 1 and 2 on n points, shape (3, n), of mean square 1."""
    powers = np.linspace(-1, 1, n)[:, None] ** np.arange(3)
    basis, _ = np.linalg.qr(powers)
    full: Field = np.zeros((3, n))
    full[: basis.shape[1]] = basis.T * np.sqrt(n)
    return full


QUADRATIC = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0]])
"""The products of polynomials in y and x that make a quadratic surface without its average."""


def project(field: Field, basis: tuple[Field, Field]) -> Field:
    """Coefficients (3, 3) of the best-fitting quadratic surface, without its average."""
    return np.asarray(basis[0] @ field @ basis[1].T / field.size * QUADRATIC)


def split(field: Field) -> tuple[Field, Field]:
    """The best-fitting quadratic surface around 0, and the residuals."""
    basis = orthonormal(field.shape[0]), orthonormal(field.shape[1])
    surface = basis[0].T @ project(field, basis) @ basis[1]
    return surface, field - field.mean() - surface


def smooth(field: Field, sigma: float) -> Field:
    """Gaussian smoothing; wide Gaussians are applied on a coarser grid, which is fast."""
    step = max(1, int(sigma / 4))
    if step == 1:
        return np.asarray(ndimage.gaussian_filter(field, sigma, mode="reflect"))
    height, width = field.shape
    padded = np.pad(field, ((0, -height % step), (0, -width % step)), mode="edge")
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    coarse = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    coarse = ndimage.gaussian_filter(coarse, sigma / step, mode="reflect")
    fine = ndimage.zoom(coarse, step, order=1, mode="nearest", grid_mode=True)
    return np.asarray(fine[:height, :width])


def unevenness(field: Field) -> float:
    """Coefficient of variation of the averages over 8 x 8 equal parts of a positive field."""
    parts = [
        part.mean() for rows in np.array_split(field, 8) for part in np.array_split(rows, 8, axis=1)
    ]
    return float(np.std(parts) / np.mean(parts))
