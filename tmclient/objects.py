"""Objects that were found in the images: types, features, outlines."""

from typing import Any

from tmclient.resources import Resource, Resources


class Mapobjects(Resources):
    """Methods of the client for mapobjects."""

    def get_mapobject_types(self) -> list[Resource]:
        """All types of objects with their features and layers."""
        types: list[Resource] = self.connection.get(self._path("mapobject_types"))
        return types

    def create_mapobject_type(self, name: str) -> Resource:
        """Add a type of objects, or get the one that has the name."""
        answer = self.connection.post(self._path("mapobject_types"), {"name": name})
        created: Resource = answer["data"]
        return created

    def rename_mapobject_type(self, name: str, new_name: str) -> None:
        """Give a type of objects another name."""
        self.connection.put(self._type_path(name), {"name": new_name})

    def delete_mapobject_type(self, name: str) -> None:
        """Delete a type with all its objects and what was measured of them."""
        self.connection.delete(self._type_path(name))

    def get_features(self, mapobject_type_name: str) -> list[Resource]:
        """The features that were measured of a type of objects, in the order of their names."""
        features: list[Resource] = self.connection.get(
            self._type_path(mapobject_type_name, "features")
        )
        return features

    def rename_feature(self, mapobject_type_name: str, name: str, new_name: str) -> None:
        """Give a feature another name."""
        self.connection.put(self._feature_path(mapobject_type_name, name), {"name": new_name})

    def delete_feature(self, mapobject_type_name: str, name: str) -> None:
        """Delete a feature with all its values."""
        self.connection.delete(self._feature_path(mapobject_type_name, name))

    def get_mapobject(self, mapobject_id: int) -> Resource:
        """Where an object comes from: its type, place and label."""
        found: Resource = self.connection.get(self._path("mapobjects", str(mapobject_id), "info"))
        return found

    def get_segmentation_layers(
        self,
        mapobject_type_name: str | None = None,
        tpoint: int | None = None,
        zplane: int | None = None,
    ) -> list[Resource]:
        """The layers of the map that show objects."""
        layers: list[Resource] = self.connection.get(
            self._path("segmentation_layers"),
            mapobject_type_name=mapobject_type_name,
            tpoint=tpoint,
            zplane=zplane,
        )
        return layers

    def download_segmentation_tile(
        self, layer_id: str, *, x: int, y: int, z: int
    ) -> dict[str, Any]:
        """The objects of a tile of the map as a GeoJSON feature collection.

        Coordinates are pixels of the map at full resolution, y negative downwards.
        """
        return self._tile("segmentation_layers", layer_id, "tiles", x=x, y=y, z=z)

    def download_labeled_tile(
        self, layer_id: str, *, x: int, y: int, z: int, result_id: str
    ) -> dict[str, Any]:
        """The objects of a tile, each with what a tool has said of it as its ``label``."""
        where = {"x": x, "y": y, "z": z, "result_id": result_id}
        return self._tile("segmentation_layers", layer_id, "labeled_tiles", **where)

    def _tile(self, *parts: str, **parameters: Any) -> dict[str, Any]:
        tile: dict[str, Any] = self.connection.request(
            "GET", self._path(*parts), parameters=parameters
        ).json()
        return tile

    def _type_path(self, name: str, *parts: str) -> str:
        identifier = self._id("object type", self._path("mapobject_types"), name)
        return self._path("mapobject_types", identifier, *parts)

    def _feature_path(self, mapobject_type_name: str, name: str) -> str:
        features = self._type_path(mapobject_type_name, "features")
        return self._path("features", self._id("feature", features, name))
