"""A time series of a few nuclei that move, and the pipeline that follows them."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tmlib.jterator.modules.registry import get
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells

Centre = tuple[int, int]

# Centres (y, x) of two nuclei: they pass each other, so that reading order alone would swap them.
FIRST = ((44, 40), (50, 40), (56, 40))
SECOND = ((56, 150), (50, 150), (44, 150))

CHANNEL = "A01_C01"
"""What metaconfig calls the channel."""


def write_film(folder: Path, *tracks: Sequence[Centre | None]) -> list[Path]:
    """Write an image per time point; a track is None where its nucleus is not to be seen."""
    files = []
    for tpoint, centres in enumerate(zip(*tracks, strict=True)):
        files.append(folder / f"film_B02_T{tpoint:04d}F001L01A01Z01C01.tif")
        tifffile.imwrite(files[-1], _photograph([one for one in centres if one], tpoint))
    return files


def _photograph(centres: Sequence[Centre], seed: int) -> NDArray[np.uint16]:
    y, x = np.mgrid[:200, :200]
    image = np.random.default_rng(seed).normal(200, 5, (200, 200))
    for centre_y, centre_x in centres:
        image += 3000 * np.exp(-((((y - centre_y) ** 2 + (x - centre_x) ** 2) / 200) ** 2))
    return image.astype(np.uint16)


def tracking_project() -> dict[str, Any]:
    """Nuclei as they are always found, but numbered by their tracks."""
    project = nuclei_and_cells(CHANNEL).to_dict()
    steps = project["pipeline"]["pipeline"]
    position = [step["source"] for step in steps].index("register_objects.py")
    steps.insert(
        position, {"source": "track_objects.py", "handles": "handles/track_nuclei.handles.yaml"}
    )
    handles = copy.deepcopy(dict(get("track_objects").handles))
    keys = {"label_image": "filter_nuclei.filtered_mask", "previous_objects": "Nuclei"}
    for handle in handles["input"]:
        handle.update({"key": keys[handle["name"]]} if handle["name"] in keys else {})
    handles["output"][0]["key"] = "track_nuclei.tracked_image"
    project["handles"]["track_nuclei"] = handles
    project["handles"]["register_nuclei"]["input"][0]["key"] = "track_nuclei.tracked_image"
    return project
