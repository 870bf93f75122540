"""The pipeline that finds nuclei and the cells around them, and measures both."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from tmlib.errors import BadInput
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project
from tmlib.jterator.segment.nuclei import MAX_DIAMETER, MIN_DIAMETER, NucleusScale

NUCLEUS_DIAMETER = 16.0
"""Typical diameter of a nucleus in pixels for which the pipeline is set by default.

It suits nuclei of 10 to 30 pixels: the diameter decides what is too small for a nucleus and how
far the local threshold looks, but not how clumps are cut.
"""


class _Step(NamedTuple):
    module: str
    settings: Mapping[str, Any]


def nuclei_and_cells(
    nuclei_channel: str,
    cells_channel: str | None = None,
    *,
    nucleus_diameter: float | None = None,
    correct: bool = True,
    quality: bool = True,
) -> Project:
    """Make the project that segments ``Nuclei`` and, around them, ``Cells``.

    Parameters
    ----------
    nuclei_channel
        Channel with a stain of the DNA.
    cells_channel
        Channel that shows the cell bodies; only nuclei are found if None.
    nucleus_diameter
        Typical diameter of a nucleus in pixels; see `NUCLEUS_DIAMETER` for the default.
    correct
        Whether the pipeline gets images that are corrected for illumination.
    quality
        Whether to measure focus, saturation and background of the images, as values of the
        ``Sites``.

    Raises
    ------
    BadInput
        If the diameter is below 4 pixels, or the channels are the same.
    """
    diameter = NUCLEUS_DIAMETER if nucleus_diameter is None else nucleus_diameter
    if not MIN_DIAMETER <= diameter <= MAX_DIAMETER:
        raise BadInput(
            f"Nuclei must have a diameter of {MIN_DIAMETER:g} to {MAX_DIAMETER:g} pixels, not "
            f"{diameter:g}."
        )
    if nuclei_channel == cells_channel:
        raise BadInput(
            f'Channel "{nuclei_channel}" cannot show both the nuclei and the cells; leave out the '
            "channel of the cells to find nuclei only."
        )
    channels = [nuclei_channel]
    objects = ["Nuclei"]
    steps = _nuclei(nuclei_channel, diameter)
    if cells_channel is not None:
        channels.append(cells_channel)
        objects.append("Cells")
        steps |= _cells(cells_channel, diameter)
    steps |= _measurements(objects, channels)
    if quality:
        objects.append("Sites")
        steps |= _quality(channels)
    pipeline = {
        "input": {"channels": [{"name": name, "correct": correct} for name in channels]},
        "pipeline": [
            {
                "source": f"{step.module}.py",
                "handles": f"handles/{name}.handles.yaml",
                "active": True,
            }
            for name, step in steps.items()
        ],
        "output": {"objects": [{"name": name, "as_polygons": True} for name in objects]},
    }
    handles = {name: _handles(name, step) for name, step in steps.items()}
    return Project.from_dict({"pipeline": pipeline, "handles": handles})


def _smooth(channel: str, scale: NucleusScale) -> _Step:
    settings = {"filter_name": "gaussian", "filter_size": scale.blur, "rounding": True}
    return _Step("smooth", {"image": channel, **settings})


def _nuclei(channel: str, diameter: float) -> dict[str, _Step]:
    scale = NucleusScale.of(diameter)
    clumps = scale.clumps
    smooth = _smooth(channel, scale)
    threshold = _Step(
        "threshold_adaptive",
        {
            "image": "smooth_nuclei.smoothed_image",
            "method": "isodata",
            "kernel_size": scale.window,
        },
    )
    fill = _Step(
        "fill",
        {"mask": "threshold_nuclei.mask", "max_area": scale.largest_hole, "connectivity": 4},
    )
    separate = _Step(
        "separate_clumps",
        {
            "mask": "fill_nuclei.filled_mask",
            "intensity_image": "smooth_nuclei.smoothed_image",
            "min_cut_area": clumps.min_cut_area,
            "max_convexity": clumps.max_convexity,
            "max_circularity": clumps.max_circularity,
            "min_area": clumps.min_area,
            "max_area": None,
            "method": "intensity",
            "touching": True,
        },
    )
    without_debris = _Step(
        "filter",
        {
            "mask": "separate_nuclei.separated_label_image",
            "feature": "area",
            "lower_threshold": scale.smallest,
        },
    )
    register = _Step(
        "register_objects", {"mask": "filter_nuclei.filtered_mask", "objects": "Nuclei"}
    )
    return {
        "smooth_nuclei": smooth,
        "threshold_nuclei": threshold,
        "fill_nuclei": fill,
        "separate_nuclei": separate,
        "filter_nuclei": without_debris,
        "register_nuclei": register,
    }


def _cells(channel: str, diameter: float) -> dict[str, _Step]:
    smooth = _smooth(channel, NucleusScale.of(diameter))
    segment = _Step(
        "segment_secondary",
        {
            "primary_label_image": "filter_nuclei.filtered_mask",
            "intensity_image": "smooth_cells.smoothed_image",
            "contrast_threshold": 0,
            "min_threshold": None,
            "max_threshold": None,
            "method": "gradient",
            "touching": True,
        },
    )
    register = _Step(
        "register_objects",
        {"mask": "segment_cells.secondary_label_image", "objects": "Cells"},
    )
    return {"smooth_cells": smooth, "segment_cells": segment, "register_cells": register}


def _measurements(objects: list[str], channels: list[str]) -> dict[str, _Step]:
    steps = {}
    for name in objects:
        assigned = {"extract_objects": name, "assign_objects": name}
        for n, channel in enumerate(channels, start=1):
            steps[f"measure_intensity_{name.lower()}_{n}"] = _Step(
                "measure_intensity", {**assigned, "intensity_image": channel}
            )
        steps[f"measure_morphology_{name.lower()}"] = _Step("measure_morphology", assigned)
    return steps


def _quality(channels: list[str]) -> dict[str, _Step]:
    steps = {"register_sites": _Step("register_site", {"image": channels[0], "objects": "Sites"})}
    site = {"extract_objects": "Sites", "assign_objects": "Sites"}
    for n, channel in enumerate(channels, start=1):
        steps[f"measure_quality_{n}"] = _Step(
            "measure_quality", {**site, "intensity_image": channel}
        )
    return steps


def _handles(name: str, step: _Step) -> dict[str, Any]:
    """The shipped handles of the module, with settings filled in and keys named by the step."""
    handles = copy.deepcopy(dict(registry.get(step.module).handles))
    for handle in [*handles["input"], *handles["output"]]:
        field = "key" if "key" in handle else "value"
        if handle["name"] in step.settings:
            handle[field] = step.settings[handle["name"]]
        elif field == "key" and handle["key"]:
            handle["key"] = f"{name}.{handle['name']}"
    return handles
