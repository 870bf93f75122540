"""Every shipped module and its handles belong together."""

from typing import Any

import pytest

from tmlib.jterator.checks import check_argument
from tmlib.jterator.descriptions import HandlesDescription
from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry

MEASURED: dict[str, Any] = {"extract_objects": None, "assign_objects": None}
BOUNDS: dict[str, Any] = {"min_threshold": None, "max_threshold": None}

ORIGINAL: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "apply_mask": (
        "0.2.0",
        {"image": None, "mask": None, "plot_type": "objects"},
        ["masked_image"],
    ),
    "clip": ("0.1.0", {"image": None, "clipping_mask": None}, ["clipped_image"]),
    "combine_channels": (
        "0.0.2",
        {"image_1": None, "image_2": None, "weight_1": 1, "weight_2": 1},
        ["combined_image"],
    ),
    "combine_masks": (
        "0.0.2",
        {"mask_1": None, "mask_2": None, "logical_operation": "AND"},
        ["combined_mask"],
    ),
    "detect_blobs": (
        "0.6.0",
        {
            "image": None,
            "mask": None,
            "threshold": 1,
            "min_area": 5,
            "mean_area": 5,
            "max_area": 100,
        },
        ["centroids", "blobs"],
    ),
    "expand_or_shrink": ("0.1.1", {"image": None, "n": 1}, ["expanded_image"]),
    "fill": ("0.0.1", {"mask": None, "max_area": None, "connectivity": 8}, ["filled_mask"]),
    "filter": (
        "0.2.0",
        {"mask": None, "feature": "area", "lower_threshold": None, "upper_threshold": None},
        ["filtered_mask"],
    ),
    "generate_volume_image": (
        "0.1.0",
        {
            "image": None,
            "mask": None,
            "threshold": 150,
            "bead_size": 2,
            "superpixel_size": 4,
            "close_surface": False,
            "close_disc_size": 8,
        },
        ["volume_image"],
    ),
    "invert": ("0.0.1", {"image": None}, ["inverted_image"]),
    "label": ("0.1.0", {"mask": None, "connectivity": 8}, ["label_image"]),
    "measure_intensity": (
        "0.1.1",
        MEASURED | {"intensity_image": None, "aggregate": False},
        ["measurements"],
    ),
    "measure_morphology": (
        "0.2.0",
        MEASURED | {"aggregate": False, "measure_zernike": False},
        ["measurements"],
    ),
    "measure_neighbours": (
        "0.0.1",
        MEASURED | {"neighbour_distance": 3, "touching_distance": 3},
        ["measurements"],
    ),
    "measure_point_pattern": (
        "0.1.1",
        MEASURED | {"ref_objects": None, "aggregate": False},
        ["measurements"],
    ),
    "measure_texture": (
        "0.3.1",
        MEASURED
        | {
            "intensity_image": None,
            "aggregate": False,
            "frequencies": [1, 5, 10],
            "measure_TAS": False,
            "measure_LBP": False,
            "radii": [1, 5, 10],
            "measure_haralick": False,
            "scales": [1, 2],
        },
        ["measurements"],
    ),
    "measure_volume_image": (
        "0.0.4",
        MEASURED | {"intensity_image": None, "pixel_size": 0.1625, "z_step": 0.25},
        ["measurements"],
    ),
    "project": ("0.1.0", {"image": None, "method": "max"}, ["projected_image"]),
    "register_objects": ("0.1.0", {"mask": None}, ["objects"]),
    "register_objects_channel": ("0.1.0", {"mask": None}, ["objects"]),
    "relabel": ("0.0.1", {"label_image": None}, ["relabeled_image"]),
    "rescale": (
        "0.1.0",
        {"intensity_image": None, "min_value": None, "max_value": None},
        ["rescaled_image"],
    ),
    "segment_secondary": (
        "0.0.3",
        {
            "primary_label_image": None,
            "intensity_image": None,
            "contrast_threshold": 5,
            "min_threshold": 125,
            "max_threshold": 140,
            "method": "intensity",
            "touching": False,
        },
        ["secondary_label_image"],
    ),
    "separate_clumps": (
        "0.3.0",
        {
            "mask": None,
            "intensity_image": None,
            "min_cut_area": 2000,
            "max_convexity": 0.92,
            "max_circularity": 0.7,
            "min_area": 5000,
            "max_area": 50000,
            "selection_test_mode": False,
            "selection_test_show_remaining": False,
            "trimming": True,
            "method": "shape",
            "touching": False,
        },
        ["separated_label_image"],
    ),
    "smooth": (
        "0.1.0",
        {"image": None, "filter_name": "gaussian", "filter_size": 1, "rounding": False},
        ["smoothed_image"],
    ),
    "threshold_adaptive": (
        "0.2.0",
        {"image": None, "method": "niblack", "kernel_size": 111, "constant": 0} | BOUNDS,
        ["mask"],
    ),
    "threshold_manual": ("0.0.1", {"image": None, "threshold": 100}, ["mask"]),
    "threshold_otsu": ("0.0.2", {"image": None, "correction_factor": 1} | BOUNDS, ["mask"]),
    "use_label_image": ("0.1.0", {"input_image": None}, ["label_image"]),
}


@pytest.mark.parametrize("name", ORIGINAL)
def test_modules_of_the_original_keep_their_interface(name: str) -> None:
    version, inputs, outputs = ORIGINAL[name]
    module = registry.get(name)
    assert version in module.compatible_versions
    assert module.version == version
    given = {handle["name"]: handle.get("value") for handle in module.handles["input"]}
    given.pop("plot", None)
    assert given == inputs
    results = [handle["name"] for handle in module.handles["output"]]
    assert [result for result in results if result != "figure"] == outputs


def test_modules_beyond_the_original_are_known() -> None:
    assert set(registry.names()) - set(ORIGINAL) == {
        "measure_quality",
        "register_site",
        "segment_cellpose",
        "segment_instanseg",
        "segment_nuclei",
        "track_objects",
    }


@pytest.mark.parametrize("name", registry.names())
def test_handles_name_explain_and_type_all_arguments_and_results(name: str) -> None:
    module = registry.get(name)
    handles = HandlesDescription.model_validate(dict(module.handles))
    assert handles.version == module.version
    assert {handle.name for handle in handles.input} == module.arguments
    results = module.annotations["return"]._fields
    assert tuple(handle.name for handle in handles.output) == results
    for handle in handles.input:
        if not handle.is_pipe:
            check_argument(handle.name, handle.value, module.annotations[handle.name])
        if handle.options:
            assert handle.value in handle.options
            for option in handle.options:
                check_argument(handle.name, option, module.annotations[handle.name])
    for description in [*module.handles["input"], *module.handles["output"]]:
        assert description["help"].strip()
    assert module.main.__doc__


def test_unknown_module_is_refused_with_the_closest_name() -> None:
    with pytest.raises(PipelineDescriptionError, match='did you mean "threshold_otsu"'):
        registry.get("threshold_otsus")
    with pytest.raises(PipelineDescriptionError, match="registry"):
        registry.get("registry")


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("expand_or_shrink", "n"),
        ("threshold_adaptive", "kernel_size"),
        ("measure_neighbours", "neighbour_distance"),
        ("generate_volume_image", "superpixel_size"),
        ("combine_channels", "weight_1"),
        ("label", "connectivity"),
    ],
)
def test_whole_numbers_may_be_written_with_a_point(name: str, argument: str) -> None:
    annotation = registry.get(name).annotations[argument]
    value = check_argument(argument, 4.0, annotation)
    assert value == 4
    assert isinstance(value, int)
    with pytest.raises(PipelineDescriptionError, match=argument):
        check_argument(argument, 4.5, annotation)
    with pytest.raises(PipelineDescriptionError, match=argument):
        check_argument(argument, "4", annotation)


def test_whole_numbers_in_lists_may_be_written_with_a_point() -> None:
    annotation = registry.get("measure_texture").annotations["frequencies"]
    assert check_argument("frequencies", [1.0, 5], annotation) == [1, 5]
    with pytest.raises(PipelineDescriptionError, match="frequencies"):
        check_argument("frequencies", [1.5], annotation)
