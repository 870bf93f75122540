"""Models that tools have trained: which there are, and taking them from one place to another."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

from flask import Response, request, send_file
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge

from tmlib.errors import TooLarge
from tmlib.experiments.service import list_experiments
from tmlib.tools import models
from tmlib.tools.learning import model_files, model_service
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.http.conditional import unless_known
from tmserver.http.multipart import whole_body
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, Message, Name, NamedPage, Rename, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("tools")
in_experiment = routes.within(EXPERIMENT)

_MODELS = "/tools/models"
_BYTES = "application/octet-stream"
_SubmissionId = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class ModelQuery(NamedPage):
    """Which models are asked for."""

    submission_id: _SubmissionId = None


class NewModel(Schema):
    """What the model is to be called."""

    name: Name


class ModelClass(Schema):
    """A class that the model tells from others, and the label of its objects."""

    label: str = Field(examples=["0.0"])
    name: str = Field(examples=["mitotic"])
    color: str | None = Field(examples=["#e4572e"])


class ToolModel(Schema):
    """A trained model: what it tells apart, what it was trained on and with what."""

    id: Id
    name: str = Field(examples=["Classification-117"])
    experiment_id: Id
    experiment_name: str
    submission_id: int | None
    tool_name: str = Field(examples=["Classification"])
    tool_version: int = Field(examples=[1])
    method: str = Field(examples=["randomforest"])
    mapobject_type_name: str
    features: list[str] = Field(examples=[["Morphology_Area", "Intensity_mean_Channel 1"]])
    classes: list[ModelClass]
    parameters: dict[str, Any] = Field(examples=[{"n_estimators": 100}])
    n_training_objects: dict[str, int] = Field(examples=[{"mitotic": 30, "other": 60}])
    scaling: str = Field(examples=["none"])
    versions: dict[str, str] = Field(examples=[{"scikit-learn": "1.6.1"}])


@routes.get("/api/tools/models", permits="user")
def get_all_tool_models(access: UserAccess, query: ModelQuery) -> list[ToolModel]:
    """List the models of all experiments that you may see."""
    with access.database.session() as session:
        user_id = None if access.proof.is_admin else access.user.id
        experiment_ids = [one.id for one in list_experiments(session, user_id)]
        found = model_service.get_models(
            session, experiment_ids, name=query.name, submission_id=query.submission_id
        )
        return [_model(one, name) for one, name in query.of(found)]


@in_experiment.get(_MODELS, permits="read")
def get_tool_models(access: ExperimentAccess, query: ModelQuery) -> list[ToolModel]:
    """List the models of an experiment in the order in which they came."""
    with access.database.session() as session:
        found = model_service.get_models(
            session, [access.experiment_id], name=query.name, submission_id=query.submission_id
        )
        return [_model(one, name) for one, name in query.of(found)]


@in_experiment.post(_MODELS, permits="write", raises=(409, 413), takes_bytes=_BYTES)
def import_tool_model(access: ExperimentAccess, query: NewModel) -> ToolModel:
    """Take a model that was exported here or elsewhere; the body is its file."""
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder, f"sent{model_files.SUFFIX}")
        sent.write_bytes(_body())
        row, undo = model_service.import_model(access.storage, sent, query.name)
    try:
        with access.database.transaction() as session:
            session.add(row)
            model_service.flush_name(session, query.name)
            return _model(row, access.experiment.name)
    except BaseException:
        undo()
        raise


@in_experiment.get(f"{_MODELS}/<tool_model_id>", permits="read")
def get_tool_model(access: ExperimentAccess, tool_model_id: int) -> ToolModel:
    """Get what a model was trained on."""
    with access.database.session() as session:
        found = model_service.get_model(session, access.experiment_id, tool_model_id)
        return _model(found, access.experiment.name)


@in_experiment.get(
    f"{_MODELS}/<tool_model_id>/file", permits="read", success=(200, 304), media=(_BYTES,)
)
def export_tool_model(access: ExperimentAccess, tool_model_id: int) -> Response:
    """Get a model as a file in the format safetensors, which holds arrays and no code."""
    with access.database.session() as session:
        found = model_service.get_model(session, access.experiment_id, tool_model_id)
    return unless_known(
        send_file(
            access.storage.root / found.path,
            mimetype=_BYTES,
            as_attachment=True,
            download_name=f"{found.name}{model_files.SUFFIX}",
            conditional=False,
        )
    )


@in_experiment.put(f"{_MODELS}/<tool_model_id>", permits="write", raises=(409,))
def update_tool_model(access: ExperimentAccess, tool_model_id: int, body: Rename) -> Message:
    """Rename a model."""
    with access.database.transaction() as session:
        model_service.rename_model(session, access.experiment_id, tool_model_id, body.name)
    return Message()


@in_experiment.delete(f"{_MODELS}/<tool_model_id>", permits="write")
def delete_tool_model(access: ExperimentAccess, tool_model_id: int) -> Message:
    """Delete a model; results that it has given stay."""
    with access.database.transaction() as session:
        path = model_service.delete_model(session, access.storage, tool_model_id)
    path.unlink(missing_ok=True)
    return Message()


def _body() -> bytes:
    """What was sent, as far as a model may be large."""
    request.max_content_length = model_service.MAX_BYTES
    try:
        return whole_body()
    except RequestEntityTooLarge:
        raise TooLarge(
            f"A file of a model has at most {model_service.MAX_BYTES // 2**20} MB: train one of "
            "fewer examples or features."
        ) from None


def _model(found: models.ToolModel, experiment_name: str) -> ToolModel:
    return ToolModel.model_validate(
        found.description
        | {
            "id": found.id,
            "name": found.name,
            "experiment_id": found.experiment_id,
            "experiment_name": experiment_name,
            "submission_id": found.submission_id,
        }
    )
