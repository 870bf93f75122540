"""Pictures of single objects: what the channels show there, and the outlines around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tmclient.errors import ResourceError
from tmclient.images import SiteImages
from tmclient.places import Place
from tmclient.segmentations import Segmentations

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PALETTES = {
    # Okabe and Ito (2008): can be told apart by everybody
    "colorblind": ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178)),
    "bright": ((255, 60, 60), (60, 255, 60), (80, 120, 255), (255, 255, 60), (255, 60, 255)),
}
_DARKEST, _BRIGHTEST = 0.1, 99.9  # percentiles of a site that become black and white


class Exhibition(SiteImages, Segmentations):
    """Methods of the client for pictures of objects."""

    def exhibit_mapobject(
        self,
        mapobject_id: int,
        channel_names: Sequence[str],
        ooi: Sequence[str] | None = None,
        extra_margin: int = 0,
        palette_name: str = "colorblind",
    ) -> list["NDArray[np.uint8]"]:
        """Pictures of an object, one for each channel, with outlines drawn over it.

        Parameters
        ----------
        mapobject_id
            The object.
        channel_names
            The channels to show.
        ooi
            Types of objects whose outlines are drawn, each in a colour of its own; the type of
            the object if not given.
        extra_margin
            Pixels to show around the object.
        palette_name
            ``colorblind`` or ``bright``.

        Returns
        -------
        list of numpy.ndarray
            Pictures (y, x, 3), red, green and blue, as large as the object and its margin.
        """
        import numpy as np

        if palette_name not in PALETTES:
            raise ResourceError(f"There is no palette {palette_name}: use {', '.join(PALETTES)}.")
        found: dict[str, Any] = self.connection.get(
            self._path("mapobjects", str(mapobject_id), "info")
        )
        site = (found["plate_name"], found["well_name"], found["well_pos_y"], found["well_pos_x"])
        if None in site or found["label"] is None:
            raise ResourceError(f"Object {mapobject_id} is no segmented one: it has no outline.")
        place = Place(*site, found["tpoint"], found["zplane"]).parameters()
        own = self.download_segmentation_image(found["type"], **place)
        window = _window(own == found["label"], extra_margin)
        outlines = [
            (_outline(self.download_segmentation_image(name, **place)[window]), color)
            for name, color in zip(ooi or [found["type"]], PALETTES[palette_name], strict=False)
        ]
        pictures = []
        for name in channel_names:
            gray = _eight_bit(self.download_channel_image(name, **place, correct=False))[window]
            picture = np.repeat(gray[..., np.newaxis], 3, axis=2)
            for outline, color in outlines:
                picture[outline] = color
            pictures.append(picture)
        return pictures


def _window(mask: "NDArray[np.bool_]", margin: int) -> tuple[slice, slice]:
    """The rows and columns that hold an object, and some more."""
    import numpy as np

    if not mask.any():
        raise ResourceError("The object is not in the label image of its site any more.")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _outline(labels: "NDArray[np.int32]") -> "NDArray[np.bool_]":
    """The pixels of objects that touch something else."""
    import numpy as np

    differs = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            # at the border a pixel is compared with itself
            neighbours = np.roll(labels, step, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
            neighbours[tuple(edge)] = labels[tuple(edge)]
            differs |= neighbours != labels
    return differs & (labels > 0)


def _eight_bit(pixels: "NDArray[Any]") -> "NDArray[np.uint8]":
    """Intensities of a site from black to white."""
    import numpy as np

    low, high = np.percentile(pixels, (_DARKEST, _BRIGHTEST))
    scaled = (pixels.astype(np.float32) - low) / max(high - low, 1)
    eight_bit: NDArray[np.uint8] = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return eight_bit
