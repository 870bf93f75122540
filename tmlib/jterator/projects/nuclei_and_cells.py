"""The pipeline that finds nuclei, the cells around them and spots in these, and measures them."""

from tmlib.errors import BadInput
from tmlib.jterator.project import Project
from tmlib.jterator.projects.building import TemplateStep, build
from tmlib.jterator.segment.nuclei import MAX_DIAMETER, MIN_DIAMETER, NucleusScale

NUCLEUS_DIAMETER = 16.0
"""Typical diameter of a nucleus in pixels for which the pipeline is set by default.

It suits nuclei of 10 to 30 pixels: the diameter decides what is too small for a nucleus and how
far the local threshold looks, but not how clumps are cut.
"""

SPOT_LEVEL = 30
"""How far a spot stands out of its surroundings by default, in gray values per square pixel."""


def nuclei_and_cells(
    nuclei_channel: str,
    cells_channel: str | None = None,
    *,
    spots_channel: str | None = None,
    nucleus_diameter: float | None = None,
    correct: bool = True,
    quality: bool = True,
) -> Project:
    """Make the project that segments ``Nuclei``, around them ``Cells``, and in these ``Spots``.

    Parameters
    ----------
    nuclei_channel
        Channel with a stain of the DNA.
    cells_channel
        Channel that shows the cell bodies; only nuclei are found if None.
    spots_channel
        Channel with small bright spots, such as single molecules of RNA, which are looked for in
        the cells; none if None.
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
        If the diameter is below 4 pixels, nuclei and cells have the same channel, or spots are to
        be found without cells.
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
    if spots_channel is not None and cells_channel is None:
        raise BadInput("Spots are looked for in cells: name the channel of the cells, too.")
    channels = [nuclei_channel]
    objects = ["Nuclei"]
    steps = _nuclei(nuclei_channel, diameter)
    if cells_channel is not None:
        channels.append(cells_channel)
        objects.append("Cells")
        steps |= _cells(cells_channel, diameter)
    steps |= _measurements(objects, channels)
    kept = dict.fromkeys(objects, True)
    if spots_channel is not None:
        channels = list(dict.fromkeys([*channels, spots_channel]))
        kept["Spots"] = False
        steps |= _spots(spots_channel)
    if quality:
        kept["Sites"] = True
        steps |= _quality(channels)
    return build(steps, channels=channels, objects=kept, correct=correct)


def _smooth(channel: str, scale: NucleusScale) -> TemplateStep:
    settings = {"filter_name": "gaussian", "filter_size": scale.blur, "rounding": True}
    return TemplateStep("smooth", {"image": channel, **settings})


def _nuclei(channel: str, diameter: float) -> dict[str, TemplateStep]:
    scale = NucleusScale.of(diameter)
    clumps = scale.clumps
    smooth = _smooth(channel, scale)
    threshold = TemplateStep(
        "threshold_adaptive",
        {
            "image": "smooth_nuclei.smoothed_image",
            "method": "isodata",
            "kernel_size": scale.window,
        },
    )
    fill = TemplateStep(
        "fill",
        {"mask": "threshold_nuclei.mask", "max_area": scale.largest_hole, "connectivity": 4},
    )
    separate = TemplateStep(
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
    without_debris = TemplateStep(
        "filter",
        {
            "mask": "separate_nuclei.separated_label_image",
            "feature": "area",
            "lower_threshold": scale.smallest,
        },
    )
    register = TemplateStep(
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


def _cells(channel: str, diameter: float) -> dict[str, TemplateStep]:
    smooth = _smooth(channel, NucleusScale.of(diameter))
    segment = TemplateStep(
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
    register = TemplateStep(
        "register_objects",
        {"mask": "segment_cells.secondary_label_image", "objects": "Cells"},
    )
    return {"smooth_cells": smooth, "segment_cells": segment, "register_cells": register}


def _spots(channel: str) -> dict[str, TemplateStep]:
    spots = {"extract_objects": "Spots", "intensity_image": channel}
    return {
        "detect_spots": TemplateStep(
            "detect_blobs",
            {
                "image": channel,
                "mask": "segment_cells.secondary_label_image",
                "threshold": SPOT_LEVEL,
            },
        ),
        "register_spots": TemplateStep(
            "register_objects", {"mask": "detect_spots.blobs", "objects": "Spots"}
        ),
        "measure_intensity_spots": TemplateStep(
            "measure_intensity", {**spots, "assign_objects": "Spots"}
        ),
        "count_spots": TemplateStep(
            "measure_intensity", {**spots, "assign_objects": "Cells", "aggregate": True}
        ),
    }


def _measurements(objects: list[str], channels: list[str]) -> dict[str, TemplateStep]:
    steps = {}
    for name in objects:
        assigned = {"extract_objects": name, "assign_objects": name}
        for n, channel in enumerate(channels, start=1):
            steps[f"measure_intensity_{name.lower()}_{n}"] = TemplateStep(
                "measure_intensity", {**assigned, "intensity_image": channel}
            )
        steps[f"measure_morphology_{name.lower()}"] = TemplateStep("measure_morphology", assigned)
    return steps


def _quality(channels: list[str]) -> dict[str, TemplateStep]:
    steps = {
        "register_sites": TemplateStep("register_site", {"image": channels[0], "objects": "Sites"})
    }
    site = {"extract_objects": "Sites", "assign_objects": "Sites"}
    for n, channel in enumerate(channels, start=1):
        steps[f"measure_quality_{n}"] = TemplateStep(
            "measure_quality", {**site, "intensity_image": channel}
        )
    return steps
