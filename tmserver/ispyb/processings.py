"""Processings: workflows and tools that were run with what was acquired."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, Json

from tmlib.errors import BadInput
from tmlib.facility import job_logs, jobs
from tmlib.facility.jobs import Message, Processing
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import MAX_INT
from tmserver.ispyb.forms import Model, Moment, Number, PageQuery, Query
from tmserver.ispyb.looking import looking

routes = Routes("Processing")

_MOST = 10_000


class UnreadableIds(BadInput):
    """Numbers of data collections are no list of them."""

    status_code: ClassVar[int] = 422


class AutoProcProgramMessage(Model):
    """Why something went wrong."""

    auto_proc_program_message_id: int
    auto_proc_program_id: int
    description: str
    message: str
    severity: Literal["ERROR", "WARNING", "INFO"] = "ERROR"
    record_time_stamp: Moment


class ProcessingJob(Model):
    """What was asked for."""

    processing_job_id: int
    display_name: str | None
    comments: str | None = None
    record_timestamp: Moment
    recipe: str | None
    automatic: bool = False
    processing_job_parameters: list[None] = Field([], alias="ProcessingJobParameters")


class AutoProcProgramMetaData(Model):
    """What came of it."""

    attachments: int = 0
    auto_proc_program_messages: list[AutoProcProgramMessage]
    image_sweep_count: int | None = None


class AutoProcProgram(Model):
    """Something that was run; the status is 1 for success, 0 for failure, null before the end."""

    auto_proc_program_id: int
    processing_command_line: str | None = None
    processing_programs: str | None
    processing_status: int | None
    processing_message: str | None
    processing_start_time: Moment | None
    processing_end_time: Moment | None
    processing_environment: str | None = None
    record_time_stamp: Moment
    processing_job: ProcessingJob | None = Field(alias="ProcessingJob")
    metadata: AutoProcProgramMetaData = Field(alias="_metadata")


class ProcessingStatus(Model):
    """How a run stands."""

    status: int | None
    auto_proc_program_id: int


class ProcessingStatuses(Model):
    """How the runs of a data collection stand, by the names of programs."""

    screening: None = None
    xrc: None = None
    processing: dict[str, list[ProcessingStatus]] | None
    auto_integration: None = None
    em: None = None


class ProcessingStatusesList(Model):
    """The same by numbers of data collections, of those that have runs."""

    statuses: dict[int, ProcessingStatuses]


class MessageStatus(Model):
    """How many messages there are."""

    errors: int
    warnings: int = 0
    info: int = 0


class MessageStatusesList(Model):
    """The same by numbers of data collections, of those that have messages."""

    statuses: dict[int, MessageStatus]


class WhichProcessings(PageQuery):
    """Asks for the runs of a data collection."""

    data_collection_id: Number | None = None


class WhichMessages(WhichProcessings):
    """Asks for messages of a data collection."""

    auto_proc_program_message_id: Number | None = None


class WhichStatuses(Query):
    """Asks for data collections, whose numbers are a list in JSON."""

    data_collection_ids: Json[Any] = Field(examples=["[1, 2]"])


@routes.get("/processings", permits="user")
def get_processings(access: UserAccess, query: WhichProcessings) -> Part[AutoProcProgram]:
    """List what was run, the latest first."""
    with looking(access) as (session, viewer):
        found = jobs.list_processings(
            session, viewer, query.window, collection_id=query.data_collection_id
        )
        n_logs = job_logs.count_logs(session, [one.id for one in found.rows])
    return Part([_program(one, n_logs.get(one.id, 0)) for one in found.rows], found.total)


@routes.get("/processings/status", permits="user")
def get_processing_statuses(access: UserAccess, query: WhichStatuses) -> ProcessingStatusesList:
    """Tell how the runs of some data collections stand."""
    numbers = _numbers(query)
    with looking(access) as (session, viewer):
        found = jobs.of_collections(session, viewer, numbers)
    return ProcessingStatusesList(
        statuses={number: _statuses(processings) for number, processings in found.items()}
    )


@routes.get("/processings/messages", permits="user")
def get_messages(access: UserAccess, query: WhichMessages) -> Part[AutoProcProgramMessage]:
    """List why something went wrong."""
    with looking(access) as (session, viewer):
        found = jobs.list_messages(
            session,
            viewer,
            query.window,
            message_id=query.auto_proc_program_message_id,
            collection_id=query.data_collection_id,
        )
    return Part([_message(one) for one in found.rows], found.total)


@routes.get("/processings/messages/status", permits="user")
def get_message_statuses(access: UserAccess, query: WhichStatuses) -> MessageStatusesList:
    """Count what went wrong with some data collections."""
    numbers = _numbers(query)
    with looking(access) as (session, viewer):
        found = jobs.of_collections(session, viewer, numbers)
        ids = {one.id for processings in found.values() for one in processings}
        errors = jobs.count_errors(session, sorted(ids))
    sums = {
        number: sum(errors.get(one.id, 0) for one in processings)
        for number, processings in found.items()
    }
    counts = {number: MessageStatus(errors=count) for number, count in sums.items() if count}
    return MessageStatusesList(statuses=counts)


def _numbers(query: WhichStatuses) -> list[int]:
    given = query.data_collection_ids
    is_list = isinstance(given, list) and 0 < len(given) <= _MOST
    if not (is_list and all(type(one) is int and 0 <= one <= MAX_INT for one in given)):
        raise UnreadableIds("Couldn't parse dataCollectionIds")
    return list(given)


def _program(one: Processing, n_attachments: int) -> AutoProcProgram:
    return AutoProcProgram(
        auto_proc_program_id=one.id,
        processing_programs=one.program,
        processing_status=one.code,
        processing_message=one.word,
        processing_start_time=one.started_at,
        processing_end_time=one.finished_at,
        record_time_stamp=one.submitted_at,
        processing_job=ProcessingJob(
            processing_job_id=one.id,
            display_name=one.experiment,
            record_timestamp=one.submitted_at,
            recipe=one.program,
        ),
        metadata=AutoProcProgramMetaData(attachments=n_attachments, auto_proc_program_messages=[]),
    )


def _statuses(processings: Sequence[Processing]) -> ProcessingStatuses:
    by_program: dict[str, list[ProcessingStatus]] = {}
    for one in processings:
        status = ProcessingStatus(status=one.code, auto_proc_program_id=one.id)
        by_program.setdefault(one.program, []).append(status)
    return ProcessingStatuses(processing=by_program)


def _message(one: Message) -> AutoProcProgramMessage:
    return AutoProcProgramMessage(
        auto_proc_program_message_id=one.id,
        auto_proc_program_id=one.processing_id,
        description=one.name,
        message=one.error,
        record_time_stamp=one.at,
    )
