"""What this server can do, and whether it can do it now."""

from sqlalchemy.exc import SQLAlchemyError

from tmlib import microscopes
from tmlib.db import revision
from tmlib.errors import Unavailable
from tmlib.experiments.service import ACQUISITION_MODES
from tmlib.workflow.service import WORKFLOW_TYPES
from tmserver.access import Access, UserAccess
from tmserver.http.documentation import declare_document
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message

routes = Routes("information")


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


@routes.get("/api/microscope_types", permits="user")
def get_microscope_types(access: UserAccess) -> list[str]:
    """List the microscope types that an experiment can have."""
    return microscopes.names()


@routes.get("/api/acquisition_modes", permits="user")
def get_acquisition_modes(access: UserAccess) -> list[str]:
    """List the plate acquisition modes that an experiment can have."""
    return list(ACQUISITION_MODES)


declare_document(routes, "/api/openapi.json")
