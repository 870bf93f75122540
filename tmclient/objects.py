"""Objects that were found in the images: types, features, values, outlines."""

import io
from typing import TYPE_CHECKING, Any

from tmclient.resources import Resource, Resources

if TYPE_CHECKING:
    from pandas import DataFrame


class Mapobjects(Resources):
    """Methods of the client for mapobjects."""

    def get_mapobject_types(self) -> list[Resource]:
        """All types of objects with their features and layers."""
        types: list[Resource] = self.connection.get(self._path("mapobject_types"))
        return types

    def get_features(self, mapobject_type_name: str) -> list[Resource]:
        """The features that were measured of a type of objects."""
        features: list[Resource] = self._mapobject_type(mapobject_type_name)["features"]
        return features

    def download_feature_values(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> "DataFrame":
        """The measurements of all objects of a type, or of those in a part of the experiment.

        Returns
        -------
        pandas.DataFrame
            A row per object and time point: ``mapobject_id``, then a column per feature.
        """
        place = (plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        return self._table(mapobject_type_name, "feature-values", *place)

    def download_object_metadata(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> "DataFrame":
        """Where all objects of a type lie, or those in a part of the experiment.

        Returns
        -------
        pandas.DataFrame
            A row per object, time point and plane: ``mapobject_id``, as in the measurements, then
            the names and positions of plate, well and site, and the object's label there.
        """
        place = (plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        return self._table(mapobject_type_name, "metadata", *place)

    def get_mapobject(self, mapobject_id: int) -> Resource:
        """Where an object comes from: its type, place and label."""
        found: Resource = self.connection.get(self._path("mapobjects", str(mapobject_id), "info"))
        return found

    def download_segmentation_tile(
        self, layer_id: str, *, x: int, y: int, z: int
    ) -> dict[str, Any]:
        """The objects of a tile of the map as a GeoJSON feature collection.

        Coordinates are pixels of the map at full resolution, y negative downwards.
        """
        tile: dict[str, Any] = self.connection.request(
            "GET",
            self._path("segmentation_layers", layer_id, "tiles"),
            parameters={"x": x, "y": y, "z": z},
        ).json()
        return tile

    def _table(
        self,
        mapobject_type_name: str,
        kind: str,
        plate_name: str | None,
        well_name: str | None,
        well_pos_y: int | None,
        well_pos_x: int | None,
        tpoint: int | None,
    ) -> "DataFrame":
        import pandas as pd

        identifier = self._mapobject_type(mapobject_type_name)["id"]
        text = self.connection.request(
            "GET",
            self._path("mapobject_types", identifier, kind),
            parameters={
                "plate_name": plate_name,
                "well_name": well_name,
                "well_pos_y": well_pos_y,
                "well_pos_x": well_pos_x,
                "tpoint": tpoint,
            },
        ).content
        return pd.read_csv(io.BytesIO(text)) if text.strip() else pd.DataFrame()

    def _mapobject_type(self, name: str) -> Resource:
        return self._find("object type", self._path("mapobject_types"), name)
