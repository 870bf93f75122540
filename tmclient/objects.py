"""Objects that were found in the images: types, features, places."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tmclient.exhibition import exhibit
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Region = tuple[float, float, float, float] | Sequence[tuple[float, float]]


class ObjectTypes(Namespace):
    """``client.object_types``: the types of objects in the experiment."""

    def list(self) -> Resources:
        """All types of objects with their features and layers."""
        types: Resources = self._connection.get(self._session.path("mapobject_types"))
        return types

    def create(self, name: str) -> Resource:
        """Add a type of objects, or return the existing one of this name."""
        answer = self._connection.post(self._session.path("mapobject_types"), {"name": name})
        created: Resource = answer["data"]
        return created

    def rename(self, name: str, new_name: str) -> None:
        """Give a type of objects another name."""
        self._connection.put(self._session.type_path(name), {"name": new_name})

    def delete(self, name: str) -> None:
        """Delete a type with all its objects and their features."""
        self._connection.delete(self._session.type_path(name))


class Features(Namespace):
    """``client.features``: the measured features of a type of objects."""

    def list(self, mapobject_type_name: str) -> Resources:
        """The features of a type of objects, sorted by name."""
        features: Resources = self._connection.get(
            self._session.type_path(mapobject_type_name, "features")
        )
        return features

    def rename(self, mapobject_type_name: str, name: str, new_name: str) -> None:
        """Give a feature another name."""
        self._connection.put(self._feature_path(mapobject_type_name, name), {"name": new_name})

    def delete(self, mapobject_type_name: str, name: str) -> None:
        """Delete a feature with all its values."""
        self._connection.delete(self._feature_path(mapobject_type_name, name))

    def _feature_path(self, mapobject_type_name: str, name: str) -> str:
        features = self._session.type_path(mapobject_type_name, "features")
        return self._session.path("features", self._session.find_id("feature", features, name))


class Objects(Namespace):
    """``client.objects``: single objects, by id or position."""

    def get(
        self, mapobject_id: int, tpoint: int | None = None, zplane: int | None = None
    ) -> Resource:
        """Where an object comes from: its type, site, time point, plane and label.

        An object may be seen at several time points and planes: without them, the first is told.
        """
        found: Resource = self._connection.get(
            self._session.path("mapobjects", str(mapobject_id), "info"),
            tpoint=tpoint,
            zplane=zplane,
        )
        return found

    def find_at(self, layer_id: str, *, x: float, y: float) -> Resources:
        """The objects of a segmentation layer that cover a point of the map.

        Coordinates of this and the next methods are pixels of the map, y downwards. Each object
        has its ``id``, ``label``, centroid ``x`` and ``y``, and the ``box`` around its outline.
        """
        found: Resources = self._connection.get(self._objects_path(layer_id, "at"), x=x, y=y)
        return found

    def find_nearest(
        self,
        layer_id: str,
        *,
        x: float,
        y: float,
        limit: int = 10,
        max_distance: float | None = None,
    ) -> Resources:
        """The objects that are nearest to a point, the nearest first, with their ``distance``."""
        found: Resources = self._connection.get(
            self._objects_path(layer_id, "nearest"),
            x=x,
            y=y,
            limit=limit,
            max_distance=max_distance,
        )
        return found

    def iterate_within(
        self, layer_id: str, region: Region, *, page_size: int = 1000
    ) -> Iterator[Resource]:
        """The objects that touch a region, fetched page by page.

        `region` is a rectangle ``(min_x, min_y, max_x, max_y)``, or a list of the ``(x, y)`` of
        at most 300 corners.
        """
        query = _region_query(region)
        cursor = None
        while True:
            page = self._connection.get(
                self._objects_path(layer_id, "within"), **query, limit=page_size, cursor=cursor
            )
            yield from page["objects"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def count_within(self, layer_id: str, region: Region) -> int:
        """How many objects touch a region."""
        path = self._objects_path(layer_id, "count")
        count: int = self._connection.get(path, **_region_query(region))["count"]
        return count

    def exhibit(
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
            Types of objects whose outlines are drawn, each in its own colour; the type of the
            object if not given.
        extra_margin
            Pixels to show around the object.
        palette_name
            ``colorblind`` or ``bright``.

        Returns
        -------
        list of numpy.ndarray
            RGB pictures (y, x, 3) as large as the object with its margin.
        """
        return exhibit(self._session, mapobject_id, channel_names, ooi, extra_margin, palette_name)

    def _objects_path(self, layer_id: str, question: str) -> str:
        return self._session.path("segmentation_layers", layer_id, "mapobjects", question)


def _region_query(region: Region) -> dict[str, Any]:
    first, *others = region
    if isinstance(first, Sequence):
        return {"polygon": " ".join(f"{x:.6f},{y:.6f}" for x, y in region)}  # type: ignore[misc] # corners
    sides = ("min_x", "min_y", "max_x", "max_y")
    return dict(zip(sides, (first, *others), strict=True))
