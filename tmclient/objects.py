"""Objects that were found in the images: types, features, outlines."""

from collections.abc import Iterator, Sequence
from typing import Any

from tmclient.resources import Resource, Resources

Region = tuple[float, float, float, float] | Sequence[tuple[float, float]]


def _region_query(region: Region) -> dict[str, Any]:
    first, *others = region
    if isinstance(first, Sequence):
        return {"polygon": " ".join(f"{x:.6f},{y:.6f}" for x, y in region)}  # type: ignore[misc] # corners
    sides = ("min_x", "min_y", "max_x", "max_y")
    return dict(zip(sides, (first, *others), strict=True))


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

    def get_mapobject(
        self, mapobject_id: int, tpoint: int | None = None, zplane: int | None = None
    ) -> Resource:
        """Where an object comes from: its type, place and label.

        It is the same object at all time points and planes; without one, where it is seen first.
        """
        found: Resource = self.connection.get(
            self._path("mapobjects", str(mapobject_id), "info"), tpoint=tpoint, zplane=zplane
        )
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

    def find_mapobjects_at(self, layer_id: str, *, x: float, y: float) -> list[Resource]:
        """The objects of a segmentation layer that cover a point of the map.

        Coordinates of this and the next methods are pixels of the map, y downwards. Each object
        has its ``id``, ``label``, centroid ``x`` and ``y``, and the ``box`` around its outline.
        """
        found: list[Resource] = self.connection.get(self._objects_path(layer_id, "at"), x=x, y=y)
        return found

    def find_nearest_mapobjects(
        self,
        layer_id: str,
        *,
        x: float,
        y: float,
        limit: int = 10,
        max_distance: float | None = None,
    ) -> list[Resource]:
        """The objects that are nearest to a point, the nearest first, with their ``distance``."""
        found: list[Resource] = self.connection.get(
            self._objects_path(layer_id, "nearest"),
            x=x,
            y=y,
            limit=limit,
            max_distance=max_distance,
        )
        return found

    def iterate_mapobjects_within(
        self, layer_id: str, region: Region, *, page_size: int = 1000
    ) -> Iterator[Resource]:
        """The objects that touch a region, fetched page by page.

        `region` is a rectangle ``(min_x, min_y, max_x, max_y)``, or a list of the ``(x, y)`` of
        at most 300 corners.
        """
        query = _region_query(region)
        cursor = None
        while True:
            page = self.connection.get(
                self._objects_path(layer_id, "within"), **query, limit=page_size, cursor=cursor
            )
            yield from page["objects"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def count_mapobjects_within(self, layer_id: str, region: Region) -> int:
        """How many objects touch a region."""
        path = self._objects_path(layer_id, "count")
        count: int = self.connection.get(path, **_region_query(region))["count"]
        return count

    def _objects_path(self, layer_id: str, question: str) -> str:
        return self._path("segmentation_layers", layer_id, "mapobjects", question)

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
