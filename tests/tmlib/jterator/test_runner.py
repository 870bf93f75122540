"""Running pipelines on images."""

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tmlib.jterator.errors import ModuleError, PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline

Image = NDArray[np.uint16]


@pytest.fixture
def images() -> dict[str, Image]:
    """Five round nuclei, one of them on the border, in larger cells."""
    y, x = np.mgrid[:160, :200]
    random = np.random.default_rng(5)
    dna, body = (random.poisson(100, y.shape).astype(float) for _ in range(2))
    for cy, cx in ((40, 40), (40, 100), (110, 60), (120, 140), (70, 198)):
        distance = np.hypot(y - cy, x - cx)
        dna[distance < 9] += 900
        body[distance < 17] += 500
    return {"DAPI": dna.astype(np.uint16), "Actin": body.astype(np.uint16)}


def edited(**changes: dict[str, object]) -> Project:
    """The default project with some handles changed, by step and handle."""
    description = nuclei_and_cells("DAPI", "Actin", quality=False).to_dict()
    for step, values in changes.items():
        handles = description["handles"][step]
        for handle in [*handles["input"], *handles["output"]]:
            if handle["name"] in values:
                handle["key" if "key" in handle else "value"] = values[handle["name"]]
    return Project.from_dict(description)


def with_step(project: Project, source: str, name: str, handles: dict[str, Any]) -> Project:
    description = project.to_dict()
    path = f"handles/{name}.handles.yaml"
    description["pipeline"]["pipeline"].append({"source": source, "handles": path})
    description["handles"][name] = handles
    return Project.from_dict(description)


def test_objects_come_with_labels_features_and_how_to_keep_them(images: dict[str, Image]) -> None:
    found = run_pipeline(nuclei_and_cells("DAPI", "Actin", quality=False), images)
    assert list(found) == ["Nuclei", "Cells"]
    for name, objects in found.items():
        assert objects.name == name
        assert objects.as_polygons
        assert objects.labels.dtype == np.int32
        assert objects.labels.shape == images["DAPI"].shape
        assert list(objects.measurements.index) == [1, 2, 3, 4, 5]
        assert {
            "Intensity_mean_DAPI",
            "Intensity_std_Actin",
            "Morphology_Area",
            "Morphology_Local_Centroid_x",
        } <= set(objects.measurements.columns)
        assert (objects.measurements.dtypes == np.float64).all()
        areas = np.bincount(objects.labels.ravel())[1:]
        assert list(objects.measurements["Morphology_Area"]) == list(areas)
    nuclei, cells = found["Nuclei"].labels, found["Cells"].labels
    assert np.array_equal(nuclei[nuclei > 0], cells[nuclei > 0])
    assert nuclei[70, 199] > 0


def test_runs_are_equal_and_leave_the_images_alone(images: dict[str, Image]) -> None:
    before = {name: image.copy() for name, image in images.items()}
    project = nuclei_and_cells("DAPI", "Actin")
    first, second = run_pipeline(project, images), run_pipeline(project, images)
    for name in first:
        assert np.array_equal(first[name].labels, second[name].labels)
        pd.testing.assert_frame_equal(first[name].measurements, second[name].measurements)
    for name, image in images.items():
        assert np.array_equal(image, before[name])


@pytest.mark.parametrize("level", [0, 100, 65535])
def test_site_without_objects_has_the_same_features(images: dict[str, Image], level: int) -> None:
    project = nuclei_and_cells("DAPI", "Actin", quality=False)
    some = run_pipeline(project, images)
    blank = {name: np.full_like(image, level) for name, image in images.items()}
    none = run_pipeline(project, blank)
    for name, objects in none.items():
        assert objects.measurements.empty
        assert not objects.labels.any()
        assert list(objects.measurements.columns) == list(some[name].measurements.columns)
        assert list(objects.measurements.dtypes) == list(some[name].measurements.dtypes)
        assert objects.measurements.index.dtype == some[name].measurements.index.dtype


def test_features_of_other_objects_carry_their_name(images: dict[str, Image]) -> None:
    project = edited(measure_morphology_cells={"extract_objects": "Nuclei"})
    columns = run_pipeline(project, images)["Cells"].measurements.columns
    assert "Nuclei_Morphology_Area" in columns
    assert "Morphology_Area" not in columns
    summarised = edited(measure_intensity_cells_1={"extract_objects": "Nuclei", "aggregate": True})
    columns = run_pipeline(summarised, images)["Cells"].measurements.columns
    assert "Nuclei_Mean_Intensity_max_DAPI" in columns
    assert "Nuclei_Count_DAPI" in columns


def test_inactive_modules_are_skipped(images: dict[str, Image]) -> None:
    description = nuclei_and_cells("DAPI", "Actin").to_dict()
    for step in description["pipeline"]["pipeline"]:
        step["active"] = not step["source"].startswith("measure")
    found = run_pipeline(Project.from_dict(description), images)
    assert found["Cells"].measurements.shape == (5, 0)


def test_figures_are_made_only_where_they_are_wanted(images: dict[str, Image]) -> None:
    wanted = ("smooth_nuclei", "separate_nuclei", "segment_cells", "measure_morphology_cells")
    changes: dict[str, Any] = {name: {"plot": True} for name in wanted}
    project = edited(**changes)
    figures: dict[str, str] = {}
    run_pipeline(project, images)
    run_pipeline(project, images, save_figure=figures.__setitem__)
    assert set(figures) == set(wanted)
    for text in figures.values():
        assert {"data", "layout"} == set(json.loads(text))


def test_module_that_fails_is_named_with_the_reason(images: dict[str, Image]) -> None:
    project = edited(threshold_nuclei={"kernel_size": 110})
    with pytest.raises(ModuleError, match=r'"threshold_nuclei" failed: kernel_size.*odd.*110'):
        run_pipeline(project, images)


def test_array_of_the_wrong_type_is_refused_with_the_name_of_the_input(
    images: dict[str, Image],
) -> None:
    project = edited(segment_cells={"intensity_image": "fill_nuclei.filled_mask"})
    with pytest.raises(ModuleError, match=r'"segment_cells": input "intensity_image" is bool'):
        run_pipeline(project, images)


def test_images_that_do_not_fit_are_refused(images: dict[str, Image]) -> None:
    project = nuclei_and_cells("DAPI", "Actin")
    with pytest.raises(PipelineDescriptionError, match='"Actin"'):
        run_pipeline(project, {"DAPI": images["DAPI"]})
    with pytest.raises(ModuleError, match="shape"):
        run_pipeline(project, images | {"Actin": images["Actin"][1:]})
    with pytest.raises(ModuleError, match="float64"):
        run_pipeline(project, images | {"Actin": images["Actin"].astype(np.float64)})


def test_pipeline_that_cannot_run_is_refused_before_it_starts(images: dict[str, Image]) -> None:
    project = with_step(
        nuclei_and_cells("DAPI"), "nonsense.py", "nonsense", {"version": "1", "input": []}
    )
    with pytest.raises(PipelineDescriptionError, match="nonsense"):
        run_pipeline(project, images)


def one_step(module: str, **settings: object) -> Project:
    """A pipeline of one module whose objects are measured and put out."""
    shipped = registry.get(module).handles
    handles = copy.deepcopy(dict(shipped))
    for handle in [*handles["input"], *handles["output"]]:
        if handle["name"] in settings:
            handle["key" if "key" in handle else "value"] = settings[handle["name"]]
    return Project.from_dict(
        {
            "pipeline": {
                "input": {"channels": [{"name": "DAPI"}], "objects": [{"name": "Cells"}]},
                "pipeline": [{"source": f"{module}.py", "handles": f"{module}.handles.yaml"}],
                "output": {"objects": [{"name": "Cells"}]},
            },
            "handles": {module: handles},
        }
    )


def test_stored_objects_get_new_measurements(images: dict[str, Image]) -> None:
    labels = np.zeros(images["DAPI"].shape, np.int32)
    labels[10:20, 30:50], labels[100:120, 60:70] = 4, 9
    project = one_step(
        "measure_intensity",
        extract_objects="Cells",
        assign_objects="Cells",
        intensity_image="DAPI",
    )
    found = run_pipeline(project, images, objects={"Cells": labels})["Cells"]
    assert found.is_stored
    assert np.array_equal(found.labels, labels)
    assert list(found.measurements.index) == [4, 9]
    mean = images["DAPI"][labels == 9].mean()
    assert found.measurements.loc[9, "Intensity_mean_DAPI"] == pytest.approx(mean)
    with pytest.raises(PipelineDescriptionError, match="Cells"):
        run_pipeline(project, images)
    with pytest.raises(ModuleError, match="differ in shape"):
        run_pipeline(project, images, objects={"Cells": labels[1:]})
    with pytest.raises(ModuleError, match="int64"):
        run_pipeline(project, images, objects={"Cells": labels.astype(np.int64)})


def test_stacks_reach_the_modules_that_take_them(images: dict[str, Image]) -> None:
    planes = [images["DAPI"] // 2, images["DAPI"], images["DAPI"] // 4]
    stack = {"DAPI": np.stack(planes, axis=2), "Actin": images["Actin"]}
    flat = nuclei_and_cells("DAPI", "Actin")
    with pytest.raises(ModuleError, match=r'"smooth_nuclei": input "image" has 3 focal planes'):
        run_pipeline(flat, stack)
    description = edited(smooth_nuclei={"image": "projected"}).to_dict()
    for step in description["pipeline"]["pipeline"]:
        step["active"] = not step["source"].startswith("measure")
    description["pipeline"]["pipeline"].insert(
        0, {"source": "project.py", "handles": "project.handles.yaml"}
    )
    description["handles"]["project"] = {
        "version": "0.1.0",
        "input": [{"name": "image", "type": "IntensityImage", "key": "DAPI"}],
        "output": [{"name": "projected_image", "type": "IntensityImage", "key": "projected"}],
    }
    found = run_pipeline(Project.from_dict(description), stack)
    assert np.array_equal(found["Cells"].labels, run_pipeline(flat, images)["Cells"].labels)


def test_every_summary_counts_objects_once(images: dict[str, Image]) -> None:
    project = edited(
        measure_intensity_cells_1={"extract_objects": "Nuclei", "aggregate": True},
        measure_morphology_cells={"extract_objects": "Nuclei", "aggregate": True},
    )
    pattern = {
        "version": "0.1.1",
        "input": [
            {"name": "extract_objects", "type": "SegmentedObjects", "key": "Nuclei"},
            {"name": "ref_objects", "type": "SegmentedObjects", "key": "Cells"},
            {"name": "assign_objects", "type": "SegmentedObjects", "key": "Cells"},
            {"name": "aggregate", "type": "Boolean", "value": True},
        ],
        "output": [
            {
                "name": "measurements",
                "type": "Measurement",
                "objects": "assign_objects",
                "objects_ref": "extract_objects",
            }
        ],
    }
    project = with_step(project, "measure_point_pattern.py", "pattern", pattern)
    columns = run_pipeline(project, images)["Cells"].measurements.columns
    assert columns.is_unique
    assert "Nuclei_Count" in columns


def tracking() -> Project:
    """The default project, with nuclei and cells that keep their numbers through time."""
    description = edited(
        register_nuclei={"mask": "track_nuclei.tracked_image"},
        segment_cells={"primary_label_image": "track_nuclei.tracked_image"},
    ).to_dict()
    step = {"source": "track_objects.py", "handles": "handles/track_nuclei.handles.yaml"}
    description["pipeline"]["pipeline"].insert(5, step)
    description["handles"]["track_nuclei"] = {
        "version": "0.1.0",
        "input": [
            {"name": "label_image", "type": "LabelImage", "key": "filter_nuclei.filtered_mask"},
            {"name": "previous_objects", "type": "SegmentedObjects", "key": "Nuclei"},
        ],
        "output": [
            {"name": "tracked_image", "type": "LabelImage", "key": "track_nuclei.tracked_image"}
        ],
    }
    return Project.from_dict(description)


def test_objects_keep_their_numbers_through_time(images: dict[str, Image]) -> None:
    project = tracking()
    first = run_pipeline(project, images, previous={})
    moved = {name: np.roll(image, (3, 4), (0, 1)) for name, image in images.items()}
    moved["DAPI"][100:, :100] = 100
    second = run_pipeline(project, moved, previous=first)
    third = run_pipeline(project, images, previous=second)
    numbers = {
        center: [int(found["Nuclei"].labels[center]) for found in (first, second, third)]
        for center in ((41, 42), (41, 101), (110, 60), (121, 141))
    }
    assert list(first["Nuclei"].measurements.index) == [1, 2, 3, 4, 5]
    lost = numbers.pop((110, 60))
    assert lost[1] == 0
    assert lost[2] > 5
    for one, two, three in numbers.values():
        assert one == two == three > 0
    for found in (second, third):
        nuclei, cells = found["Nuclei"].labels, found["Cells"].labels
        assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])


def test_objects_are_not_tracked_without_the_previous_time_point(
    images: dict[str, Image],
) -> None:
    with pytest.raises(ModuleError, match=r'"track_nuclei".*previous time point'):
        run_pipeline(tracking(), images)


def test_tracked_objects_must_be_put_out() -> None:
    description = tracking().to_dict()
    description["handles"]["track_nuclei"]["input"][1]["key"] = "Nucleus"
    with pytest.raises(
        PipelineDescriptionError, match=r'previous time point.*did you mean "Nuclei"'
    ):
        Project.from_dict(description).check()
