"""The table of all objects of a type: its columns, rows and statistics."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tmclient.errors import ServerUnreachable
from tmclient.places import Selection
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource

if TYPE_CHECKING:
    from pandas import DataFrame

_GROUPS = 10_000


class ObjectTables(Namespace):
    """``client.object_tables``: the table of all objects of a type."""

    def get_columns(self, mapobject_type_name: str) -> Resources:
        """Name, kind (metadata, feature or result) and type of all columns of the table."""
        columns: Resources = self._connection.get(
            self._session.type_path(mapobject_type_name, "table", "columns")
        )
        return columns

    def download_column(
        self,
        mapobject_type_name: str,
        column: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
        dtype: str = "float64",
    ) -> "DataFrame":
        """One column for all objects of a type, or for those in a part of the experiment.

        Parameters
        ----------
        column
            A feature, a result of a tool, or metadata, ``well_name`` for example.
        dtype
            ``float64`` or ``float32``: type of floating-point numbers.

        Returns
        -------
        pandas.DataFrame
            ``mapobject_id``, ``tpoint`` if none was asked for, and the column; texts are
            categories.
        """
        selection = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        parameters = {**selection.parameters(), "column": column, "dtype": dtype}
        path = self._session.type_path(mapobject_type_name, "values")
        table: DataFrame = self._arrow(path, parameters).to_pandas()
        return table

    def iterate(
        self,
        mapobject_type_name: str,
        columns: Sequence[str] | None = None,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        sort: Sequence[Mapping[str, Any]] = (),
        selection: Selection | None = None,
        page_size: int = 10_000,
    ) -> Iterator["DataFrame"]:
        """The table of all objects in pages, sorted and filtered by the server.

        Parameters
        ----------
        columns
            Names of columns; all if not given.
        filters
            Conditions that must all hold: ``{"column": "Area", "min": 100, "max": 5000}``,
            ``{"column": "well_name", "values": ["A01", "B02"]}``,
            ``{"column": "Area", "missing": False}``.
        sort
            Up to three columns: ``{"column": "Area", "descending": True}``.
        selection
            Objects in a part of the experiment; all if not given.
        page_size
            Rows per page, up to 10,000; fewer if a page would have more than a million values.

        Raises
        ------
        RequestError
            With status 409 if the values change between two pages.
        """
        path = self._session.type_path(mapobject_type_name, "table")
        query = chosen(selection, filters) | {
            "columns": None if columns is None else json.dumps(list(columns)),
            "sort": json.dumps(list(sort)) if sort else None,
            "limit": page_size,
        }
        cursor: str | None = None
        while cursor != "":
            page = self._arrow(path, query | {"cursor": cursor})
            cursor = page.schema.metadata[b"tmserver.cursor"].decode()
            yield page.to_pandas()

    def get_object(
        self,
        mapobject_type_name: str,
        mapobject_id: int,
        columns: Sequence[str] | None = None,
        *,
        tpoint: int | None = None,
        zplane: int | None = None,
    ) -> dict[str, Any]:
        """The values of an object, and where they stand among those of all objects of its type.

        Parameters
        ----------
        columns
            Names of columns; all if not given.
        tpoint, zplane
            When and in which plane; where the object is seen first if not given.

        Returns
        -------
        dict
            ``mapobject_id``, ``tpoint``, ``zplane``, ``n_objects`` and ``columns``: each with name,
            kind, type, value, and percentile where it is the number of a feature or a result.
        """
        path = self._session.type_path(mapobject_type_name, "table", "objects", str(mapobject_id))
        names = None if columns is None else json.dumps(list(columns))
        found: dict[str, Any] = self._connection.get(
            path, columns=names, tpoint=tpoint, zplane=zplane
        )
        return found

    def get_groups(
        self,
        mapobject_type_name: str,
        columns: Sequence[str],
        by: Sequence[str] = ("plate_name", "well_name"),
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        selection: Selection | None = None,
        quantiles: Sequence[float] = (),
    ) -> "DataFrame":
        """Statistics of columns by plate, well, site, or the objects' label in a tool result.

        Parameters
        ----------
        columns
            Names of columns with numbers.
        by
            Names of columns with text or integers.
        filters, selection
            As for :meth:`tmclient.object_tables.ObjectTables.iterate`.
        quantiles
            Between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            A row for each group and column: the columns of `by`, ``n_objects``, ``column``,
            ``count``, ``missing``, ``mean``, ``std``, ``min``, ``max``, ``median``, and ``q0.25``
            for example. Without columns a row for each group.
        """
        import pandas as pd

        path = self._session.type_path(mapobject_type_name, "table", "groups")
        query = chosen(selection, filters) | {
            "columns": json.dumps(list(columns)),
            "by": json.dumps(list(by)),
            "quantiles": json.dumps(list(quantiles)),
            "limit": _GROUPS,
        }
        rows: list[dict[str, Any]] = []
        n_groups, offset = 1, 0
        while offset < n_groups:
            found = self._connection.get(path, **query, offset=offset)
            n_groups, offset = found["n_groups"], offset + _GROUPS
            for group in found["groups"]:
                key = dict(zip(by, group["key"], strict=True)) | {"n_objects": group["n_objects"]}
                if not columns:
                    rows.append(key)
                for column, one in zip(columns, group["statistics"], strict=True):
                    at = one.pop("quantiles")
                    named = {f"q{q:g}": value for q, value in zip(quantiles, at, strict=True)}
                    rows.append({**key, "column": column, **one, **named})
        return pd.DataFrame(rows)

    def get_distribution(
        self,
        mapobject_type_name: str,
        column: str,
        bins: int = 100,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        selection: Selection | None = None,
    ) -> Resource:
        """Statistics of a column with a ``histogram``, or with counts of each text."""
        path = self._session.type_path(mapobject_type_name, "table", "distribution")
        found: Resource = self._connection.get(
            path, **chosen(selection, filters), column=column, bins=bins
        )
        return found

    def _arrow(self, path: str, parameters: dict[str, Any]) -> Any:
        """Read a whole Arrow stream as ``pyarrow.Table``."""
        import pyarrow as pa

        parameters = {**parameters, "format": "arrow"}
        with self._connection.stream(path, parameters) as response:
            try:
                return pa.ipc.open_stream(response.raw).read_all()
            except pa.ArrowInvalid as error:
                raise ServerUnreachable(
                    f"The answer of {self._connection.url} broke off: {error}"
                ) from error


def chosen(selection: Selection | None, filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Query parameters that select objects."""
    chosen = json.dumps(list(filters)) if filters else None
    return (selection or Selection()).parameters() | {"filter": chosen}
