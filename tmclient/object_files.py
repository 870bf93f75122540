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
            The file; or an existing folder, in which it gets the name that the server says.
        columns
            Names of features for ``X``; all if not given. All other columns are in ``obs``, and
            the centres (x, y) in pixels of the map in ``obsm["spatial"]``.
        dtype
            Type of ``X``: ``float64`` or ``float32``.
        filters, selection
            As those of :meth:`iterate_table`.

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
            Column of texts that says of which class an object is, the result of a tool for example.
        coordinates
            Pixels of the ``map``, or of the ``site`` that an object lies in.
        filters, selection
            As those of :meth:`iterate_table`.

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
            Whether the channel images are in it too.

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
            The site whose pixels they are given in; they are those of the map if not given.
        overlaps
            ``first`` gives pixels of several objects to the first of them; ``refuse`` takes no
            objects that share many.

        Returns
        -------
        dict
            ``n_objects``, ``n_sites``, and ``n_cut``, of how many the border of the site cut a
            part off.
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
