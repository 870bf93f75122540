"""The default pipeline on simulated sites with known nuclei, and on real images."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tmlib.errors import BadInput
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import SegmentedObjects, run_pipeline
from tmlib.sample import SamplePlate, simulate_plate

REAL_IMAGES = Path(__file__).parents[5] / "shared" / "data"
needs_real_images = pytest.mark.skipif(
    not REAL_IMAGES.is_dir(), reason=f"the real images are not in {REAL_IMAGES}"
)

Labels = NDArray[np.int32]


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    return simulate_plate(tmp_path_factory.mktemp("plate"), wells=("B02", "G11"), seed=7)


def read_gray(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def f1_score(truth: Labels, found: Labels) -> float:
    """F1 of objects that overlap by more than half of their union."""
    n_found = int(found.max()) + 1
    pairs = np.bincount((truth.astype(np.int64) * n_found + found).ravel())
    pairs.resize((int(truth.max()) + 1, n_found))
    sizes, found_sizes = pairs.sum(axis=1)[1:, None], pairs.sum(axis=0)[None, 1:]
    overlap = pairs[1:, 1:] / (sizes + found_sizes - pairs[1:, 1:])
    return float(2 * np.count_nonzero(overlap > 0.5) / sum(overlap.shape))


def assert_one_nucleus_per_cell(found: dict[str, SegmentedObjects]) -> None:
    nuclei, cells = found["Nuclei"].labels, found["Cells"].labels
    assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
    assert np.array_equal(np.unique(nuclei), np.unique(cells))


def test_nuclei_of_every_simulated_site_are_found_without_correction(plate: SamplePlate) -> None:
    project = nuclei_and_cells("DNA", "Cells", correct=False)
    for site in plate.sites:
        dna, cells = (
            tifffile.imread(path)
            for path in plate.image_files
            if f"_{site.well}_T0001F{site.field:03d}L" in path.name
        )
        found = run_pipeline(project, {"DNA": dna, "Cells": cells})
        assert f1_score(site.nuclei(), found["Nuclei"].labels) >= 0.95, site
        assert_one_nucleus_per_cell(found)


def test_simulated_nuclei_are_found_in_8_bit_too(plate: SamplePlate) -> None:
    site = plate.sites[0]
    image = tifffile.imread(plate.image_files[0])
    dna = np.minimum(image // 16, 255).astype(np.uint8)
    found = run_pipeline(nuclei_and_cells("DNA"), {"DNA": dna})
    assert list(found) == ["Nuclei", "Sites"]
    assert f1_score(site.nuclei(), found["Nuclei"].labels) >= 0.95


@needs_real_images
def test_human_nuclei_and_cells_are_found() -> None:
    images = {
        name: read_gray(REAL_IMAGES / "human" / f"AS_09125_050116030001_D03f00{name}.tif")
        for name in ("d0", "d2")
    }
    found = run_pipeline(nuclei_and_cells("d0", "d2"), images)
    assert 260 <= len(found["Nuclei"].measurements) <= 310
    assert_one_nucleus_per_cell(found)
    areas = {
        name: found[name].measurements["Morphology_Area"].median() for name in ("Cells", "Nuclei")
    }
    assert areas["Cells"] > 2 * areas["Nuclei"]


@needs_real_images
@pytest.mark.parametrize(
    ("site", "least", "most"), [("002", 270, 330), ("076", 800, 1000), ("218", 650, 820)]
)
def test_crowded_fly_nuclei_and_cells_are_found(site: str, least: int, most: int) -> None:
    images = {name: read_gray(REAL_IMAGES / "fly" / f"01_POS{site}_{name}.TIF") for name in "DF"}
    found = run_pipeline(nuclei_and_cells("D", "F"), images)
    assert least <= len(found["Nuclei"].measurements) <= most
    assert_one_nucleus_per_cell(found)
    # Nuclei are round: clumps that stayed together are not.
    assert found["Nuclei"].measurements["Morphology_Convexity"].median() > 0.93


def test_diameter_decides_what_is_debris(plate: SamplePlate) -> None:
    dna = {"DNA": tifffile.imread(plate.image_files[0])}
    usual = run_pipeline(nuclei_and_cells("DNA"), dna)["Nuclei"]
    large = run_pipeline(nuclei_and_cells("DNA", nucleus_diameter=60), dna)["Nuclei"]
    assert len(usual.measurements) > 90
    assert (large.measurements["Morphology_Area"] > 900).all()


def test_quality_is_measured_for_each_site(plate: SamplePlate) -> None:
    dna, cells = (tifffile.imread(path) for path in plate.image_files[:2])
    blurred = ndimage.gaussian_filter(dna, 3)
    project = nuclei_and_cells("DNA", "Cells")
    sharp, dim = (run_pipeline(project, {"DNA": i, "Cells": cells}) for i in (dna, blurred))
    assert list(sharp) == ["Nuclei", "Cells", "Sites"]
    good, bad = (found["Sites"].measurements for found in (sharp, dim))
    assert list(good.index) == [1]
    assert good["Quality_focus_DNA"][1] > 2 * bad["Quality_focus_DNA"][1]
    assert good["Quality_focus_Cells"][1] == bad["Quality_focus_Cells"][1]
    assert good["Quality_saturation_DNA"][1] < 0.01


@pytest.mark.parametrize("value", [0, 77, 255, 65535])
def test_even_black_and_saturated_sites_have_no_nuclei(value: int) -> None:
    even = np.full((50, 60), value, np.uint8 if value < 256 else np.uint16)
    found = run_pipeline(nuclei_and_cells("DNA", "Cells"), {"DNA": even, "Cells": even})
    assert found["Nuclei"].measurements.empty
    assert found["Cells"].measurements.empty
    assert len(found["Sites"].measurements) == 1


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadInput, match="diameter"):
        nuclei_and_cells("DNA", nucleus_diameter=0)
    with pytest.raises(BadInput, match="DNA"):
        nuclei_and_cells("DNA", "DNA")
