"""Features of the objects of a site, compared to libraries that measure the same.

The values must be equal, or no times are shown. cp_measure is compared where it is installed.
A library that is too slow for all objects measures some, and its time is extrapolated.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import mahotas
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import local_binary_pattern
from skimage.measure import regionprops, regionprops_table

from benchmarks.timing import print_header, print_row, readable, timed
from tmlib.jterator.measure.intensity import intensity
from tmlib.jterator.measure.morphology import morphology
from tmlib.jterator.measure.texture import texture

try:
    import cp_measure.bulk
    from centrosome.filter import gabor as centrosome_gabor

    CP_MEASURE = cp_measure.bulk.get_core_measurements(sanitize=False)
except ImportError:
    CP_MEASURE = None

Values = NDArray[np.float64]

SITE_SHAPE = (2160, 2560)
# number of objects of a site and radius of an object in pixels
SITES = ((100, 30.0), (1_000, 20.0), (10_000, 9.0))

MORPHOLOGY = {
    "Local_Centroid_y": "centroid-0",
    "Local_Centroid_x": "centroid-1",
    "Area": "area",
    "Perimeter": "perimeter",
    "Eccentricity": "eccentricity",
    "Extent": "extent",
    "Convexity": "solidity",
    "Equivalent_Diameter": "equivalent_diameter_area",
    "Major_Axis_Length": "axis_major_length",
    "Minor_Axis_Length": "axis_minor_length",
}
CP_MORPHOLOGY = {
    "Local_Centroid_y": "Center_Y",
    "Local_Centroid_x": "Center_X",
    "Area": "Area",
    "Perimeter": "Perimeter",
    "Eccentricity": "Eccentricity",
    "Extent": "Extent",
    "Convexity": "Solidity",
    "Equivalent_Diameter": "EquivalentDiameter",
    "Major_Axis_Length": "MajorAxisLength",
    "Minor_Axis_Length": "MinorAxisLength",
    "Maximum_Radius": "MaximumRadius",
    "Mean_Radius": "MeanRadius",
}
SCALES = (1, 2)
RADII = (1, 5, 10)


@dataclass(frozen=True)
class Site:
    """Labels 1 to n, 16-bit gray values, and 8-bit ones that reach 255 in every object."""

    labels: NDArray[np.int32]
    image: NDArray[np.uint16]

    @classmethod
    def of(cls, n_objects: int, radius: float) -> "Site":
        """Bulging ellipses, which may touch, on noise."""
        random = np.random.default_rng(n_objects)
        n_columns = int(np.ceil(np.sqrt(n_objects * SITE_SHAPE[1] / SITE_SHAPE[0])))
        n_rows = -(-n_objects // n_columns)
        labels = np.zeros(SITE_SHAPE, np.int32)
        pitch_y, pitch_x = SITE_SHAPE[0] / n_rows, SITE_SHAPE[1] / n_columns
        for n in range(n_objects):
            long, short = radius * random.uniform(0.95, 1.2), radius * random.uniform(0.7, 0.95)
            reach = int(1.12 * long) + 2
            y = int((n // n_columns + 0.5) * pitch_y)
            x = int((n % n_columns + 0.5) * pitch_x)
            dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
            angle = random.uniform(0, np.pi)
            along = (dy * np.sin(angle) + dx * np.cos(angle)) / long
            across = (dy * np.cos(angle) - dx * np.sin(angle)) / short
            bulges = 1 + 0.12 * np.sin(3 * np.arctan2(across, along) + random.uniform(0, np.pi))
            top, left = max(y - reach, 0), max(x - reach, 0)
            box = labels[top : y + reach + 1, left : x + reach + 1]
            inside = (np.hypot(along, across) <= bulges)[top - y + reach :, left - x + reach :]
            inside = inside[: box.shape[0], : box.shape[1]]
            box[inside & (box == 0)] = n + 1
        noise = ndimage.gaussian_filter(random.random(SITE_SHAPE), 2)
        noise = (noise - noise.min()) / np.ptp(noise) + 0.1 * random.random(SITE_SHAPE)
        return cls(labels, (noise * 50_000).astype(np.uint16) + np.uint16(200))

    @cached_property
    def image_8_bit(self) -> NDArray[np.uint8]:
        """Gray values that need no stretching."""
        index = np.arange(1, self.labels.max() + 1)
        highest = np.append(1, ndimage.maximum(self.image, self.labels, index))[self.labels]
        return np.clip(self.image * (255.5 / highest), 1, 255).astype(np.uint8)

    @cached_property
    def crops(self) -> list[NDArray[np.uint16]]:
        """Images of the objects alone, with a frame of one pixel."""
        return list(self._crops(self.image))

    @cached_property
    def crops_8_bit(self) -> list[NDArray[np.uint8]]:
        """As `crops`, of the 8-bit image."""
        return list(self._crops(self.image_8_bit))

    def _crops(self, image: NDArray[np.unsignedinteger]) -> Iterator[NDArray[np.unsignedinteger]]:
        for region in regionprops(self.labels, image):
            yield np.pad(np.where(region.image, region.image_intensity, 0), 1).astype(image.dtype)


@dataclass(frozen=True)
class Comparison:
    """Two ways to the same values, one row per object; the library may leave out the last ones."""

    feature: str
    library: str
    ours: Callable[[Site], pd.DataFrame]
    theirs: Callable[[Site], Values]
    columns: list[str]
    tolerance: float = 1e-6


def _morphology_of_scikit_image(site: Site) -> Values:
    names = [name for name in MORPHOLOGY.values() if not name.startswith("centroid")]
    table = regionprops_table(site.labels, properties=["centroid", *names])
    return np.stack([table[name] for name in MORPHOLOGY.values()], axis=1)


def _intensity_of_scikit_image(site: Site) -> Values:
    names = ["intensity_max", "intensity_mean", "intensity_min", "intensity_std"]
    table = regionprops_table(site.labels, site.image, properties=["num_pixels", *names])
    total = table["intensity_mean"] * table["num_pixels"]
    return np.stack([*(table[name] for name in names), total], axis=1)


def _intensity_of_cp_measure(site: Site) -> Values:
    found = CP_MEASURE["intensity"](site.labels, site.image, edge_measurements=False)
    names = ["MaxIntensity", "MeanIntensity", "MinIntensity", "StdIntensity", "IntegratedIntensity"]
    return np.stack([found[f"Intensity_{name}"] for name in names], axis=1)


def _morphology_of_cp_measure(site: Site) -> Values:
    found = CP_MEASURE["sizeshape"](site.labels, None)
    return np.stack([found[name] for name in CP_MORPHOLOGY.values()], axis=1)


def _zernike_of_mahotas(site: Site) -> Values:
    values = []
    for crop in site.crops[:1_000]:  # more would take too long
        y, x = ((2 * np.arange(200) + 1) * n // 400 for n in crop.shape)
        stretched = (crop[np.ix_(y, x)] > 0).astype(np.uint8)
        values.append(mahotas.features.zernike_moments(stretched, 100, degree=12))
    return np.array(values)


def _gabor_of_centrosome(site: Site) -> Values:
    index = np.arange(1, site.labels.max() + 1)
    best = np.zeros((len(index), 3))
    image = site.image.astype(np.float64)
    for column, frequency in enumerate((1, 5, 10)):
        for angle in np.arange(4) * np.pi / 4:
            filtered = centrosome_gabor(image, site.labels, frequency, angle)
            real, imaginary = (
                ndimage.sum(part, site.labels, index) for part in (filtered.real, filtered.imag)
            )
            best[:, column] = np.maximum(best[:, column], np.hypot(real, imaginary))
    return best


def _hu_of_scikit_image(site: Site) -> Values:
    table = regionprops_table(site.labels, site.image, properties=["moments_weighted_hu"])
    return np.stack([table[f"moments_weighted_hu-{i}"] for i in range(7)], axis=1)


def _tas_of_mahotas(site: Site) -> Values:
    threshold = mahotas.otsu(site.image)
    return np.array([mahotas.features.pftas(crop, threshold) for crop in site.crops])


def _lbp_of_scikit_image(site: Site) -> Values:
    codes = np.arange(256)
    least = np.min([((codes >> n) | (codes << (8 - n))) & 255 for n in range(8)], axis=0)
    patterns = np.unique(least)
    values = []
    for crop in site.crops:
        # equal is brighter there, and the circle is run through the other way
        negative = -crop[::-1].astype(np.float64)
        histograms = []
        for radius in RADII:
            code = 255 - local_binary_pattern(negative, 8, radius).astype(np.int64)
            histograms.append(np.bincount(least[code].ravel(), minlength=256)[patterns])
        values.append(np.concatenate(histograms))
    return np.array(values, float)


def _haralick_of_mahotas(site: Site) -> Values:
    return np.array(
        [
            np.stack(
                [
                    mahotas.features.haralick(
                        crop, ignore_zeros=True, return_mean=True, distance=scale
                    )
                    for scale in SCALES
                ],
                axis=1,
            ).ravel()
            for crop in site.crops_8_bit
        ]
    )


def _haralick_of_cp_measure(site: Site) -> Values:
    by_scale = []
    for scale in SCALES:
        found = CP_MEASURE["texture"](site.labels, site.image_8_bit, scale=scale)
        directions = np.array(list(found.values())).reshape(4, 13, -1)
        by_scale.append(directions.mean(axis=0).T)
    return np.stack(by_scale, axis=2).reshape(len(by_scale[0]), -1)


def _columns(features: pd.DataFrame, group: str) -> list[str]:
    return [name for name in map(str, features) if group in name]


def _comparisons() -> Iterator[Comparison]:
    tiny = Site.of(2, 20.0)
    names = texture(
        tiny.labels, tiny.image, measure_tas=True, measure_lbp=True, measure_haralick=True
    )

    def ours_intensity(site: Site) -> pd.DataFrame:
        return intensity(site.labels, site.image)

    def ours_morphology(site: Site) -> pd.DataFrame:
        return morphology(site.labels)

    def ours_zernike(site: Site) -> pd.DataFrame:
        return morphology(site.labels, zernike=True)

    def ours_gabor(site: Site) -> pd.DataFrame:
        return texture(site.labels, site.image)

    def ours_hu(site: Site) -> pd.DataFrame:
        return texture(site.labels, site.image, frequencies=())

    def ours_tas(site: Site) -> pd.DataFrame:
        return texture(site.labels, site.image, measure_tas=True, frequencies=())

    def ours_lbp(site: Site) -> pd.DataFrame:
        return texture(site.labels, site.image, frequencies=(), measure_lbp=True, radii=RADII)

    def ours_haralick(site: Site) -> pd.DataFrame:
        return texture(
            site.labels, site.image_8_bit, frequencies=(), measure_haralick=True, scales=SCALES
        )

    intensities = [f"Intensity_{name}" for name in ("max", "mean", "min", "std", "sum")]
    shapes = [f"Morphology_{name}" for name in MORPHOLOGY]
    more_shapes = [f"Morphology_{name}" for name in CP_MORPHOLOGY]
    zernikes = _columns(ours_zernike(tiny), "Zernike")
    order = {name: n for n, name in enumerate(("center", "mu-margin", "mu"))}
    adjacencies = sorted(
        _columns(names, "_TAS-"),
        key=lambda name: (
            "-n-" in name,
            order[name.split("TAS-")[1].removeprefix("n-").rsplit("-", 1)[0]],
        ),
    )
    hu_names, patterns = _columns(names, "_Hu-"), _columns(names, "_LBP-")
    haralicks = _columns(names, "_Haralick-")
    yield Comparison(
        "Intensity", "scikit-image", ours_intensity, _intensity_of_scikit_image, intensities
    )
    yield Comparison(
        "Morphology", "scikit-image", ours_morphology, _morphology_of_scikit_image, shapes
    )
    yield Comparison("Zernike", "mahotas", ours_zernike, _zernike_of_mahotas, zernikes)
    yield Comparison("Hu", "scikit-image", ours_hu, _hu_of_scikit_image, hu_names, 1e-4)
    yield Comparison("TAS", "mahotas", ours_tas, _tas_of_mahotas, adjacencies)
    yield Comparison("LBP", "scikit-image", ours_lbp, _lbp_of_scikit_image, patterns)
    yield Comparison("Haralick", "mahotas", ours_haralick, _haralick_of_mahotas, haralicks)
    if CP_MEASURE is None:
        print("cp_measure is not installed and is not compared.")
        return
    yield Comparison(
        "Intensity", "cp_measure", ours_intensity, _intensity_of_cp_measure, intensities
    )
    yield Comparison(
        "Morphology", "cp_measure", ours_morphology, _morphology_of_cp_measure, more_shapes
    )
    gabors = _columns(names, "_Gabor-")
    yield Comparison("Gabor", "centrosome", ours_gabor, _gabor_of_centrosome, gabors)
    yield Comparison("Haralick", "cp_measure", ours_haralick, _haralick_of_cp_measure, haralicks)


def _check_equal(comparison: Comparison, features: pd.DataFrame, expected: Values) -> None:
    found = features[comparison.columns].to_numpy()[: len(expected)]
    if comparison.feature == "LBP":
        # scikit-image rounds the points to 5 digits, which changes a pattern once in a while
        differing = np.abs(found - expected).sum() / expected.sum()
        if differing > 1e-3:
            raise SystemExit(f"{comparison}: {differing:.1%} of the patterns differ")
        return
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(
        found / scale, expected / scale, atol=comparison.tolerance, rtol=0, err_msg=str(comparison)
    )


def main() -> None:
    """Print a table of the times."""
    comparisons = list(_comparisons())
    print_header(["feature", "objects", "tmlib", "library", "its time", "times as fast"])
    for n_objects, radius in SITES:
        site = Site.of(n_objects, radius)
        _ = site.crops, site.crops_8_bit  # made before, to the advantage of the libraries
        for comparison in comparisons:
            with warnings.catch_warnings(action="ignore"):
                found, ours = timed(partial(comparison.ours, site))
                expected, theirs = timed(partial(comparison.theirs, site))
            _check_equal(comparison, found, expected)
            theirs *= n_objects / len(expected)
            print_row(
                [
                    comparison.feature,
                    f"{n_objects:,}",
                    readable(ours),
                    comparison.library,
                    readable(theirs),
                    f"{theirs / ours:.1f}",
                ]
            )
