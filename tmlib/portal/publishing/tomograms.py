"""Writes a volume of images in both formats, and what is known of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlib.portal.files import files_below
from tmlib.portal.publishing.drafts import Content, write_json
from tmlib.portal.publishing.pictures import PICTURE, THUMBNAIL, write_pictures
from tmlib.volumes import mrc, ome_zarr
from tmlib.volumes.blocks import Source, check_shape


@dataclass(frozen=True)
class Stack:
    """The planes of a channel at one time point that a place was imaged at."""

    channel: str
    wavelength: str
    tpoint: int
    zplanes: tuple[int, ...]

    def name(self, *, with_tpoint: bool) -> str:
        """What its volume is called."""
        return f"{self.channel} t{self.tpoint:03d}" if with_tpoint else self.channel


def write_tomogram(
    stack: Stack,
    source: Source,
    *,
    name: str,
    run: str,
    folder: str,
    spacing: float,
    bucket: Path,
    with_pictures: bool,
    **more: Any,
) -> Content:
    """Write a volume; gives what its row will tell.

    Parameters
    ----------
    stack
        Of which planes.
    source
        Voxels of (z, y, x), which may be more than memory holds.
    name, run
        What the volume and its run are called.
    folder
        The key below which its files are, with a slash at its end.
    spacing
        Edge of a voxel in angstroms.
    bucket
        Takes files below their keys.
    with_pictures
        Whether pages are to show it, as they do the first volume of a run.
    **more
        What else its metadata tells.
    """
    mrc_key, zarr_key = f"{folder}{run}.mrc", f"{folder}{run}.zarr"
    mrc.write(bucket / mrc_key, source, spacing)
    ome_zarr.write(bucket / zarr_key, source, spacing)
    shapes = ome_zarr.level_shapes(check_shape(source))
    content: Content = {
        "name": name,
        "channel": stack.channel,
        "tpoint": stack.tpoint,
        "size": list(reversed(shapes[0])),
        "scales": [",".join(str(size) for size in reversed(shape)) for shape in shapes],
        "mrc": mrc_key,
        "mrc_size": (bucket / mrc_key).stat().st_size,
        "zarr": zarr_key,
        "zarr_size": sum(path.stat().st_size for _, path in files_below(bucket / zarr_key)),
    }
    if with_pictures:
        write_pictures(bucket / zarr_key, bucket / folder)
        content |= {"picture": f"{folder}{PICTURE}", "thumbnail": f"{folder}{THUMBNAIL}"}
    metadata = {
        "tomogram_name": name,
        "channel": stack.channel,
        "wavelength": stack.wavelength,
        "tpoint": stack.tpoint,
        "zplanes": list(stack.zplanes),
        "size": dict(zip("xyz", content["size"], strict=True)),
        "voxel_spacing": spacing,
        "mrc_file": f"{run}.mrc",
        "omezarr_dir": f"{run}.zarr",
        **more,
    }
    write_json(bucket / f"{folder}tomogram_metadata.json", metadata)
    return content
