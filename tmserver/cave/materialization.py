"""The materialization service: annotation tables as of numbered moments, which are snapshots."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
from flask import Response, request
from pydantic import ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.orm import Session

from tmlib.annotation import datastacks, snapshots, tables
from tmlib.annotation.models import AnnotationSnapshot, AnnotationTable
from tmlib.errors import BadInput, NotFound
from tmlib.objects.values.table_streams import arrow_stream
from tmserver.access import Access, ExperimentAccess
from tmserver.cave.frames import MEDIA_TYPE, Frame
from tmserver.cave.queries import Found, JoinBody, LiveQueryBody, QueryBody, Reader
from tmserver.cave.tables import TableMetadata, describe, tell_notice
from tmserver.http.compression import compressed_response
from tmserver.http.routing import LIST_BODY, Routes
from tmserver.http.schemas import Schema
from tmserver.scopes import DATASTACK

VERSION = "5.13.0"
"""That of the materialization service whose answers these are like."""

routes = Routes("materialization")
in_stack = routes.within(DATASTACK, "/materialize/api")

Rows = list[dict[str, Any]]


class WhichVersions(Schema):
    """Versions never expire, so that it makes no difference whether expired ones are wanted."""

    expired: bool = False


class Form(Schema):
    """In which form rows are sent: as an Arrow stream, or as JSON."""

    return_pyarrow: bool = True
    split_positions: bool = False
    random_sample: int | None = Field(None, examples=[None])


class FormOrCount(Form):
    """In which form rows are sent, or that they are only counted."""

    count: bool = False


class MaterializedVersion(Schema):
    """A moment at which tables can be read, for ever; times are UTC."""

    id: int
    version: int
    datastack: str = Field(examples=["colon_cells_17"])
    time_stamp: str = Field(examples=["2026-01-31T12:00:00.000000"])
    expires_on: str | None = Field(None, examples=[None])
    valid: bool = True
    status: str = Field("AVAILABLE", examples=["AVAILABLE"])
    is_merged: bool = False
    parent_version: int | None = Field(None, examples=[None])
    name: str = Field(examples=["before the review"])


class MaterializedTable(TableMetadata):
    """What is told about a table, with its schema under the name that it has here as well."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_name: str = Field(alias="schema", examples=["bound_tag"])


def _paths(rest: str) -> tuple[str, str]:
    return f"/v3/datastack/<datastack>{rest}", f"/v2/datastack/<datastack>{rest}"


@routes.get("/materialize/version", permits="public")
def get_materialization_version(access: Access) -> str:
    """Tell the version of the materialization service that answers are like."""
    return VERSION


@routes.get("/materialize/api/versions", permits="public")
def get_materialization_api_versions(access: Access) -> list[int]:
    """Tell the versions of the materialization service's API."""
    return [2, 3]


@in_stack.get(*_paths("/versions"), permits="read")
def get_versions(access: ExperimentAccess, query: WhichVersions) -> list[int]:
    """List the numbers of the snapshots of an experiment."""
    with access.database.session() as session:
        return [one.number for one in snapshots.list_snapshots(session, access.experiment_id)]


@in_stack.get(*_paths("/metadata"), permits="read")
def get_versions_metadata(
    access: ExperimentAccess, query: WhichVersions
) -> list[MaterializedVersion]:
    """List the snapshots of an experiment."""
    with access.database.session() as session:
        found = snapshots.list_snapshots(session, access.experiment_id)
    return [_describe(access, one) for one in found]


@in_stack.get(*_paths("/version/<version>"), permits="read", raises=(404,))
def get_version_metadata(access: ExperimentAccess, version: int) -> MaterializedVersion:
    """Get a snapshot."""
    with access.database.session() as session:
        return _describe(access, snapshots.find_snapshot(session, access.experiment_id, version))


@in_stack.get(*_paths("/version/<version>/tables"), permits="read", raises=(404,))
def get_materialized_tables(access: ExperimentAccess, version: int) -> list[str]:
    """List the names of the tables that there were; those of mapobject types are not among them."""
    return [table.name for table in _tables(access, version)]


@in_stack.get(*_paths("/version/<version>/tables/metadata"), permits="read", raises=(404,))
def get_materialized_tables_metadata(
    access: ExperimentAccess, version: int
) -> list[MaterializedTable]:
    """List the tables that there were."""
    return [_describe_table(table) for table in _tables(access, version)]


@in_stack.get(*_paths("/version/<version>/table/<table>/metadata"), permits="read", raises=(404,))
def get_materialized_table_metadata(
    access: ExperimentAccess, version: int, table: str
) -> MaterializedTable:
    """Get what is told about a table that there was."""
    for found in _tables(access, version):
        if found.name == table:
            tell_notice(found)
            return _describe_table(found)
    raise NotFound(f"There is no table '{table[:100]}' in version {version}.")


@in_stack.get(*_paths("/version/<version>/table/<table>/count"), permits="read", raises=(403, 404))
def count_materialized_rows(access: ExperimentAccess, version: int, table: str) -> int:
    """Count the rows that a table had."""
    with access.database.session() as session:
        return Reader(access, session, _moment(access, session, version)).count(table, QueryBody())


@in_stack.post(
    *_paths("/version/<version>/table/<table>/query"),
    permits="read",
    raises=(404,),
    media=(MEDIA_TYPE,),
    max_bytes=LIST_BODY,
    only_reads=True,
)
def query_table(
    access: ExperimentAccess, version: int, table: str, query: FormOrCount, body: QueryBody
) -> Response | Rows:
    """Get rows that a table had, in the order of their numbers, any number of them."""
    if query.count:
        with access.database.session() as session:
            moment = _moment(access, session, version)
            return _count(Reader(access, session, moment).count(table, body), query)
    return _send(
        access,
        query,
        body,
        lambda session: Reader(access, session, _moment(access, session, version)).query(
            table, body
        ),
    )


@in_stack.post(
    *_paths("/version/<version>/query"),
    permits="read",
    raises=(404,),
    media=(MEDIA_TYPE,),
    max_bytes=LIST_BODY,
    only_reads=True,
)
def query_with_targets(
    access: ExperimentAccess, version: int, query: Form, body: JoinBody
) -> Response | Rows:
    """Get rows that a table had, each together with its target in the reference table.

    Rows whose target did not hold are left out.
    """
    return _send(
        access,
        query,
        body,
        lambda session: Reader(access, session, _moment(access, session, version)).join(body),
    )


@in_stack.post(
    *_paths("/query"),
    permits="read",
    raises=(404,),
    media=(MEDIA_TYPE,),
    max_bytes=LIST_BODY,
    only_reads=True,
)
def query_live(access: ExperimentAccess, query: Form, body: LiveQueryBody) -> Response | Rows:
    """Get rows that a table has, or had at any moment, in the order of their numbers."""
    return _send(
        access,
        query,
        body,
        lambda session: Reader(access, session, body.timestamp).query(body.table, body),
    )


def _send(
    access: ExperimentAccess, form: Form, body: QueryBody, find: Callable[[Session], Found]
) -> Response:
    if form.random_sample is not None:
        raise BadInput("Random samples are not drawn here: leave random_sample out.")
    parts = _parts(access, form, find)
    # what is wrong with the query is said before anything is sent
    parts = chain([next(parts)], parts)
    if form.return_pyarrow:
        # the client does not know compressed answers, only compressed columns
        response = Response(parts, mimetype=MEDIA_TYPE)
    else:
        response = compressed_response(parts, "application/json")
    if body.desired_resolution is not None:
        response.headers["dataframe_resolution"] = ", ".join(map(str, body.desired_resolution))
    return response


def _parts(
    access: ExperimentAccess, form: Form, find: Callable[[Session], Found]
) -> Iterator[bytes]:
    with access.database.session() as session:
        found = find(session)
        tell_notice(found.table)
        frame = Frame(found.columns, found.rows, split=form.split_positions)
        yield from frame.arrow(_compression()) if form.return_pyarrow else frame.json()


def _count(number: int, form: Form) -> Response:
    if not form.return_pyarrow:
        return Response(to_json([{"count": number}]), mimetype="application/json")
    table = pa.table({"count": pa.array([number], pa.int64())})
    return Response(arrow_stream(table.schema, [table]), mimetype=MEDIA_TYPE)


def _compression() -> str | None:
    return "zstd" if "zstd" in request.headers.get("Accept-Encoding", "") else None


def _moment(access: ExperimentAccess, session: Session, version: int) -> datetime:
    return snapshots.find_snapshot(session, access.experiment_id, version).created_at


def _tables(access: ExperimentAccess, version: int) -> list[AnnotationTable]:
    with access.database.session() as session:
        moment = _moment(access, session, version)
        return tables.list_tables(session, access.experiment_id, as_of=moment)


def _describe(access: ExperimentAccess, snapshot: AnnotationSnapshot) -> MaterializedVersion:
    moment = snapshot.created_at.astimezone(UTC).replace(tzinfo=None)
    return MaterializedVersion(
        id=snapshot.id,
        version=snapshot.number,
        datastack=datastacks.name_of(access.experiment_id, access.experiment.name),
        # the client reads no time without a fraction
        time_stamp=moment.isoformat(timespec="microseconds"),
        name=snapshot.name,
    )


def _describe_table(table: AnnotationTable) -> MaterializedTable:
    described = describe(table)
    return MaterializedTable(**described.model_dump(), schema=described.schema_type)
