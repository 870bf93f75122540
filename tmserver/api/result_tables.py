"""Results of tools that are saved as annotation tables: remarks on the objects, one for each."""

from typing import Annotated

from pydantic import Field

from tmlib.annotation import result_tables
from tmlib.annotation.result_tables import NewResultTable
from tmlib.annotation.tables import Level
from tmlib.errors import NotFound
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("tool result table", scope=EXPERIMENT)

_TABLES = "/tools/results/<tool_result_id>/annotation_tables"


class NewTableOfResult(Body):
    """What the table is to be called, and who may use it; see annotation tables.

    `tpoint` says of which time point the labels are, where the result has several.
    """

    name: Text = Field(examples=["phases"])
    description: Text = ""
    tpoint: Annotated[Index | None, Field(examples=[None])] = None
    read_permission: Level = "PUBLIC"
    write_permission: Level = "PRIVATE"


class TableOfResult(Schema):
    """How the making of a table stands.

    `state` is `waiting`, `running`, `done`, `failed` or `killed`. The table is there with all its
    rows, `n_rows`, when it is done, and otherwise it is not.
    """

    submission_id: int
    name: str = Field(examples=["phases"])
    state: str = Field(examples=["running"])
    percent_done: float = Field(examples=[50.0])
    error: str | None = Field(None, examples=[None])
    n_rows: int | None = Field(None, examples=[None])


@routes.get(_TABLES, permits="read")
def get_tool_result_tables(access: ExperimentAccess, tool_result_id: int) -> list[TableOfResult]:
    """List the tables that were asked for of a result, in that order, and how they stand."""
    return _list(access, tool_result_id)


@routes.post(_TABLES, permits="write", raises=(409,))
def save_tool_result(
    access: ExperimentAccess, tool_result_id: int, body: NewTableOfResult
) -> TableOfResult:
    """Save the labels of a result as a new annotation table, by a job: all of them or nothing.

    Its rows refer to the objects. A class is a `tag`, by its name; a number is a `value`.
    """
    submission_id = result_tables.start(
        access.database,
        access.services.queue,
        access.storage,
        annotator(access),
        tool_result_id,
        NewResultTable(**body.model_dump()),
    )
    for one in _list(access, tool_result_id):
        if one.submission_id == submission_id:
            return one
    raise NotFound("The result was deleted meanwhile: there is nothing to save.")


def _list(access: ExperimentAccess, tool_result_id: int) -> list[TableOfResult]:
    with access.database.session() as session:
        found = result_tables.list_tables(session, access.experiment_id, tool_result_id)
    return [TableOfResult.model_validate(one) for one in found]
