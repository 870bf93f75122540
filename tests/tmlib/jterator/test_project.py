"""Projects: what goes in comes out, and what cannot run is refused with a clear sentence."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells

CHANNELS = ("DAPI", "Actin")

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def description() -> dict[str, Any]:
    return nuclei_and_cells(*CHANNELS).to_dict()


def handle(description: dict[str, Any], step: str, name: str) -> dict[str, Any]:
    handles = description["handles"][step]
    found: dict[str, Any]
    (found,) = (h for h in [*handles["input"], *handles["output"]] if h["name"] == name)
    return found


def test_description_comes_back_exactly(description: dict[str, Any]) -> None:
    description["note"] = "made by hand"
    description["pipeline"]["author"] = {"name": "me", "year": 2016}
    description["pipeline"]["pipeline"][0]["comment"] = None
    description["handles"]["fill_nuclei"]["input"][0]["mode"] = [1, 2.5]
    description["handles"]["not_in_the_pipeline"] = {"version": "0.0.1", "input": [], "output": []}
    before = copy.deepcopy(description)
    project = Project.from_dict(description)
    project.check(CHANNELS)
    assert project.to_dict() == before
    assert yaml.safe_dump(project.to_dict()) == yaml.safe_dump(before)


def test_project_is_not_changed_through_the_description_it_hands_out(
    description: dict[str, Any],
) -> None:
    project = Project.from_dict(description)
    project.to_dict()["pipeline"]["pipeline"].clear()
    description["handles"].clear()
    assert project == nuclei_and_cells(*CHANNELS)


def test_files_hold_the_same_as_the_description(
    description: dict[str, Any], tmp_path: Path
) -> None:
    Project.from_dict(description).to_directory(tmp_path)
    assert (tmp_path / "handles" / "smooth_nuclei.handles.yaml").exists()
    assert Project.from_directory(tmp_path).to_dict() == description


def test_minimal_description_as_the_documentation_shows_it_is_enough() -> None:
    project = Project.from_dict(
        {
            "pipeline": {
                "input": {"channels": [{"name": "wavelength-1"}]},
                "output": {},
                "pipeline": [{"handles": "../handles/fill.handles.yaml", "source": "fill.py"}],
            },
            "handles": {
                "fill": {
                    "version": "0.0.1",
                    "input": [{"name": "mask", "type": "MaskImage", "key": "wavelength-1"}],
                    "output": [{"name": "filled_mask", "type": "BinaryImage", "key": "filled"}],
                }
            },
        }
    )
    project.check(["wavelength-1", "wavelength-2"])


def test_inactive_modules_are_not_checked_and_make_nothing(description: dict[str, Any]) -> None:
    for step in description["pipeline"]["pipeline"]:
        if step["source"] == "measure_intensity.py":
            step |= {"active": False, "source": "no_such_module.py"}
    Project.from_dict(description).check(CHANNELS)
    description["pipeline"]["pipeline"][0]["active"] = False
    with pytest.raises(PipelineDescriptionError, match=r"smooth_nuclei\.smoothed_image"):
        Project.from_dict(description).check(CHANNELS)


def set_handle(step: str, name: str, /, **values: object) -> Change:
    return lambda d: handle(d, step, name).update(values)


def set_step(n: int, /, **values: object) -> Change:
    return lambda d: d["pipeline"]["pipeline"][n].update(values)


def drop_input(step: str, name: str) -> Change:
    def change(d: dict[str, Any]) -> None:
        inputs = d["handles"][step]["input"]
        inputs[:] = [h for h in inputs if h["name"] != name]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_step(1, handles="handles/smooth_nuclei.handles.yaml"), ["two modules", "smooth_nucl"]),
        (set_step(0, source="smoth.py"), ['"smoth"', 'did you mean "smooth"?']),
        (set_step(0, source="../../evil/smooth.py"), ["../../evil/smooth.py", "shipped module"]),
        (set_step(0, source="smooth.m"), ["smooth.m", "Python"]),
        (
            lambda d: handle(d, "register_nuclei", "objects").update(key="Wells"),
            ['"objects"', '"register_nuclei"', '"Wells"', "layout"],
        ),
        (
            lambda d: handle(d, "register_nuclei", "objects").update(key="Sites"),
            ['"register_nuclei"', '"Sites"', "register_site"],
        ),
        (
            lambda d: handle(d, "smooth_nuclei", "image").update(type="Scalar", value=1),
            ['"image"', '"smooth_nuclei"', "an array", "Scalar", "IntensityImage"],
        ),
        (
            lambda d: handle(d, "smooth_nuclei", "filter_size").update(type="Image", key="DAPI"),
            ['"filter_size"', '"smooth_nuclei"', "a value", "Image", "Numeric"],
        ),
        (
            lambda d: handle(d, "smooth_nuclei", "figure").update(type="LabelImage", key="new"),
            ['"figure"', '"smooth_nuclei"', "LabelImage", "only Figure"],
        ),
        (set_step(0, handles="handles/smooth_nucleus.handles.yaml"), ["missing", "smooth_nuclei"]),
        (
            lambda d: d["pipeline"]["input"]["channels"].append({"name": "DAPPI"}),
            ['"DAPPI"', 'did you mean "DAPI"?', "Actin"],
        ),
        (
            lambda d: d["pipeline"]["input"]["channels"].append({"name": "DAPI"}),
            ["DAPI", "twice"],
        ),
        (
            lambda d: d["pipeline"]["input"].update(objects=[{"name": "Nuclei"}]),
            ["stored objects", "Nuclei", "does not have"],
        ),
        (
            lambda d: d["pipeline"]["output"]["objects"].append({"name": "Nucleus"}),
            ['"Nucleus"', 'did you mean "Nuclei"?'],
        ),
        (
            lambda d: d["pipeline"]["output"]["objects"].append({"name": "Nuclei"}),
            ["Nuclei", "twice"],
        ),
        (
            lambda d: d["handles"]["smooth_nuclei"].update(version="9.0.0"),
            ["smooth_nuclei", "9.0.0", "0.1.0"],
        ),
        (
            set_handle("fill_nuclei", "mask", key="treshold_nuclei.mask"),
            ["fill_nuclei", "treshold_nuclei.mask", "threshold_nuclei.mask"],
        ),
        (set_handle("fill_nuclei", "mask", key=None), ["mask", "fill_nuclei", "no key"]),
        (
            set_handle("segment_cells", "primary_label_image", key="Cells"),
            ["segment_cells", "Cells", "before it"],
        ),
        (
            set_handle("measure_morphology_cells", "extract_objects", key="Cell"),
            ["measure_morphology_cells", '"Cell"', 'did you mean "Cells"?'],
        ),
        (
            set_handle("smooth_nuclei", "filter_name", value="gauss"),
            ["filter_name", "smooth_nuclei", "gauss", "gaussian"],
        ),
        (set_handle("smooth_nuclei", "filter_size", value=-1), ["filter_size", "greater than 0"]),
        (set_handle("smooth_nuclei", "filter_size", value="1"), ["filter_size", "'1'"]),
        (set_handle("smooth_nuclei", "filter_size", value=None), ["filter_size", "None"]),
        (
            set_handle("threshold_nuclei", "mask", key="smooth_nuclei.smoothed_image"),
            ["threshold_nuclei", '"smooth_nuclei.smoothed_image"', "unique"],
        ),
        (set_handle("smooth_nuclei", "smoothed_image", key="DAPI"), ["DAPI", "is a channel"]),
        (set_handle("smooth_nuclei", "smoothed_image", key=""), ["smoothed_image", "no key"]),
        (
            set_handle("smooth_nuclei", "filter_size", name="filter_width"),
            ["filter_width", 'did you mean "filter_size"?'],
        ),
        (
            set_handle("smooth_nuclei", "figure", name="figures"),
            ["output", "figures", 'did you mean "figure"?'],
        ),
        (
            set_handle("smooth_nuclei", "filter_size", name="filter_name", value="median"),
            ["two input handles", "filter_name"],
        ),
        (drop_input("smooth_nuclei", "filter_name"), ["filter_name", "smooth_nuclei", "missing"]),
        (
            set_handle("measure_morphology_cells", "measurements", objects="Cells"),
            ["measurements", "objects", "Cells", "assign_objects"],
        ),
        (
            set_handle("measure_intensity_cells_2", "intensity_image", key="DAPI"),
            ["measure_intensity_cells_1", "measure_intensity_cells_2", "same features"],
        ),
    ],
)
def test_what_cannot_run_is_named_with_the_way_out(
    description: dict[str, Any], change: Change, words: list[str]
) -> None:
    change(description)
    project = Project.from_dict(description)
    with pytest.raises(PipelineDescriptionError) as caught:
        project.check(CHANNELS)
    for word in words:
        assert word in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("pipeline"), ["lacks the pipeline"]),
        (lambda d: d["pipeline"]["pipeline"][2].pop("source"), ["entry 3", "source"]),
        (lambda d: d["pipeline"]["pipeline"][2].update(active="yes"), ["entry 3", "active"]),
        (lambda d: d.update(handles=[1]), ["handles", "map"]),
        (lambda d: d["handles"]["fill_nuclei"].pop("version"), ["fill_nuclei", "version"]),
        (set_handle("fill_nuclei", "mask", type="Mask"), ["fill_nuclei", '"mask"', '"Mask"']),
        (set_handle("fill_nuclei", "figure", type="Plot"), ["fill_nuclei", '"figure"', "Plot"]),
        (lambda d: d["handles"].update(fill_nuclei="nothing"), ["fill_nuclei"]),
    ],
)
def test_what_is_no_description_is_refused_when_it_is_read(
    description: dict[str, Any], change: Change, words: list[str]
) -> None:
    change(description)
    with pytest.raises(PipelineDescriptionError) as caught:
        Project.from_dict(description)
    for word in words:
        assert word in caught.value.message


def test_files_that_are_missing_or_no_yaml_are_named(
    description: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(PipelineDescriptionError, match=r"pipeline\.yaml"):
        Project.from_directory(tmp_path)
    Project.from_dict(description).to_directory(tmp_path)
    broken = tmp_path / "handles" / "fill_nuclei.handles.yaml"
    broken.write_text("input: [")
    with pytest.raises(PipelineDescriptionError, match=r"fill_nuclei\.handles\.yaml"):
        Project.from_directory(tmp_path)
    broken.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(PipelineDescriptionError, match=r"fill_nuclei\.handles\.yaml"):
        Project.from_directory(tmp_path)


def test_older_versions_of_handles_and_of_their_outputs_still_run(
    description: dict[str, Any],
) -> None:
    separate = description["handles"]["separate_nuclei"]
    separate["version"] = "0.2.0"
    output = handle(description, "separate_nuclei", "separated_label_image")
    output |= {"name": "separated_mask", "type": "MaskImage"}
    drop_input("separate_nuclei", "trimming")(description)
    Project.from_dict(description).check(CHANNELS)


def test_older_names_of_modules_inputs_and_outputs_are_understood(
    description: dict[str, Any],
) -> None:
    description["pipeline"]["pipeline"] += [
        {"source": "expand.py", "handles": "handles/expand.handles.yaml"},
        {"source": "rescale.py", "handles": "handles/rescale.handles.yaml"},
    ]
    description["handles"]["expand"] = {
        "version": "0.0.1",
        "input": [
            {"name": "image", "type": "LabelImage", "key": "filter_nuclei.filtered_mask"},
            {"name": "n", "type": "Numeric", "value": 3},
        ],
        "output": [{"name": "expanded_image", "type": "LabelImage", "key": "expanded"}],
    }
    description["handles"]["rescale"] = {
        "version": "0.1.0",
        "input": [{"name": "image", "type": "IntensityImage", "key": "DAPI"}],
        "output": [{"name": "rescaled_image", "type": "IntensityImage", "key": "rescaled"}],
    }
    Project.from_dict(description).check(CHANNELS)
    description["handles"]["rescale"]["input"].append(
        {"name": "intensity_image", "type": "IntensityImage", "key": "DAPI"}
    )
    with pytest.raises(PipelineDescriptionError, match="two input handles"):
        Project.from_dict(description).check(CHANNELS)


def test_stored_objects_can_be_measured(description: dict[str, Any]) -> None:
    description["pipeline"]["input"]["objects"] = [{"name": "Vesicles"}]
    handle(description, "measure_morphology_cells", "extract_objects")["key"] = "Vesicles"
    handle(description, "measure_morphology_cells", "assign_objects")["key"] = "Vesicles"
    description["pipeline"]["output"]["objects"].append({"name": "Vesicles"})
    project = Project.from_dict(description)
    project.check(CHANNELS, ["Vesicles", "Nuclei"])
    project.check(CHANNELS, None)
    with pytest.raises(PipelineDescriptionError, match='did you mean "Vesicle"'):
        project.check(CHANNELS, ["Vesicle"])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Nuclei"], ["register_nuclei", '"Nuclei"', "takes as input"]),
        (["Vesicles", "Vesicles"], ["Vesicles", "twice"]),
    ],
)
def test_stored_objects_have_names_of_their_own(
    description: dict[str, Any], names: list[str], words: list[str]
) -> None:
    description["pipeline"]["input"]["objects"] = [{"name": name} for name in names]
    with pytest.raises(PipelineDescriptionError) as caught:
        Project.from_dict(description).check(CHANNELS, None)
    for word in words:
        assert word in caught.value.message
