"""Imports of annotations: files whose rows a job enters into a table."""

from datetime import datetime

from pydantic import Field

from tmlib.annotation import imports
from tmlib.annotation.imports import ImportStatus
from tmlib.annotation.row_files import FileFormat
from tmserver.access import ExperimentAccess
from tmserver.annotators import RepeatKey, annotator, place
from tmserver.http.multipart import read_body
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, Message, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("annotation import", scope=EXPERIMENT)

_IMPORTS = "/annotation_tables/<table_name>/imports"
_IMPORT = f"{_IMPORTS}/<annotation_import_id>"


class ImportQuery(Schema):
    """In which form the file is."""

    format: FileFormat = Field(FileFormat.CSV, examples=["csv"])


class AnnotationImportInfo(Schema):
    """How an import stands.

    `state` is `waiting`, `running`, `done`, `failed` or `killed`. `n_rows` rows were entered at the
    moment `entered_at`; before, and where it failed, there is none. `error` says why, to those who
    may read the table and to whoever has sent the file.
    """

    id: Id
    user_id: Id
    format: FileFormat
    state: str = Field(examples=["running"])
    percent_done: float = Field(examples=[50.0])
    error: str | None = Field(None, examples=[None])
    n_rows: int | None = Field(None, examples=[None])
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    entered_at: datetime | None = Field(None, examples=[None])


@routes.get(_IMPORTS, permits="read")
def get_annotation_imports(access: ExperimentAccess, table_name: str) -> list[AnnotationImportInfo]:
    """List the imports into a table, in the order in which they were asked for."""
    with access.database.session() as session:
        found = imports.list_imports(session, access.experiment_id, table_name, annotator(access))
        return [_info(one) for one in found]


@routes.post(_IMPORTS, permits="write", raises=(409, 413), takes_bytes="application/octet-stream")
def import_annotations(
    access: ExperimentAccess, table_name: str, query: ImportQuery, headers: RepeatKey
) -> AnnotationImportInfo:
    """Enter the rows of a file, all of them or none, by a job; the body is the file.

    Columns are called as in what is exported: a point `pt` is `pt_x`, `pt_y` and `pt_z`. Rows with
    an `id` keep it.
    """
    sent = imports.receive(access.storage, read_body(access.settings.max_upload_bytes))
    target = place(access, table_name, headers)
    number = imports.start(access.storage, access.services.queue, target, query.format, sent)
    return _read(access, table_name, number)


@routes.get(_IMPORT, permits="read")
def get_annotation_import(
    access: ExperimentAccess, table_name: str, annotation_import_id: int
) -> AnnotationImportInfo:
    """Get how an import stands."""
    return _read(access, table_name, annotation_import_id)


@routes.post(f"{_IMPORT}/kill", permits="write")
def kill_annotation_import(
    access: ExperimentAccess, table_name: str, annotation_import_id: int
) -> Message:
    """End an import whose rows are not entered yet; none of them will be."""
    imports.stop(access.storage, place(access, table_name), annotation_import_id)
    return Message()


def _read(access: ExperimentAccess, table_name: str, number: int) -> AnnotationImportInfo:
    with access.database.session() as session:
        who = annotator(access)
        return _info(imports.get_import(session, access.experiment_id, table_name, number, who))


def _info(status: ImportStatus) -> AnnotationImportInfo:
    asked = status.of
    return AnnotationImportInfo(
        id=asked.id,
        user_id=asked.user_id,
        format=FileFormat(asked.file_format),
        state=status.state,
        percent_done=status.percent_done,
        error=status.error,
        n_rows=asked.n_rows,
        created_at=asked.created_at,
        entered_at=asked.entered_at,
    )
