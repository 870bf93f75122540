"""What a demo does with its images: the workflow's arguments and the pipeline."""

import math
from pathlib import Path
from typing import Any

from tmlib.errors import BadInput
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmserver.demo.plate import Plate

_JOBS_PER_STEP = 16
_MAX_BATCH = 100


def choose_project(
    plate: Plate, nuclei_channel: str | None, cells_channel: str | None, directory: Path | None
) -> Project:
    """The user's pipeline, or the shipped one for nuclei and the cells around them.

    Raises
    ------
    BadInput
        If a channel does not exist or the pipeline cannot work.
    """
    if directory is not None:
        project = Project.from_directory(directory)
    else:
        for option, channel in (("nuclei", nuclei_channel), ("cells", cells_channel)):
            if channel is not None and channel not in plate.channels:
                raise BadInput(
                    f'There is no channel "{channel}" for --{option}-channel: '
                    f"the images have {', '.join(plate.channels)}."
                )
        nuclei = nuclei_channel or plate.channels[0]
        others = [channel for channel in plate.channels if channel != nuclei]
        project = nuclei_and_cells(nuclei, cells_channel or next(iter(others), None))
    project.check(plate.channels)
    return project


def describe_workflow(plate: Plate) -> dict[str, Any]:
    """The canonical workflow with the arguments that the plate needs."""
    grid = plate.grid
    return {
        "type": "canonical",
        "stages": [
            _stage(
                "image_conversion",
                metaextract={"batch_size": _batch_size(plate.n_images)},
                metaconfig={
                    "regex": plate.pattern,
                    "n_vertical": grid and grid.rows,
                    "n_horizontal": grid and grid.columns,
                    "stitch_layout": grid.layout if grid else "horizontal",
                },
                imextract={"batch_size": _batch_size(plate.n_images)},
            ),
            _stage("image_preprocessing", corilla={}),
            _stage("pyramid_creation", illuminati={"clip": True, "illumcorr": True}),
            _stage("image_analysis", jterator={"batch_size": _batch_size(plate.n_sites)}),
        ],
    }


def _stage(name: str, **steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "steps": [
            {
                "name": step,
                "batch_args": [
                    {"name": argument, "value": value} for argument, value in arguments.items()
                ],
                "submission_args": [],
            }
            for step, arguments in steps.items()
        ],
    }


def _batch_size(n: int) -> int:
    """Small enough that all processors have work and the bars move."""
    return min(math.ceil(n / _JOBS_PER_STEP), _MAX_BATCH)
