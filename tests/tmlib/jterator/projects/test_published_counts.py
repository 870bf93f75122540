"""Published pipelines find what they found with TissueMAPS 0.5.0.

The steps are those with which its authors published their benchmark (TmBenchmark): smooth,
threshold, fill, separate clumps, filter, label, and cells around the nuclei. Settings are for
smaller nuclei.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mahotas
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.tmlib.jterator.projects.test_nuclei_and_cells import (
    REAL_IMAGES,
    needs_real_images,
    read_gray,
)
from tests.tmlib.jterator.segment.test_cuts import plain_cut
from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.modules import fill, registry, smooth, threshold_adaptive
from tmlib.jterator.project import Project
from tmlib.jterator.runner import SegmentedObjects, run_pipeline
from tmlib.jterator.segment.clumps import ClumpCriteria
from tmlib.sample import simulate_plate

Labels = NDArray[np.int32]


class Field(NamedTuple):
    """Images of nuclei and cells, and what suits their size and brightness."""

    nuclei: IntensityImage
    cells: IntensityImage
    blur: float
    level: float
    cut_area: float
    debris: float
    cell_level: float


def project(field: Field) -> Project:
    """The published steps: versions, then inputs and outputs; what starts with "@" is a key."""
    steps: dict[str, dict[str, Any]] = {
        "smooth": {
            "version": "0.1.0",
            "image": "@nuclei",
            "filter_name": "gaussian",
            "filter_size": field.blur,
            "smoothed_image": "@smooth",
        },
        "threshold_adaptive": {
            "version": "0.2.0",
            "image": "@smooth",
            "method": "niblack",
            "kernel_size": 111,
            "constant": 0,
            "min_threshold": field.level,
            "max_threshold": None,
            "mask": "@threshold",
        },
        "fill": {"version": "0.0.1", "mask": "@threshold", "filled_mask": "@fill"},
        "separate_clumps": {
            "version": "0.2.0",
            "mask": "@fill",
            "intensity_image": "@smooth",
            "min_cut_area": field.cut_area,
            "max_convexity": 0.92,
            "max_circularity": 0.9,
            "min_area": 2 * field.cut_area,
            "max_area": 60 * field.cut_area,
            "separated_mask": "@separate_clumps",
        },
        "filter": {
            "version": "0.2.0",
            "mask": "@separate_clumps",
            "feature": "area",
            "lower_threshold": field.debris,
            "upper_threshold": None,
            "filtered_mask": "@filter",
        },
        "label": {
            "version": "0.1.0",
            "mask": "@filter",
            "connectivity": 4.0,
            "label_image": "@label",
        },
        "register_objects": {"version": "0.1.0", "mask": "@label", "objects": "@Nuclei"},
        "smooth_cells": {
            "version": "0.1.0",
            "image": "@cells",
            "filter_name": "gaussian",
            "filter_size": field.blur,
            "smoothed_image": "@smooth_cells",
        },
        "segment_secondary": {
            "version": "0.0.3",
            "primary_label_image": "@label",
            "intensity_image": "@smooth_cells",
            "contrast_threshold": 5,
            "min_threshold": field.cell_level,
            "max_threshold": field.cell_level,
            "secondary_label_image": "@segment_secondary",
        },
        "register_objects_cells": {
            "version": "0.1.0",
            "mask": "@segment_secondary",
            "objects": "@Cells",
        },
    }
    modules = {name: name.removesuffix("_cells") for name in steps}
    return Project.from_dict(
        {
            "pipeline": {
                "input": {"channels": [{"name": "nuclei"}, {"name": "cells"}]},
                "pipeline": [
                    {"source": f"{modules[name]}.py", "handles": f"{name}.handles.yaml"}
                    for name in steps
                ],
                "output": {"objects": [{"name": "Nuclei"}, {"name": "Cells"}]},
            },
            "handles": {name: handles(modules[name], given) for name, given in steps.items()},
        }
    )


def handles(name: str, given: dict[str, Any]) -> dict[str, Any]:
    module = registry.get(name)
    filled: dict[str, Any] = {"version": given["version"], "input": [], "output": []}
    for kind, known in (("input", module.inputs), ("output", module.outputs)):
        types = {handle["name"]: handle["type"] for handle in module.handles[kind]}
        for handle in given.keys() & known.keys():
            value = given[handle]
            is_key = isinstance(value, str) and value.startswith("@")
            setting = {"key": value[1:]} if is_key else {"value": value}
            filled[kind].append({"name": handle, "type": types[known[handle]], **setting})
    return filled


def human() -> Field:
    nuclei, cells = (
        read_gray(REAL_IMAGES / "human" / f"AS_09125_050116030001_D03f00{name}.tif")
        for name in ("d0", "d2")
    )
    return Field(nuclei, cells, 2, 40, 40, 10, 20)


def human_in_16_bit() -> Field:
    in_8_bit = human()
    random = np.random.default_rng(0)
    nuclei, cells = (
        random.normal(image * 40.0 + 100, 6).clip(0).astype(np.uint16)
        for image in (in_8_bit.nuclei, in_8_bit.cells)
    )
    return in_8_bit._replace(nuclei=nuclei, cells=cells, level=1700, cell_level=900)


def fly() -> Field:
    nuclei, cells = (read_gray(REAL_IMAGES / "fly" / f"01_POS002_{name}.TIF") for name in "DF")
    return Field(nuclei, cells, 1, 30, 150, 50, 20)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Field:
    plate = simulate_plate(tmp_path_factory.mktemp("plate"), wells=("B02",), seed=7)
    nuclei, cells = (tifffile.imread(path) for path in plate.image_files[:2])
    return Field(nuclei, cells, 1, 300, 50, 50, 400)


def found_by_the_original(field: Field) -> int:
    """Nuclei behind the steps of the original."""
    smoothed = smooth.main(field.nuclei, "gaussian", field.blur).smoothed_image
    mask = threshold_adaptive.main(smoothed, "niblack", 111, 0, field.level).mask
    criteria = ClumpCriteria(2 * field.cut_area, 60 * field.cut_area, 0.92, 0.9, field.cut_area)
    cut = plain_cut(fill.main(mask).filled_mask, criteria)
    components, _ = mahotas.label(cut > 0)
    large = mahotas.labeled.labeled_size(components) >= field.debris
    large[0] = False
    return int(mahotas.label(large[components])[1])


def grown_by_the_original(nuclei: Labels, image: IntensityImage, level: float) -> Labels:
    """Cells by watershed on the inverted gray values, without outermost pixels and holes."""
    outside = int(nuclei.max()) + 1
    seeds = np.where((image <= level) & (nuclei == 0), outside, nuclei)
    cells = mahotas.cwatershed(~image, seeds)
    cells[cells == outside] = 0
    cells[mahotas.labeled.borders(cells)] = 0
    holes, n_holes = mahotas.label(mahotas.dilate(mahotas.close_holes(cells > 0) & (cells == 0)))
    for hole in range(1, n_holes + 1):
        cells[holes == hole] = cells[holes == hole].max()
    return np.where(nuclei > 0, nuclei, cells).astype(np.int32)


def overlaps(found: Labels, expected: Labels) -> NDArray[np.float64]:
    """For each object that is expected the share of the union that the found one has with it."""
    values = [
        np.count_nonzero((found == n) & (expected == n))
        / np.count_nonzero((found == n) | (expected == n))
        for n in range(1, expected.max() + 1)
    ]
    return np.array(values)


def check(field: Field, n_nuclei: int) -> None:
    described = project(field)
    described.check(["nuclei", "cells"])
    found: dict[str, SegmentedObjects] = run_pipeline(
        described, {"nuclei": field.nuclei, "cells": field.cells}
    )
    nuclei, cells = found["Nuclei"].labels, found["Cells"].labels
    assert nuclei.max() == n_nuclei
    assert abs(nuclei.max() - found_by_the_original(field)) <= 0.01 * n_nuclei
    assert np.array_equal(np.unique(cells), np.unique(nuclei))
    assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
    image = smooth.main(field.cells, "gaussian", field.blur).smoothed_image
    shares = overlaps(cells, grown_by_the_original(nuclei, image, field.cell_level))
    assert np.median(shares) > 0.97
    assert np.mean(shares > 0.7) > 0.9


@needs_real_images
@pytest.mark.parametrize(("field", "n_nuclei"), [(human, 294), (human_in_16_bit, 294), (fly, 266)])
def test_real_images_have_as_many_nuclei_as_with_the_original(
    field: Callable[[], Field], n_nuclei: int
) -> None:
    check(field(), n_nuclei)


def test_simulated_images_have_as_many_nuclei_as_with_the_original(sample: Field) -> None:
    check(sample, 87)
