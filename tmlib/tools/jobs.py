"""Tools as a program of the ledger: a request becomes a job, whose end makes the result visible."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.experiments.ownership import owner
from tmlib.ledger import interactive, programs
from tmlib.ledger.models import State
from tmlib.ledger.programs import Assignment, JobContext, Part, Program
from tmlib.ledger.queue import Queue
from tmlib.storage import ExperimentStorage
from tmlib.tools import requests
from tmlib.tools.base import Tool
from tmlib.tools.payloads import Payload
from tmlib.tools.registry import get_tool
from tmlib.tools.sweeping import sweep

PROGRAM = "tool"

_PREFIX = "tool_"


def request(
    database: Database,
    queue: Queue,
    storage: ExperimentStorage,
    user_id: int,
    tool: Tool[Any],
    payload: Payload,
    *,
    is_admin: bool = False,
) -> int:
    """Ask a tool; what can be known to go wrong is said at once.

    Who asks is as for :func:`tmlib.tools.requests.check`, also when the job runs.

    Returns
    -------
    int
        Number of the submission.

    Raises
    ------
    BadInput
        If the tool cannot do what it is asked to.
    NotFound
        If there is no table of remarks of that name.
    Forbidden
        If the user may not read it.
    """
    with database.session() as session:
        objects = requests.check(session, storage, user_id, tool, payload, is_admin=is_admin)
    if objects.remarks is not None:
        payload = tool.as_of(payload, objects.remarks.of)
    return interactive.submit(
        database,
        queue,
        owner(storage.experiment_id),
        user_id,
        program=PROGRAM,
        job_type="ToolJob",
        description={
            "tool_name": tool.name,
            "payload": payload.model_dump(mode="json"),
            "is_admin": is_admin,
        },
        jobs={_job_name(tool.name): {}},
    )


class ToolProgram(Program):
    """Does the work of requests."""

    name: ClassVar[str] = PROGRAM

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Do the work of one request."""
        storage = ExperimentStorage(context.settings.data_dir, context.owner.id)
        tool = get_tool(job.description["tool_name"])
        payload = tool.payload_type.model_validate(job.description["payload"])
        prepared = requests.prepare(
            context.database,
            storage,
            job.submission_id,
            job.user_id,
            tool,
            payload,
            context.progress,
            is_admin=job.description.get("is_admin", False),
        )
        context.effects.append(lambda session: requests.record(session, prepared))
        context.afterwards.append(lambda: sweep(context.database, storage))
        return ()


def kill(session: Session, experiment_id: int, job_id: int) -> None:
    """End the job of a tool; what it has found so far is gone.

    Raises
    ------
    NotFound
        If the experiment has no such job.
    """
    interactive.kill(session, owner(experiment_id), PROGRAM, job_id)


def jobs(
    session: Session,
    experiment_id: int,
    *,
    submission_id: int | None = None,
    tool_name: str | None = None,
    state: State | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Jobs of tools in an experiment, the latest first.

    Parameters
    ----------
    tool_name
        Only those of this tool; the name of a job stands for its tool.
    """
    return interactive.jobs(
        session,
        owner(experiment_id),
        PROGRAM,
        submission_id=submission_id,
        name=None if tool_name is None else _job_name(tool_name),
        state=state,
        limit=limit,
        offset=offset,
    )


def _job_name(tool_name: str) -> str:
    return _PREFIX + tool_name.removeprefix(_PREFIX)


programs.register(ToolProgram())
