"""Modules that measure: their settings reach the features, and values reach the right objects."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tmlib.jterator.measure.neighbours import neighbours
from tmlib.jterator.measure.point_pattern import point_pattern
from tmlib.jterator.measure.texture import texture
from tmlib.jterator.measure.volume import morphology_3d
from tmlib.jterator.modules import (
    measure_neighbours,
    measure_point_pattern,
    measure_texture,
    measure_volume_image,
)

Labels = NDArray[np.int32]

SHAPE = (60, 90)


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(100, 900, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def cells() -> Labels:
    labels = np.zeros(SHAPE, np.int32)
    labels[5:55, 5:40], labels[5:55, 42:80] = 7, 3
    return labels


@pytest.fixture(scope="module")
def nuclei(cells: Labels) -> Labels:
    labels = np.zeros(SHAPE, np.int32)
    labels[20:40, 15:30], labels[20:40, 50:70] = 7, 3
    return labels


@pytest.fixture(scope="module")
def points() -> Labels:
    labels = np.zeros(SHAPE, np.int32)
    places = ([10, 20, 30, 50, 12], [10, 22, 30, 35, 60])
    labels[places] = [5, 1, 9, 4, 2]
    return labels


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected.sort_index(), check_index_type=False)


def test_texture_settings_select_features(
    cells: Labels, nuclei: Labels, image: NDArray[np.uint16]
) -> None:
    usual = measure_texture.main(cells, cells, image).measurements
    assert_equal(usual, texture(cells, image))
    found = measure_texture.main(
        nuclei,
        cells,
        image,
        frequencies=[2],
        measure_TAS=True,
        measure_LBP=True,
        radii=[3],
        measure_haralick=True,
        scales=[4],
    ).measurements
    expected = texture(
        nuclei,
        image,
        frequencies=[2],
        measure_tas=True,
        measure_lbp=True,
        radii=[3],
        measure_haralick=True,
        scales=[4],
    )
    assert_equal(found, expected)
    assert len(found.columns) > len(usual.columns)


def test_points_are_summarised_for_the_cells_that_enclose_them(
    points: Labels, cells: Labels
) -> None:
    each = measure_point_pattern.main(points, cells, points).measurements
    assert_equal(each, point_pattern(points, cells))
    summary = measure_point_pattern.main(points, cells, cells, aggregate=True).measurements
    assert summary["Count"].to_dict() == {3: 1.0, 7: 4.0}
    name = "PointPattern_absolute-distance-to-nearest-neighbor"
    assert summary.loc[7, f"Mean_{name}"] == pytest.approx(each.loc[[5, 1, 9, 4], name].mean())
    with pytest.raises(ValueError, match="aggregate"):
        measure_point_pattern.main(points, cells, cells)


def test_neighbours_are_those_within_the_distance(cells: Labels) -> None:
    near = measure_neighbours.main(cells, cells, 3, 3).measurements
    assert_equal(near, neighbours(cells, neighbour_distance=3, touching_distance=3))
    assert (near["Neighbours_Neighbours_Count"] == 1).all()
    far = measure_neighbours.main(cells, cells, 2, 2).measurements
    assert (far == 0).all(axis=None)


def test_solids_have_the_sizes_of_pixels_and_planes(cells: Labels) -> None:
    height = (np.indices(SHAPE).sum(axis=0) // 20).astype(np.uint16)
    found = measure_volume_image.main(cells, cells, height, 0.5, 2).measurements
    assert_equal(found, morphology_3d(cells, height, pixel_size=0.5, z_step=2))
    cell = cells == 7
    assert found.loc[7, "Morphology3D_max_height"] == 2 * height[cell].max()


def test_numbers_of_objects_do_not_matter(
    cells: Labels, nuclei: Labels, points: Labels, image: NDArray[np.uint16]
) -> None:
    renamed = np.zeros(10, np.int32)
    renamed[[3, 7]] = [40, 2]
    for before, after in (
        (
            measure_texture.main(nuclei, cells, image),
            measure_texture.main(renamed[nuclei], renamed[cells], image),
        ),
        (
            measure_point_pattern.main(points, cells, cells, aggregate=True),
            measure_point_pattern.main(points, renamed[cells], renamed[cells], aggregate=True),
        ),
        (
            measure_neighbours.main(nuclei, cells),
            measure_neighbours.main(renamed[nuclei], renamed[cells]),
        ),
    ):
        expected = before.measurements.rename(index={3: 40, 7: 2})
        assert_equal(after.measurements, expected)
