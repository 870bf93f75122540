"""Pictures of single objects: what the channels show there, and the outlines around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tmclient.channels import Channels
from tmclient.errors import ResourceError
from tmclient.places import Place
from tmclient.segmentations import Segmentations
from tmclient.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PALETTES = {
    # Okabe and Ito (2008): distinguishable with colour blindness
    "colorblind": ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178)),
    "bright": ((255, 60, 60), (60, 255, 60), (80, 120, 255), (255, 255, 60), (255, 60, 255)),
}
_DARKEST, _BRIGHTEST = 0.1, 99.9  # percentiles of a site that become black and white


def exhibit(
    session: Session,
    mapobject_id: int,
    channel_names: Sequence[str],
    ooi: Sequence[str] | None,
    extra_margin: int,
    palette_name: str,
) -> list["NDArray[np.uint8]"]:
    """Pictures of an object, as :meth:`tmclient.objects.Objects.exhibit` describes them."""
    import numpy as np

    if palette_name not in PALETTES:
        raise ResourceError(f"There is no palette {palette_name}: use {', '.join(PALETTES)}.")
    found: dict[str, Any] = session.connection.get(
        session.path("mapobjects", str(mapobject_id), "info")
    )
    site = (found["plate_name"], found["well_name"], found["well_pos_y"], found["well_pos_x"])
    if None in site or found["label"] is None:
        raise ResourceError(f"Object {mapobject_id} was not segmented: it has no outline.")
    segmentations, channels = Segmentations(session), Channels(session)
    place = Place(*site, found["tpoint"], found["zplane"]).parameters()
    own = segmentations.download_image(found["type"], **place)
    window = _window(own == found["label"], extra_margin)
    outlines = [
        (_outline(segmentations.download_image(name, **place)[window]), color)
        for name, color in zip(ooi or [found["type"]], PALETTES[palette_name], strict=False)
    ]
    pictures = []
    for name in channel_names:
        gray = _eight_bit(channels.download_image(name, **place, correct=False))[window]
        picture = np.repeat(gray[..., np.newaxis], 3, axis=2)
        for outline, color in outlines:
            picture[outline] = color
        pictures.append(picture)
    return pictures


def _window(mask: "NDArray[np.bool_]", margin: int) -> tuple[slice, slice]:
    """The rows and columns of an object with a margin around it."""
    import numpy as np

    if not mask.any():
        raise ResourceError("The object is not in the label image of its site any more.")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _outline(labels: "NDArray[np.int32]") -> "NDArray[np.bool_]":
    """The pixels of objects that touch the background or another object."""
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
    """Intensities of a site as 8-bit gray, stretched from black to white."""
    import numpy as np

    low, high = np.percentile(pixels, (_DARKEST, _BRIGHTEST))
    scaled = (pixels.astype(np.float32) - low) / max(high - low, 1)
    eight_bit: NDArray[np.uint8] = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return eight_bit
