"""Experiments."""

from typing import Literal

from tmlib.errors import BadInput, Forbidden
from tmlib.experiments import models, ownership, service
from tmlib.experiments.sharing import ExperimentRow
from tmlib.workflow import deletion
from tmlib.workflow import service as workflow
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.audit_trail import audit_entry
from tmserver.http.routing import Routes
from tmserver.http.schemas import (
    Body,
    Change,
    Id,
    Message,
    Name,
    NamedPage,
    Schema,
    Text,
    WholeNumber,
)
from tmserver.scopes import EXPERIMENT

routes = Routes("experiment")
in_experiment = routes.within(EXPERIMENT)


class Experiment(Schema):
    """An experiment; ``user`` is the name of its owner."""

    id: Id
    name: str
    description: str
    user: str
    microscope_type: str
    workflow_type: str
    plate_format: int
    plate_acquisition_mode: str


class NewExperiment(Body):
    """What an experiment is from its beginning."""

    name: Name
    description: Text = ""
    workflow_type: Text
    microscope_type: Text
    plate_format: WholeNumber
    plate_acquisition_mode: Literal["basic", "multiplexing"]


class ExperimentChange(Change):
    """A new name or description."""

    name: Name | None = None
    description: Text | None = None


class WhichExperiments(NamedPage):
    """Asks for your own experiments and those shared with you, or for those of everybody."""

    everybody: bool = False


@routes.get("/api/experiments", permits="user", raises=(403,))
def get_experiments(access: UserAccess, query: WhichExperiments) -> list[Experiment]:
    """List the experiments that you own or that are shared with you.

    Administrators can list the experiments of `everybody`.
    """
    if query.everybody and not access.proof.is_admin:
        raise Forbidden("Only an administrator sees the experiments of everybody.")
    with access.database.session() as session:
        experiments = service.list_experiments(
            session,
            None if query.everybody else access.user.id,
            name=query.name,
            limit=query.limit,
            offset=query.offset,
        )
    return [_experiment(experiment, experiment.user_name) for experiment in experiments]


@routes.post("/api/experiments", permits="user", raises=(409,))
def create_experiment(access: UserAccess, body: NewExperiment) -> Experiment:
    """Create an experiment that belongs to you."""
    if body.workflow_type not in workflow.WORKFLOW_TYPES:
        raise BadInput(
            f'There is no "workflow_type" {body.workflow_type}: use one of '
            f"{', '.join(workflow.WORKFLOW_TYPES)}."
        )
    with access.database.transaction() as session:
        experiment = service.create_experiment(session, access.user.id, **body.model_dump())
        audit_entry().is_done_to(ownership.resource(experiment.id, experiment.name))
        return _experiment(experiment, access.user.name)


@in_experiment.get("", permits="read")
def get_experiment(access: ExperimentAccess) -> Experiment:
    """Get an experiment."""
    return _experiment(access.experiment, access.experiment.user_name)


@in_experiment.put("", permits="write", raises=(409,))
def update_experiment(access: ExperimentAccess, body: ExperimentChange) -> Message:
    """Rename an experiment or describe it anew."""
    with access.database.transaction() as session:
        service.update_experiment(
            session, access.experiment_id, name=body.name, description=body.description
        )
    return Message()


@in_experiment.delete("", permits="owner")
def delete_experiment(access: ExperimentAccess) -> Message:
    """Delete an experiment with all its files, images and objects; its workflow is killed.

    It is out of sight at once. What is large is removed afterwards, piece by piece.
    """
    deletion.delete_experiment(access.database, access.settings, access.experiment_id)
    return Message()


def _experiment(experiment: models.Experiment | ExperimentRow, owner: str) -> Experiment:
    return Experiment(
        id=experiment.id,
        name=experiment.name,
        description=experiment.description,
        user=owner,
        microscope_type=experiment.microscope_type,
        workflow_type=experiment.workflow_type,
        plate_format=experiment.plate_format,
        plate_acquisition_mode=experiment.plate_acquisition_mode,
    )
