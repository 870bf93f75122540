"""Images of sites: the pixels of a channel."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmclient.places import Place
from tmclient.resources import Resources

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SiteImages(Resources):
    """Methods of the client for images of sites."""

    def download_channel_image(
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
            Which image of the site, each counted from 0.
        correct
            Whether to correct uneven light.
        align
            Whether to cut out what the images of all cycles show, shifted onto each other.

        Returns
        -------
        numpy.ndarray
            Intensities (y, x) of the type that they were imaged in, uint8 or uint16.
        """
        from tmclient import pixels

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        path, parameters = self._channel_image(channel_name, place, cycle_index, correct, align)
        return pixels.decode(self.connection.request("GET", path, parameters=parameters).content)

    def download_channel_image_file(
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
        path, parameters = self._channel_image(channel_name, place, cycle_index, correct, align)
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        return self.connection.download(path, folder, {**parameters, "format": image_format})

    def _channel_image(
        self, channel_name: str, place: Place, cycle_index: int, correct: bool, align: bool
    ) -> tuple[str, dict[str, Any]]:
        """Path and query of an image."""
        identifier = self._id("channel", self._path("channels"), channel_name)
        how = {"cycle_index": cycle_index, "correct": str(correct), "align": str(align)}
        return self._path("channels", identifier, "image-file"), place.parameters() | how
