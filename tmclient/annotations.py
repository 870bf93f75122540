"""Annotation tables: points and remarks of people, typed, shared and versioned."""

import itertools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tmclient.cancellation import Cancellation
from tmclient.errors import ServerUnreachable
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource

if TYPE_CHECKING:
    from pandas import DataFrame

_MANY = 20_000
_MOST_IDS = 100
_ATTEMPTS = 3
_OF_NONE = "0"  # no row has this number; a parameter that is empty would not count


class AnnotationTables(Namespace):
    """``client.annotation_tables``: tables of annotations, and the schemas that they have."""

    def list(self, *, as_of: datetime | None = None, with_deleted: bool = False) -> Resources:
        """The annotation tables of the experiment, in the order of their creation."""
        tables: Resources = self._connection.get(
            self._session.path("annotation_tables"),
            as_of=_moment(as_of),
            with_deleted=with_deleted or None,
        )
        return tables

    def get(self, name: str) -> Resource:
        """What is told about a table, also about one that was deleted."""
        table: Resource = self._connection.get(self._session.path("annotation_tables", name))
        return table

    def create(self, name: str, schema_name: str, **options: Any) -> Resource:
        """Make an empty table.

        Parameters
        ----------
        name
            Lower-case letters, digits and underscores.
        schema_name
            A schema, ``bound_tag`` for points with a text.
        options
            ``description``, ``voxel_resolution`` (three sizes in nanometres), ``read_permission``
            and ``write_permission`` (``PRIVATE``, ``GROUP`` or ``PUBLIC``), ``notice``,
            ``reference_table`` or ``mapobject_type`` (whose objects rows refer to),
            ``tracks_targets``, ``flat_segmentation_source``.
        """
        content = {"name": name, "schema_name": schema_name, **options}
        path = self._session.path("annotation_tables")
        created: Resource = self._connection.post(path, content)["data"]
        return created

    def update(self, name: str, **changes: Any) -> Resource:
        """Change what is told about a table, who may use it, or whose it is; see `create`."""
        path = self._session.path("annotation_tables", name)
        changed: Resource = self._connection.put(path, changes)["data"]
        return changed

    def delete(self, name: str) -> None:
        """Mark a table as deleted."""
        self._connection.delete(self._session.path("annotation_tables", name))

    def link(
        self,
        name: str,
        *,
        field: str | None = None,
        as_of: datetime | None = None,
        seconds: int | None = None,
    ) -> Resource:
        """A link to the points of a table, for Neuroglancer and what else reads its format.

        Whoever has it can read them as you, as they are now or were at a moment.

        Parameters
        ----------
        name
            The table.
        field
            Which of its points; the first one if not given.
        as_of
            The moment; now if not given.
        seconds
            For how long it is good: a day if not given, at most thirty.

        Returns
        -------
        dict
            ``source`` is for a layer of Neuroglancer; ``url``, ``as_of`` and ``expires_at``.
        """
        given = {"field": field, "as_of": _moment(as_of), "seconds": seconds}
        content = {key: value for key, value in given.items() if value is not None}
        path = self._session.path("annotation_tables", name, "links")
        link: Resource = self._connection.post(path, content)["data"]
        return link

    def list_schemas(self) -> Resources:
        """All schemas: CAVE's, and those that labs have added."""
        schemas: Resources = self._connection.get("/api/annotation_schemas")
        return schemas

    def add_schema(self, name: str, definition: Mapping[str, Any]) -> Resource:
        """Add a schema, written as JSON Schema, under a name that it keeps."""
        content = {"name": name, "definition": definition}
        added: Resource = self._connection.post("/api/annotation_schemas", content)["data"]
        return added


class AnnotationSnapshots(Namespace):
    """``client.annotation_snapshots``: moments at which all annotation tables can be read."""

    def list(self) -> Resources:
        """The snapshots of the experiment, in the order of their numbers."""
        snapshots: Resources = self._connection.get(self._session.path("annotation_snapshots"))
        return snapshots

    def take(self, name: str) -> Resource:
        """Keep the present moment under the next number; ``created_at`` is for ``as_of``."""
        path = self._session.path("annotation_snapshots")
        taken: Resource = self._connection.post(path, {"name": name})["data"]
        return taken


class Annotations(Namespace):
    """``client.annotations``: rows of annotation tables."""

    def add(self, table_name: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Enter rows, ``{"pt": {"position": [x, y, z]}, "tag": "a"}`` for example.

        Requests are repeated when the connection breaks, and carried out once.

        Returns
        -------
        list of int
            Numbers of the rows, in the same order.
        """
        numbers: list[int] = []
        for some in _portions(rows):
            numbers += self._send("POST", table_name, some)
        return numbers

    def update(self, table_name: str, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
        """Supersede rows, each given with its ``id`` and what is to be different.

        Returns
        -------
        dict
            Numbers of the new rows by those of the old ones.
        """
        changed = {}
        for some in _portions(rows):
            for pair in self._send("PUT", table_name, some):
                changed[pair["id"]] = pair["new_id"]
        return changed

    def delete(self, table_name: str, ids: Sequence[int]) -> list[int]:
        """Mark rows as deleted; the numbers of those that there are."""
        path = self._path(table_name)
        answer = self._connection.request("DELETE", path, json={"ids": list(ids)})
        deleted: list[int] = answer.json()["data"]
        return deleted

    def get(
        self,
        table_name: str,
        *,
        ids: Sequence[int] | None = None,
        box: Sequence[float] | None = None,
        where: Sequence[Mapping[str, Any]] = (),
        as_of: datetime | None = None,
        with_invalid: bool = False,
        limit: int | None = None,
        mapobject_id: int | None = None,
        bind: str | None = None,
    ) -> "DataFrame":
        """Rows of a table, in the order of their numbers.

        Parameters
        ----------
        table_name
            The table.
        ids
            Their numbers.
        box
            ``min_x, min_y, max_x, max_y``, or ``min_x, min_y, min_z, max_x, max_y, max_z``.
        where
            Conditions that must all hold: ``{"field": "tag", "comparison": "eq", "value": "a"}``;
            comparisons are eq, ne, lt, le, gt, ge, in, not_in and contains.
        as_of
            The moment at which they hold; now if not given.
        with_invalid
            Also those that have held before.
        limit
            At most so many.
        mapobject_id
            An object in which one of their points lies.
        bind
            Name of a mapobject type: ``pt_mapobject_id`` tells which of its objects contains a
            point ``pt`` at present.

        Returns
        -------
        pandas.DataFrame
            ``id``, times, who has made them, and their fields: a point ``pt`` as ``pt_x``, ...
        """
        import pyarrow as pa

        query = {
            "ids": None if ids is None else ",".join(map(str, ids)) or _OF_NONE,
            "box": None if box is None else ",".join(map(str, box)) or _OF_NONE,
            "where": json.dumps(list(where)) if where else None,
            "as_of": _moment(as_of),
            "with_invalid": with_invalid or None,
            "limit": limit,
            "mapobject_id": mapobject_id,
            "bind": bind,
            "format": "arrow",
        }
        path = self._path(table_name)
        if ids is not None and len(ids) > _MOST_IDS:
            given = {name: value for name, value in query.items() if value is not None}
            answer = self._connection.request(
                "POST",
                f"{path}/query",
                body=urlencode(given).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        else:
            answer = self._connection.request("GET", path, parameters=query)
        with pa.ipc.open_stream(answer.content) as stream:
            found: DataFrame = stream.read_all().to_pandas()
        return found

    def get_history(self, table_name: str, row: int) -> Resources:
        """All states of an annotation, the first one first, by the number of any of them."""
        path = self._session.path(
            "annotation_tables", table_name, "annotations", str(row), "history"
        )
        states: Resources = self._connection.get(path)
        return states

    def download(
        self,
        table_name: str,
        target: str | Path,
        *,
        file_format: str = "csv",
        bind: str | None = None,
    ) -> Path:
        """Write the rows of a table that hold into a file.

        Parameters
        ----------
        table_name
            The table.
        target
            The file, or an existing folder.
        file_format
            ``csv``, ``geojson``, ``parquet``, ``arrow`` or ``json``.
        bind
            Name of a mapobject type whose objects are told; see `get`.
        """
        path = self._path(table_name)
        query = {"format": file_format} | ({} if bind is None else {"bind": bind})
        return self._connection.download(path, Path(target), query)

    def _path(self, table_name: str) -> str:
        return self._session.path("annotation_tables", table_name, "annotations")

    def _send(self, method: str, table_name: str, rows: Sequence[Mapping[str, Any]]) -> Any:
        # whether or not a request has arrived whose answer has not: with the key it is done once
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        content, path = {"annotations": list(rows)}, self._path(table_name)
        answer = repeated(
            lambda: self._connection.request(method, path, json=content, headers=headers)
        )
        return answer.json()["data"]


def repeated(send: Callable[[], Any]) -> Any:
    """The answer to a request, which is sent again when the connection breaks."""
    for attempt in itertools.count():
        try:
            return send()
        except ServerUnreachable:
            if attempt == _ATTEMPTS:
                raise
            Cancellation().pause(attempt)
    return None


def _portions(rows: Sequence[Mapping[str, Any]]) -> Any:
    return (rows[start : start + _MANY] for start in range(0, len(rows), _MANY))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
