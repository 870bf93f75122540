"""A pipeline as they are published: 29 modules, four channels, nuclei, cells, cytoplasm, spots."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.project import Project
from tmlib.jterator.runner import SegmentedObjects, run_pipeline

Image = NDArray[np.uint16]

FOLDER = Path(__file__).parent / "spots_in_cells"
CENTERS = [(y, x) for y in (45, 125, 205) for x in (45, 125, 205, 285)]
N_SPOTS = {n: 4 + n for n in range(len(CENTERS))}


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.from_directory(FOLDER)


@pytest.fixture(scope="module")
def images() -> dict[str, Image]:
    """Round cells with round nuclei; the later a cell, the more spots it has."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:250, :330]
    light = {name: np.full(y.shape, 100.0) for name in ("DAPI", "RNA", "Protein", "Marker")}
    for n, (cy, cx) in enumerate(CENTERS):
        distance = np.hypot(y - cy, x - cx)
        light["DAPI"][distance < 13] += 700
        light["Protein"][distance < 33] += 400
        light["Marker"][distance < 33] += 20 * n
        around = 2 * np.pi * (np.arange(N_SPOTS[n]) / N_SPOTS[n])
        for angle in around:
            sy, sx = cy + 24 * np.sin(angle), cx + 24 * np.cos(angle)
            light["RNA"] += 900 * np.exp(-((y - sy) ** 2 + (x - sx) ** 2) / 3)
    return {name: random.poisson(level).astype(np.uint16) for name, level in light.items()}


@pytest.fixture(scope="module")
def figures() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def found(
    project: Project, images: dict[str, Image], figures: dict[str, str]
) -> dict[str, SegmentedObjects]:
    description = project.to_dict()
    for handles in description["handles"].values():
        for handle in handles["input"]:
            if handle["name"] == "plot":
                handle["value"] = True
    return run_pipeline(Project.from_dict(description), images, save_figure=figures.__setitem__)


def test_its_files_are_understood_and_kept_as_they_are(project: Project, tmp_path: Path) -> None:
    assert len(project.pipeline.pipeline) == 29
    project.check(["DAPI", "RNA", "Protein", "Marker"])
    project.to_directory(tmp_path)
    assert Project.from_directory(tmp_path) == project


def test_it_finds_the_objects_that_are_there(found: dict[str, SegmentedObjects]) -> None:
    assert {name: len(objects.measurements) for name, objects in found.items()} == {
        "Nuclei": 12,
        "Cells": 12,
        "Cytoplasm": 12,
        "Spots": sum(N_SPOTS.values()),
    }
    nuclei, cells, cytoplasm = (found[name].labels for name in ("Nuclei", "Cells", "Cytoplasm"))
    assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
    assert np.array_equal(cytoplasm[cytoplasm > 0], cells[cytoplasm > 0])
    assert not cytoplasm[nuclei > 0].any()
    assert not found["Spots"].as_polygons


def test_it_measures_what_is_known_of_them(found: dict[str, SegmentedObjects]) -> None:
    cells = found["Cells"].measurements
    label = [int(found["Cells"].labels[center]) for center in CENTERS]
    assert cells.loc[label, "Spots_Count"].tolist() == list(N_SPOTS.values())
    to_border = cells["Spots_Mean_PointPattern_absolute-distance-to-border"]
    assert to_border.between(5, 13).all()
    assert (
        found["Cytoplasm"].measurements.loc[label, "Intensity_mean_Marker"].is_monotonic_increasing
    )
    for objects in found.values():
        assert objects.measurements.columns.is_unique
        assert (objects.measurements.dtypes == np.float64).all()


def test_features_have_the_names_that_analyses_of_the_original_look_for(
    found: dict[str, SegmentedObjects],
) -> None:
    expected: dict[str, list[str]] = {
        "Nuclei": [
            "Morphology_Zernike-12-12",
            "Intensity_mean_Marker",
            "Texture_Gabor-frequency-5_DAPI",
            "Texture_TAS-center-0_DAPI",
            "Texture_Hu-6_DAPI",
            "Texture_LBP-radius-5-35_DAPI",
            "Texture_Haralick-sum-avg-2_DAPI",
        ],
        "Cells": [
            "Morphology_Circularity",
            "Spots_Mean_Intensity_max_RNA",
            "Spots_Std_PointPattern_relative-distance-to-nearest-neighbor",
            "Neighbours_Fraction_Touching",
            "Texture_Haralick-entropy-1_Protein",
        ],
        "Spots": ["PointPattern_mean-absolute-distance-to-neighbors"],
    }
    for name, columns in expected.items():
        assert set(columns) <= set(found[name].measurements.columns), name


def test_every_module_shows_what_it_did(
    project: Project, found: dict[str, SegmentedObjects], figures: dict[str, str]
) -> None:
    assert found
    silent = {"register_nuclei", "register_cells", "register_cytoplasm", "register_spots"}
    assert set(figures) == {step.name for step in project.pipeline.active_steps} - silent
    for text in figures.values():
        figure: dict[str, Any] = json.loads(text)
        assert figure["data"]
        assert figure["layout"]["title"]["text"]


def test_site_without_cells_has_the_same_features(
    project: Project, images: dict[str, Image], found: dict[str, SegmentedObjects]
) -> None:
    random = np.random.default_rng(0)
    empty = {name: random.poisson(100, i.shape).astype(np.uint16) for name, i in images.items()}
    for name, objects in run_pipeline(project, empty).items():
        assert objects.measurements.empty
        assert list(objects.measurements.columns) == list(found[name].measurements.columns)


@pytest.mark.parametrize("value", [0, 77, 255, 400, 65535])
def test_even_black_and_saturated_sites_have_the_same_features(
    project: Project, images: dict[str, Image], found: dict[str, SegmentedObjects], value: int
) -> None:
    dtype = np.uint8 if value < 256 else np.uint16
    even = {name: np.full((50, 60), value, dtype) for name in images}
    for name, objects in run_pipeline(project, even).items():
        assert list(objects.measurements.columns) == list(found[name].measurements.columns)


@pytest.mark.parametrize("cells", [np.s_[:90, :90], np.s_[:170, :90], np.s_[40:130, 40:130]])
def test_sites_with_one_cell_two_or_none_that_is_whole(
    project: Project, images: dict[str, Image], cells: tuple[slice, slice]
) -> None:
    """Also where a lone cell, or the part of one, lies on the border."""
    few = {name: image[cells].copy() for name, image in images.items()}
    found = run_pipeline(project, few)
    assert len(found["Nuclei"].measurements) == len(found["Cells"].measurements) > 0
