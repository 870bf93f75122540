"""Tools: which there are, asking them, their jobs and their results."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import AliasChoices, Field, ValidationError
from pydantic_core import to_json
from sqlalchemy.orm import Session

from tmlib.annotation import remarks as remarks  # whose tables tools may read
from tmlib.errors import BadInput
from tmlib.ledger.models import State
from tmlib.objects.models import MapobjectType
from tmlib.objects.values.table_streams import TableFormat, stream
from tmlib.tools import jobs as tool_jobs
from tmlib.tools import models, service
from tmlib.tools.comparison import compare
from tmlib.tools.labels import LabelTable
from tmlib.tools.plates.wells import WellTable
from tmlib.tools.registry import TOOLS, get_tool
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.api.channels import map_size
from tmserver.api.mapobjects import SegmentationLayer
from tmserver.api.workflow import JobLog, LogQuery, read_job_log
from tmserver.http.negotiation import accepted_form
from tmserver.http.routing import LIST_BODY, Routes
from tmserver.http.schemas import Body, Id, IdText, Message, NamedPage, Page, Rename, Schema, Text
from tmserver.http.validation import describe
from tmserver.scopes import EXPERIMENT

routes = Routes("tools")
in_experiment = routes.within(EXPERIMENT)

_TOOLS = "/tools"
_SubmissionId = Annotated[int | None, Field(ge=1, le=2**63 - 1)]
_Time = Annotated[str, Field(examples=["2017-04-01 10:42:10"])]
_Duration = Annotated[str | None, Field(examples=["0:01:33"])]
_Attributes = Annotated[dict[str, Any], Field(examples=[{"unique_labels": [0, 1, 2]}])]
_ToolName = Annotated[Text, Field(examples=["Clustering"])]

_PAYLOAD = {
    "chosen_object_type": "Cells",
    "selected_features": ["Morphology_Area", "Intensity_mean_Channel 1"],
    "options": {"method": "kmeans", "k": 3},
}


class ToolDescription(Schema):
    """A tool, the methods to choose from, and the JSON schema of what it takes."""

    name: _ToolName
    icon: str = Field(examples=["CLU"])
    description: str = Field(examples=["Groups objects that have similar feature values."])
    methods: list[str] = Field(examples=[["kmeans"]])
    payload_schema: dict[str, Any] = Field(examples=[{"type": "object", "properties": {}}])


class ToolRequest(Body):
    """What a tool is asked to do; ``session_uuid`` is not used."""

    tool_name: _ToolName
    payload: dict[str, Any] = Field(examples=[_PAYLOAD])
    session_uuid: Annotated[
        Text | None, Field(examples=["0b0fa1c5-3c5c-4a35-8b3d-6a6f0a4f9a3e"])
    ] = None


class ToolSubmission(Schema):
    """The number of the submission that was made."""

    submission_id: int


class ToolJobQuery(Page):
    """Which jobs are asked for; ``name`` is the name of a tool too, or of a job."""

    submission_id: _SubmissionId = None
    tool_name: Annotated[Text | None, Field(validation_alias=AliasChoices("tool_name", "name"))] = (
        None
    )
    state: State | None = None


class ToolJob(Schema):
    """Where the work on a request stands."""

    id: str = Field(examples=["NzcwNDE="])
    name: str = Field(examples=["tool_Heatmap"])
    type: str = Field(examples=["ToolJob"])
    submission_id: int
    submitted_at: _Time
    state: State
    live: bool
    done: bool
    failed: bool
    exitcode: int | None
    error: str | None = Field(examples=[None])
    percent_done: float = Field(examples=[100.0])
    attempt: int = Field(examples=[1])
    host: str | None = Field(examples=["worker-1"])
    created_at: _Time
    updated_at: _Time
    time: _Duration
    cpu_time: _Duration
    memory: int | None = Field(examples=[1024])


class ToolResultQuery(NamedPage):
    """Which results are asked for."""

    submission_id: _SubmissionId = None


class TableQuery(Schema):
    """In what form; without ``format`` the header ``Accept`` decides."""

    format: Literal["csv", "parquet", "arrow"] | None = None


class OtherResultQuery(Schema):
    """The result to compare with."""

    other_id: IdText


class Agreement(Schema):
    """How many objects have this label, and that one in the other result."""

    label: str = Field(examples=["0"])
    other_label: str = Field(examples=["2.0"])
    n_objects: int = Field(examples=[1630])


class Plot(Schema):
    """A figure; the attributes are ``data`` and ``layout`` as Plotly takes them."""

    id: Id
    type: str = Field(examples=["cluster_profiles"])
    attributes: dict[str, Any] = Field(examples=[{"data": [], "layout": {}}])


class LabelLayer(Schema):
    """How the labels are to be shown, and where: the id is of the first segmentation layer."""

    id: Id | None
    type: str = Field(examples=["ScalarLayer"])
    attributes: _Attributes


class ToolResult(Schema):
    """What a tool has found out; the labels come with the tiles of its layers."""

    id: Id
    name: str = Field(examples=["Clustering-117"])
    submission_id: int
    tool_name: _ToolName
    mapobject_type_name: str
    type: str = Field(examples=["ScalarToolResult"])
    attributes: _Attributes
    layer: LabelLayer
    layers: list[SegmentationLayer]
    plots: list[Plot]
    has_wells: bool


@routes.get("/api/tools", permits="user")
def get_tools(access: UserAccess) -> list[ToolDescription]:
    """List the tools."""
    return [
        ToolDescription(
            name=tool.name,
            icon=tool.icon,
            description=tool.description,
            methods=list(tool.methods),
            payload_schema=tool.payload_type.model_json_schema(),
        )
        for tool in TOOLS.values()
    ]


@in_experiment.post(f"{_TOOLS}/request", permits="write", max_bytes=LIST_BODY)
def process_tool_request(access: ExperimentAccess, body: ToolRequest) -> ToolSubmission:
    """Ask a tool to do something; a job does it, and its end makes the result visible."""
    tool = get_tool(body.tool_name)
    try:
        payload = tool.payload_type.model_validate_json(to_json(body.payload), strict=True)
    except ValidationError as error:
        raise BadInput(describe(error, "POST", in_query=False)) from None
    submission_id = tool_jobs.request(
        access.database,
        access.services.queue,
        access.storage,
        access.user.id,
        tool,
        payload,
        is_admin=access.proof.is_admin,
    )
    return ToolSubmission(submission_id=submission_id)


@in_experiment.get(f"{_TOOLS}/jobs", permits="read")
def get_tool_jobs(access: ExperimentAccess, query: ToolJobQuery) -> list[ToolJob]:
    """List the jobs of tools, the latest first."""
    with access.database.session() as session:
        found = tool_jobs.jobs(session, access.experiment_id, **query.model_dump())
    return [ToolJob.model_validate(job) for job in found]


@in_experiment.get(f"{_TOOLS}/jobs/<job_id>/log", permits="read")
def get_tool_job_log(access: ExperimentAccess, job_id: int, query: LogQuery) -> JobLog:
    """Get what a job has written so far, also while it runs."""
    return read_job_log(access, job_id, query.cursor)


@in_experiment.post(f"{_TOOLS}/jobs/<job_id>/kill", permits="write")
def kill_tool_job(access: ExperimentAccess, job_id: int) -> Message:
    """Kill a job; one that has ended stays as it is."""
    with access.database.transaction() as session:
        tool_jobs.kill(session, access.experiment_id, job_id)
    return Message()


@in_experiment.get(f"{_TOOLS}/results", f"{_TOOLS}/result", permits="read")
def get_tool_results(access: ExperimentAccess, query: ToolResultQuery) -> list[ToolResult]:
    """List results in the order in which they were found."""
    with access.database.session() as session:
        found = service.get_results(
            session, access.experiment_id, submission_id=query.submission_id, name=query.name
        )
        return [_result(access, session, one) for one in query.of(found)]


@in_experiment.get(
    f"{_TOOLS}/results/<tool_result_id>", f"{_TOOLS}/result/<tool_result_id>", permits="read"
)
def get_tool_result(access: ExperimentAccess, tool_result_id: int) -> ToolResult:
    """Get a result with its plots."""
    with access.database.session() as session:
        found = service.get_result(session, access.experiment_id, tool_result_id)
        return _result(access, session, found)


@in_experiment.get(
    f"{_TOOLS}/results/<tool_result_id>/labels",
    f"{_TOOLS}/result/<tool_result_id>/labels",
    permits="read",
    media=tuple(table_format.media_type for table_format in TableFormat),
)
def get_tool_result_labels(
    access: ExperimentAccess, tool_result_id: int, query: TableQuery
) -> Response:
    """Get all labels of a result: a row for each object and time point that has one.

    Tools that find several numbers of an object have a column for each.
    """
    with access.database.session() as session:
        found = service.get_result(session, access.experiment_id, tool_result_id)
    table = LabelTable(access.storage.root / found.path)
    return _table(access, table, f"{found.name}_labels", query)


@in_experiment.get(
    f"{_TOOLS}/results/<tool_result_id>/wells",
    f"{_TOOLS}/result/<tool_result_id>/wells",
    permits="read",
    media=tuple(table_format.media_type for table_format in TableFormat),
)
def get_tool_result_wells(
    access: ExperimentAccess, tool_result_id: int, query: TableQuery
) -> Response:
    """Get what a tool has found out about wells: a row for each well and time point."""
    with access.database.session() as session:
        found = service.get_result(session, access.experiment_id, tool_result_id)
    table = WellTable(service.wells_file(access.storage, found))
    return _table(access, table, f"{found.name}_wells", query)


def _table(
    access: ExperimentAccess, table: LabelTable | WellTable, name: str, query: TableQuery
) -> Response:
    table_format = TableFormat(query.format) if query.format else accepted_form(TableFormat)
    table_format = table_format or TableFormat.CSV
    response = Response(stream(table, table_format), mimetype=table_format.media_type)
    file_name = f"{access.experiment.name}_{name}.{table_format}"
    response.headers.set("Content-Disposition", "attachment", filename=file_name)
    response.vary.add("Accept")
    return response


@in_experiment.get(
    f"{_TOOLS}/results/<tool_result_id>/agreement",
    f"{_TOOLS}/result/<tool_result_id>/agreement",
    permits="read",
)
def compare_tool_results(
    access: ExperimentAccess, tool_result_id: int, query: OtherResultQuery
) -> list[Agreement]:
    """Count how often two results give an object each pair of labels."""
    with access.database.session() as session:
        one, other = (
            service.get_result(session, access.experiment_id, number)
            for number in (tool_result_id, query.other_id)
        )
    return [Agreement.model_validate(pair) for pair in compare(access.storage, one, other)]


@in_experiment.put(
    f"{_TOOLS}/results/<tool_result_id>",
    f"{_TOOLS}/result/<tool_result_id>",
    permits="write",
    raises=(409,),
)
def update_tool_result(access: ExperimentAccess, tool_result_id: int, body: Rename) -> Message:
    """Rename a result."""
    with access.database.transaction() as session:
        service.rename_result(session, access.experiment_id, tool_result_id, body.name)
    return Message()


@in_experiment.delete(
    f"{_TOOLS}/results/<tool_result_id>", f"{_TOOLS}/result/<tool_result_id>", permits="write"
)
def delete_tool_result(access: ExperimentAccess, tool_result_id: int) -> Message:
    """Delete a result with its labels."""
    with access.database.transaction() as session:
        paths = service.delete_result(session, access.storage, tool_result_id)
    for path in paths:
        path.unlink(missing_ok=True)
    return Message()


def _result(access: ExperimentAccess, session: Session, found: models.ToolResult) -> ToolResult:
    mapobject_type = session.get_one(MapobjectType, found.mapobject_type_id)
    layers = mapobject_type.layers
    return ToolResult(
        id=found.id,
        name=found.name,
        submission_id=found.submission_id,
        tool_name=found.tool_name,
        mapobject_type_name=mapobject_type.name,
        type=found.type,
        attributes=found.attributes,
        layer=LabelLayer(
            id=layers[0].id if layers else None,
            type=found.type.replace("ToolResult", "Layer"),
            attributes=found.attributes,
        ),
        layers=[
            SegmentationLayer(
                id=layer.id,
                tpoint=layer.tpoint,
                zplane=layer.zplane,
                image_size=map_size(access.experiment),
            )
            for layer in layers
        ],
        plots=[Plot.model_validate(plot) for plot in found.plots],
        has_wells=found.wells_path is not None,
    )
