"""Objects in the files of other programs: AnnData, GeoJSON, OME-Zarr."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmclient.object_tables import chosen
from tmclient.places import Selection
from tmclient.resources import Namespace
from tmclient.session import Resource


class ObjectFiles(Namespace):
    """``client.object_files``: objects in the files of other programs."""

    def download_anndata(
        self,
        mapobject_type_name: str,
        target: str | Path,
        columns: Sequence[str] | None = None,
        *,
        dtype: str = "float64",
        filters: Sequence[Mapping[str, Any]] = (),
        selection: Selection | None = None,
    ) -> Path:
        """Write objects into an AnnData file.

        Parameters
        ----------
        target
            The file; or an existing folder, in which the server chooses the file's name.
        columns
            Names of features for ``X``; all if not given. All other columns are in ``obs``, and
            the centres (x, y) in pixels of the map in ``obsm["spatial"]``.
        dtype
            Type of ``X``: ``float64`` or ``float32``.
        filters, selection
            As for :meth:`tmclient.object_tables.ObjectTables.iterate`.

        Returns
        -------
        pathlib.Path
            The file.
        """
        query = chosen(selection, filters) | {"columns": _list(columns), "dtype": dtype}
        path = self._session.type_path(mapobject_type_name, "anndata")
        return self._connection.download(path, Path(target), query)

    def download_geojson(
        self,
        mapobject_type_name: str,
        target: str | Path,
        columns: Sequence[str] | None = None,
        *,
        classification: str | None = None,
        coordinates: str = "map",
        filters: Sequence[Mapping[str, Any]] = (),
        selection: Selection | None = None,
    ) -> Path:
        """Write the outlines of objects into a GeoJSON file, as QuPath opens it.

        Parameters
        ----------
        target
            The file; or an existing folder.
        columns
            Names of columns with numbers, which become measurements; all features if not given.
        classification
            Text column with the class of each object, a tool's result for example.
        coordinates
            ``map`` for pixels of the map, ``site`` for pixels of the object's site.
        filters, selection
            As for :meth:`tmclient.object_tables.ObjectTables.iterate`.

        Returns
        -------
        pathlib.Path
            The file.
        """
        query = chosen(selection, filters) | {
            "columns": _list(columns),
            "classification": classification,
            "coordinates": coordinates,
        }
        path = self._session.type_path(mapobject_type_name, "geojson")
        return self._connection.download(path, Path(target), query)

    def download_ome_zarr(
        self,
        mapobject_type_name: str,
        target: str | Path,
        plate_name: str,
        well_name: str | None = None,
        *,
        images: bool = False,
    ) -> Path:
        """Write label images of a plate or well with tables of their objects into a ZIP archive.

        Parameters
        ----------
        target
            The file; or an existing folder.
        images
            Whether to include the channel images.

        Returns
        -------
        pathlib.Path
            The file.
        """
        query = {"plate_name": plate_name, "well_name": well_name, "images": str(images)}
        path = self._session.type_path(mapobject_type_name, "ome-zarr")
        return self._connection.download(path, Path(target), query)

    def upload_geojson(
        self,
        mapobject_type_name: str,
        filename: str | Path,
        *,
        tpoint: int = 0,
        zplane: int = 0,
        site: Selection | None = None,
        overlaps: str = "refuse",
    ) -> Resource:
        """Store polygons as objects, with their measurements as features.

        Parameters
        ----------
        filename
            GeoJSON with polygons in pixels, y down.
        site
            The site, if coordinates are in its pixels; they are in pixels of the map if not given.
        overlaps
            ``first`` assigns shared pixels to the first object; ``refuse`` rejects the file if
            objects share many.

        Returns
        -------
        dict
            ``n_objects``, ``n_sites``, and ``n_cut``, the number of objects that were clipped at
            the border of their site.
        """
        place = {} if site is None else {**site.parameters(), "coordinates": "site"}
        query = {**place, "tpoint": tpoint, "zplane": zplane, "overlaps": overlaps}
        answer: Resource = self._connection.request(
            "POST",
            self._session.type_path(mapobject_type_name, "geojson"),
            parameters=query,
            body=Path(filename).read_bytes(),
            headers={"Content-Type": "application/geo+json"},
        ).json()["data"]
        return answer


def _list(names: Sequence[str] | None) -> str | None:
    return None if names is None else json.dumps(list(names))
