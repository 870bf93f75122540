"""What this server can do, and whether it can do it now."""

from typing import Any

from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError

from tmlib import microscopes
from tmlib.db import revision
from tmlib.errors import Unavailable
from tmlib.experiments.service import ACQUISITION_MODES
from tmlib.workflow.arguments import SUBMISSION_ARGUMENTS, json_schema
from tmlib.workflow.service import WORKFLOW_TYPES
from tmlib.workflow.steps import STEPS
from tmserver.access import Access, UserAccess
from tmserver.http.documentation import declare_document
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message, Schema

routes = Routes("information")

_SCHEMA = {"type": "object", "properties": {"batch_size": {"type": "integer", "minimum": 1}}}


class WorkflowStep(Schema):
    """A step that workflows can have, and what its arguments may be, as JSON schema.

    ``batch_args`` say what is done, ``submission_args`` what a job may take.
    """

    name: str = Field(examples=["corilla"])
    fullname: str = Field(examples=["Illumination statistics"])
    help: str
    batch_args: dict[str, Any] = Field(examples=[_SCHEMA])
    submission_args: dict[str, Any] = Field(examples=[_SCHEMA])


@routes.get("/healthz", permits="public")
def check_process(access: Access) -> Message:
    """Tell that the process is alive."""
    return Message()


@routes.get("/readyz", permits="public", raises=(503,))
def check_readiness(access: Access) -> Message:
    """Tell whether requests can be answered: the database is there and up to date."""
    try:
        problem = revision.mismatch(access.database)
    except SQLAlchemyError as error:
        raise Unavailable("The database cannot be reached.") from error
    if problem is not None:
        raise Unavailable(problem)
    return Message()


@routes.get("/api/workflow_types", permits="user")
def get_workflow_types(access: UserAccess) -> list[str]:
    """List the workflow types that an experiment can have."""
    return list(WORKFLOW_TYPES)


@routes.get("/api/workflow_steps", permits="user")
def get_workflow_steps(access: UserAccess) -> list[WorkflowStep]:
    """List the steps that workflows can have, with schemas of their arguments."""
    return [
        WorkflowStep(
            name=step.name,
            fullname=step.fullname,
            help=step.help,
            batch_args=json_schema(step.arguments),
            submission_args=json_schema(SUBMISSION_ARGUMENTS),
        )
        for step in STEPS.values()
    ]


@routes.get("/api/microscope_types", permits="user")
def get_microscope_types(access: UserAccess) -> list[str]:
    """List the microscope types that an experiment can have."""
    return microscopes.names()


@routes.get("/api/acquisition_modes", permits="user")
def get_acquisition_modes(access: UserAccess) -> list[str]:
    """List the plate acquisition modes that an experiment can have."""
    return list(ACQUISITION_MODES)


declare_document(routes, "/api/openapi.json")
