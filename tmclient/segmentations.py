"""Label images: the objects of a site as numbers of their pixels."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from tmclient.places import Place
from tmclient.resources import Resources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Segmentations(Resources):
    """Methods of the client for label images."""

    def download_segmentation_image(
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
            Whether to cut out what the images of all cycles show.

        Returns
        -------
        numpy.ndarray
            Labels (y, x): 0 outside, n in the object with label n.
        """
        import numpy as np

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        parameters = {**place.parameters(), "align": str(align), "format": "npz"}
        path = self._segmentations_path(mapobject_type_name)
        content = self.connection.request("GET", path, parameters=parameters).content
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            labels: NDArray[np.int32] = arrays["segmentation"]
        return labels

    def download_segmentation_image_file(
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
    ) -> Path:
        """Write the objects of a type at a site as a PNG of 16 bits into a folder.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ResourceError
            If a label is too large for 16 bits.
        """
        from tmclient import pixels

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        labels = self.download_segmentation_image(
            mapobject_type_name, **place.parameters(), align=align
        )
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        name = place.file_name(self._require_experiment_name(), mapobject_type_name)
        pixels.write_labels(folder / name, labels)
        return folder / name

    def upload_segmentation_image(
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
            Labels (y, x): 0 outside, n in the object with label n; as large as the site.
        align
            Whether the image shows only what the images of all cycles show.
        """
        import numpy as np

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        archive = io.BytesIO()
        np.savez_compressed(archive, segmentation=np.asarray(image).astype(np.int32))
        self.connection.request(
            "POST",
            self._segmentations_path(mapobject_type_name),
            parameters={"align": str(align)},
            json={
                **place.parameters(),
                "npz_file": base64.b64encode(archive.getvalue()).decode(),
            },
        )

    def upload_segmentation_image_file(
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
        """Store objects that were found elsewhere, from a PNG of 8 or 16 bits."""
        from tmclient import pixels

        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane)
        labels = pixels.read_labels(Path(filename))
        self.upload_segmentation_image(
            mapobject_type_name, **place.parameters(), image=labels, align=align
        )

    def _segmentations_path(self, mapobject_type_name: str) -> str:
        identifier = self._id("object type", self._path("mapobject_types"), mapobject_type_name)
        return self._path("mapobject_types", identifier, "segmentations")
