"""Programs of others that show published volumes: links to them, and what they are to show."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote

from tmlib.portal.addresses import Place
from tmlib.portal.named_files import Voxels
from tmserver.portal.web.downloads import Command, ListedFile

Contrast = tuple[float, float]
"""The intensities that are shown black and white."""

_METRES = 1e-10  # of an angstrom
_OPACITY = 0.3  # of labels, so that the image is seen below them
_COLORS = ("#ffff00", "#00ffff", "#ff00ff", "#00ff00", "#ff8000", "#ffffff")
_SHOWN = 800  # pixels of a screen that a volume fills at first


@dataclass(frozen=True)
class Viewers:
    """What shows the volumes of a run.

    Attributes
    ----------
    neuroglancer, vizarr
        Addresses of the two, without slashes at their ends.
    points
        What the numbers of files with points are below.
    contrasts
        Of volumes, where they are known.
    """

    neuroglancer: str
    vizarr: str
    points: str
    contrasts: Mapping[Place, Contrast]

    def in_neuroglancer(self, files: Sequence[ListedFile]) -> str | None:
        """A link that shows volumes and points together; None if there is no volume."""
        if not any(one.is_volume for one in files):
            return None
        state = json.dumps(self.state(files), separators=(",", ":"))
        return f"{self.neuroglancer}/#!{quote(state, safe='')}"

    def in_vizarr(self, image: ListedFile) -> str:
        """A link that shows an image."""
        return f"{self.vizarr}/?source={quote(str(image.address), safe='')}"

    def state(self, files: Sequence[ListedFile]) -> dict[str, Any]:
        """What Neuroglancer is to show: one image, and what was found in it.

        Other images are hidden: they may be the same in another form, or of other times.
        """
        image = _first_image(files)
        layers = list(self._layers(files, image))
        if image is None or image.file.voxels is None:
            return {"layers": layers, "layout": "4panel"}
        return {**_view(image.file.voxels), "layers": layers}

    def _layers(
        self, files: Sequence[ListedFile], image: ListedFile | None
    ) -> Iterator[dict[str, Any]]:
        for one in files:
            if one.is_image:
                yield self._image(one, is_shown=one is image)
        for one in files:
            if one.is_volume and one.file.is_labels:
                yield {
                    "type": "segmentation",
                    "name": one.file.label,
                    "source": f"zarr://{one.address}",
                    "selectedAlpha": _OPACITY,
                }
        for one, color in zip((one for one in files if one.is_of_points), cycle(_COLORS)):
            yield {
                "type": "annotation",
                "name": one.file.label,
                "source": f"precomputed://{self.points}/{one.file.points}",
                "annotationColor": color,
            }

    def _image(self, image: ListedFile, *, is_shown: bool) -> dict[str, Any]:
        layer: dict[str, Any] = {
            "type": "image",
            "name": image.file.label,
            "source": f"zarr://{image.address}",
            "opacity": 1,
        }
        place = image.file.place
        if place is not None and (contrast := self.contrasts.get(place)):
            layer["shaderControls"] = {"normalized": {"range": list(contrast)}}
        if not is_shown:
            layer["visible"] = False
        return layer


def napari(files: Sequence[ListedFile]) -> Command | None:
    """The lines that show the image in napari which is shown first; None if there is none."""
    image = _first_image(files)
    if image is None:
        return None
    return Command(
        "napari",
        'pip install "napari[all]" napari-ome-zarr\n'
        f"napari --plugin napari-ome-zarr {shlex.quote(str(image.address))}",
    )


def _first_image(files: Sequence[ListedFile]) -> ListedFile | None:
    """The image that is shown first: the tomogram that is meant for it, if there is one."""
    images = [one for one in files if one.is_image]
    tomograms = [one for one in images if one.file.voxels is not None]
    meant = [one for one in tomograms if one.file.voxels and one.file.voxels.is_default]
    return next(iter([*meant, *tomograms, *images]), None)


def _view(voxels: Voxels) -> dict[str, Any]:
    """All of a volume, from above if it is flat, in its middle plane."""
    widest = max(voxels.size)
    return {
        "dimensions": {axis: [voxels.spacing * _METRES, "m"] for axis in "xyz"},
        # centres of voxels have whole numbers
        "position": [(size - 1) / 2 for size in voxels.size],
        "crossSectionScale": widest / _SHOWN,
        "projectionScale": widest,
        "layout": "xy" if voxels.size[2] == 1 else "4panel",
    }
