"""Label images, in which each pixel has the label of its object."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmclient.errors import ResourceError
from tmclient.places import Place
from tmclient.resources import Namespace, Resources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILE_TYPES = {
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".npz": "application/x-npz",
}


class Segmentations(Namespace):
    """``client.segmentations``: label images of sites, and the map's layers of objects."""

    def download_image(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
    ) -> "NDArray[np.int32]":
        """The objects of a type at a site, exactly as they were found or uploaded.

        Parameters
        ----------
        align
            Whether to crop the image to the area that all cycles show.

        Returns
        -------
        numpy.ndarray
            Labels (y, x): 0 for the background, n for the object with label n.
        """
        import numpy as np

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        path, parameters = self._image(mapobject_type_name, place, align)
        content = self._connection.request(
            "GET", path, parameters=parameters | {"format": "npz"}
        ).content
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            labels: NDArray[np.int32] = arrays["segmentation"]
        return labels

    def download_image_file(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
        directory: str | Path = ".",
        image_format: str = "png",
    ) -> Path:
        """Write the objects of a type at a site into a folder.

        Parameters
        ----------
        directory
            The folder; it is made if it is not there.
        image_format
            ``png`` for labels up to 65535, ``tiff``, ``npz`` or ``zarr``, a ZIP archive.

        Returns
        -------
        pathlib.Path
            The file.
        """
        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        path, parameters = self._image(mapobject_type_name, place, align)
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        return self._connection.download(path, folder, parameters | {"format": image_format})

    def upload_image(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int,
        zplane: int,
        image: "NDArray[np.integer]",
        align: bool = False,
    ) -> None:
        """Store objects that were found elsewhere.

        Parameters
        ----------
        image
            Labels (y, x) of the whole site: 0 for the background, n for the object with label n.
        align
            Whether the image was cropped to the area that all cycles show.
        """
        import numpy as np

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        archive = io.BytesIO()
        np.savez_compressed(archive, segmentation=np.asarray(image).astype(np.int32))
        self._send(mapobject_type_name, place, align, archive.getvalue(), _FILE_TYPES[".npz"])

    def upload_image_file(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int,
        zplane: int,
        filename: str | Path,
        align: bool = False,
    ) -> None:
        """Store objects that were found elsewhere, from a file.

        Parameters
        ----------
        filename
            PNG of 8 or 16 bits, TIFF, or NumPy archive with the array ``segmentation``.

        Raises
        ------
        ResourceError
            If it is a file of another kind.
        """
        file = Path(filename)
        file_type = _FILE_TYPES.get(file.suffix.lower())
        if file_type is None:
            raise ResourceError(
                f"{file} is no label image that can be sent: its name must end with "
                f"{', '.join(_FILE_TYPES)}."
            )
        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        self._send(mapobject_type_name, place, align, file.read_bytes(), file_type)

    def get_layers(
        self,
        mapobject_type_name: str | None = None,
        tpoint: int | None = None,
        zplane: int | None = None,
    ) -> Resources:
        """The layers of the map that show objects."""
        layers: Resources = self._connection.get(
            self._session.path("segmentation_layers"),
            mapobject_type_name=mapobject_type_name,
            tpoint=tpoint,
            zplane=zplane,
        )
        return layers

    def download_tile(self, layer_id: str, *, x: int, y: int, z: int) -> dict[str, Any]:
        """The objects of a tile of the map as a GeoJSON feature collection.

        Coordinates are pixels of the map at full resolution, y negative downwards.
        """
        return self._tile("segmentation_layers", layer_id, "tiles", x=x, y=y, z=z)

    def download_labeled_tile(
        self, layer_id: str, *, x: int, y: int, z: int, result_id: str
    ) -> dict[str, Any]:
        """The objects of a tile, each with its value in a tool result as ``label``."""
        where = {"x": x, "y": y, "z": z, "result_id": result_id}
        return self._tile("segmentation_layers", layer_id, "labeled_tiles", **where)

    def _tile(self, *parts: str, **parameters: Any) -> dict[str, Any]:
        tile: dict[str, Any] = self._connection.request(
            "GET", self._session.path(*parts), parameters=parameters
        ).json()
        return tile

    def _send(
        self, mapobject_type_name: str, place: Place, align: bool, content: bytes, file_type: str
    ) -> None:
        path, parameters = self._image(mapobject_type_name, place, align)
        headers = {"Content-Type": file_type}
        self._connection.request("POST", path, parameters=parameters, body=content, headers=headers)

    def _image(
        self, mapobject_type_name: str, place: Place, align: bool
    ) -> tuple[str, dict[str, Any]]:
        """Path and query of a label image."""
        path = self._session.type_path(mapobject_type_name, "segmentations")
        return path, {**place.parameters(), "align": str(align)}
