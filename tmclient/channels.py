"""Channels: their images at sites, and the tiles of their layers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmclient.places import Place
from tmclient.resources import Namespace, Resources

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Channels(Namespace):
    """``client.channels``: channels, their images, and the tiles of their layers."""

    def list(self) -> Resources:
        """All channels with their layers; there are none before metaconfig has run."""
        channels: Resources = self._connection.get(self._session.path("channels"))
        return channels

    def rename(self, name: str, new_name: str) -> None:
        """Give a channel another name."""
        self._connection.put(self._path(name), {"name": new_name})

    def get_illumination(self) -> Resources:
        """How even the illumination of each channel is, before and after correction."""
        found: Resources = self._connection.get(self._session.path("illumination"))
        return found

    def get_layers(
        self, channel_name: str | None = None, tpoint: int | None = None, zplane: int | None = None
    ) -> Resources:
        """The layers of the map that show channels."""
        layers: Resources = self._connection.get(
            self._session.path("channel_layers"),
            channel_name=channel_name,
            tpoint=tpoint,
            zplane=zplane,
        )
        return layers

    def download_image(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
    ) -> "NDArray[Any]":
        """The image of a channel at a site.

        Parameters
        ----------
        channel_name
            The channel.
        plate_name, well_name, well_pos_y, well_pos_x
            The site: row and column within its well, from 0 at the top left.
        cycle_index, tpoint, zplane
            Which image of the site; all are counted from 0.
        correct
            Whether to correct uneven illumination.
        align
            Whether to shift the image onto those of the other cycles and crop it to the area that
            all of them show.

        Returns
        -------
        numpy.ndarray
            Intensities (y, x) in their original type, uint8 or uint16.
        """
        from tmclient import pixels

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        path, parameters = self._image(channel_name, place, cycle_index, correct, align)
        return pixels.decode(self._connection.request("GET", path, parameters=parameters).content)

    def download_image_file(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
        directory: str | Path = ".",
        image_format: str = "png",
    ) -> Path:
        """Write the image of a channel at a site into a folder.

        Parameters
        ----------
        directory
            The folder; it is made if it is not there.
        image_format
            ``png`` or ``tiff``.

        Returns
        -------
        pathlib.Path
            The file.
        """
        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        path, parameters = self._image(channel_name, place, cycle_index, correct, align)
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        return self._connection.download(path, folder, {**parameters, "format": image_format})

    def download_tile(
        self,
        layer_id: str,
        *,
        x: int,
        y: int,
        z: int,
        minimum: int | None = None,
        maximum: int | None = None,
        image_format: str = "png",
    ) -> bytes:
        """A tile of 256 x 256 pixels of the map, as a file.

        Parameters
        ----------
        layer_id
            Id of a layer in the list of channels.
        x, y
            Column and row of the tile, from 0 at the top left.
        z
            Zoom level, from 0 for the whole map.
        minimum, maximum
            Intensities shown as black and as white; the layer's own if not given.
        image_format
            ``png``, ``jpeg`` or ``webp``; ``png16``, without `minimum` and `maximum`, has all
            intensities as they are, with 16 bits.
        """
        return self._connection.request(
            "GET",
            self._session.path("channel_layers", layer_id, "tiles"),
            parameters={
                "x": x,
                "y": y,
                "z": z,
                "min": minimum,
                "max": maximum,
                "format": image_format,
            },
        ).content

    def download_tile_image(
        self,
        layer_id: str,
        *,
        x: int,
        y: int,
        z: int,
        minimum: int | None = None,
        maximum: int | None = None,
    ) -> "NDArray[Any]":
        """A tile of the map as an array (y, x) of uint8, 256 x 256 pixels."""
        from tmclient import pixels

        return pixels.decode(
            self.download_tile(layer_id, x=x, y=y, z=z, minimum=minimum, maximum=maximum)
        )

    def _image(
        self, channel_name: str, place: Place, cycle_index: int, correct: bool, align: bool
    ) -> tuple[str, dict[str, Any]]:
        """Path and query of an image."""
        how = {"cycle_index": cycle_index, "correct": str(correct), "align": str(align)}
        return self._path(channel_name, "image-file"), place.parameters() | how

    def _path(self, name: str, *parts: str) -> str:
        """Path of a channel, or of something below it."""
        identifier = self._session.find_id("channel", self._session.path("channels"), name)
        return self._session.path("channels", identifier, *parts)
