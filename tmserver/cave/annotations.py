"""The annotation service: rows of tables."""

import re
from typing import Any

from pydantic import Field

from tmlib.annotation import mapobject_tables, reading, rows, tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.reading import Row, Selection
from tmlib.errors import BadInput, TooLarge
from tmserver.access import ExperimentAccess
from tmserver.annotators import RepeatKey, annotator, place
from tmserver.cave.tables import created, find_type, tell_notice
from tmserver.http.routing import LARGE_BODY, LIST_BODY, MANY_ITEMS, Routes
from tmserver.http.schemas import Body, Schema, Text
from tmserver.scopes import DATASTACK

routes = Routes("annotation", scope=DATASTACK)

MOST_ROWS = 10_000
"""Rows that one request may bring; the native routes take any number."""

_NUMBERS = re.compile(r"\s*-?\d{1,18}\s*(?:,\s*-?\d{1,18}\s*)*", re.ASCII)


class WhichRows(Schema):
    """Numbers of rows, with commas between them."""

    annotation_ids: Text = Field(examples=["1,2,3"])


class NewRows(Body):
    """Rows, or changes of rows, each of which has an `id` then."""

    annotations: list[dict[str, Any]] = Field(
        examples=[[{"pt": {"position": [2450, 883, 0]}, "tag": "mitotic"}]]
    )


class OneRow(Schema):
    """A row by its number; whatever else there is of it is passed over."""

    id: int


class RowsToDelete(Body):
    """Rows by their numbers."""

    annotation_ids: list[int | OneRow] | OneRow | int = Field(examples=[[1, 2]])

    def numbers(self) -> list[int]:
        """The numbers alone."""
        given = self.annotation_ids
        listed = given if isinstance(given, list) else [given]
        return [one.id if isinstance(one, OneRow) else one for one in listed]


@routes.get("/table/<table>/count", permits="read", raises=(403,))
def count_annotations(access: ExperimentAccess, table: str) -> int:
    """Count all rows that a table has and had."""
    with access.database.session() as session:
        if mapobject_tables.is_one(table):
            return mapobject_tables.count_objects(session, find_type(session, access, table))
        found = tables.open_table(session, access.experiment_id, table, annotator(access), "read")
    return found.n_rows


@routes.get("/table/<table>/annotations", permits="read", raises=(403,))
def get_annotations(access: ExperimentAccess, table: str, query: WhichRows) -> list[dict[str, Any]]:
    """Get rows by their numbers, whether or not they still hold, in the order of these."""
    if not _NUMBERS.fullmatch(query.annotation_ids):
        raise BadInput('"annotation_ids" must be whole numbers with commas between them.')
    ids = [int(one) for one in query.annotation_ids.split(",")]
    which = Selection(ids=ids, with_invalid=True)
    with access.database.session() as session:
        if mapobject_tables.is_one(table):
            objects = mapobject_tables.read_objects(session, find_type(session, access, table), ids)
            return [_shown_object(access, *item) for item in objects.items()]
        found = tables.open_table(session, access.experiment_id, table, annotator(access), "read")
        schema = find_schema(session, found.schema_name)
        shown = [_shown(row) for row in reading.read_rows(session, found, schema, which)]
    tell_notice(found)
    return shown


@routes.post(
    "/table/<table>/annotations",
    permits="write",
    raises=(409, 422),
    max_bytes=LARGE_BODY,
    max_items=MANY_ITEMS,
)
def post_annotations(
    access: ExperimentAccess, table: str, headers: RepeatKey, body: NewRows
) -> list[int]:
    """Enter rows; the answer is their numbers, in the same order."""
    if len(body.annotations) > MOST_ROWS:
        raise TooLarge(
            f"{MOST_ROWS} -> The insertion limit is {MOST_ROWS}, {len(body.annotations)} were "
            "attempted to be inserted: send them in several requests."
        )
    return rows.post_rows(place(access, table, headers), body.annotations)


@routes.put(
    "/table/<table>/annotations",
    permits="write",
    raises=(409, 422),
    max_bytes=LARGE_BODY,
    max_items=MANY_ITEMS,
)
def put_annotations(
    access: ExperimentAccess, table: str, headers: RepeatKey, body: NewRows
) -> dict[int, int]:
    """Supersede rows; the answer is the numbers of the new rows by those of the old ones.

    Fields that are not given are as they were.
    """
    return rows.update_rows(place(access, table, headers), body.annotations)


@routes.delete("/table/<table>/annotations", permits="write", max_bytes=LIST_BODY)
def delete_annotations(access: ExperimentAccess, table: str, body: RowsToDelete) -> list[int]:
    """Mark rows as deleted; the answer is the numbers of those that there are."""
    return rows.delete_rows(place(access, table), body.numbers())


def _shown_object(access: ExperimentAccess, number: int, values: dict[str, Any]) -> dict[str, Any]:
    begun = str(created(access))
    state = {"created": begun, "deleted": "None", "superceded_id": None, "valid": True}
    return {"id": number, **state, **values}


def _shown(row: Row) -> dict[str, Any]:
    deleted = row.deleted_at
    return {
        "id": row.id,
        "created": str(row.created_at.replace(tzinfo=None)),
        # the client expects this text
        "deleted": str(deleted and deleted.replace(tzinfo=None)),
        "superceded_id": row.superseded_by,
        "valid": row.is_valid,
        **row.values,
    }
