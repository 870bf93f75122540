"""Features: what was measured of the objects of a type."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.objects import models
from tmlib.objects.values import feature_files
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message, Rename
from tmserver.scopes import EXPERIMENT

routes = Routes("feature", scope=EXPERIMENT)

_FEATURE = "/features/<feature_id>"


@routes.put(_FEATURE, permits="write", raises=(409,))
def update_feature(access: ExperimentAccess, feature_id: int, body: Rename) -> Message:
    """Rename a feature; its values stay."""
    if body.name in feature_files.IDENTIFIERS:
        raise BadInput(f'A feature cannot be named "{body.name}": choose another name.')
    with access.database.transaction() as session:
        _feature(session, access.experiment_id, feature_id).name = body.name
        try:
            session.flush()
        except IntegrityError as error:
            raise Conflict(
                f'The objects have a feature "{body.name}" already: choose another name.'
            ) from error
    return Message()


@routes.delete(_FEATURE, permits="write")
def delete_feature(access: ExperimentAccess, feature_id: int) -> Message:
    """Delete a feature, which is not shown any more until it is measured again."""
    with access.database.transaction() as session:
        session.delete(_feature(session, access.experiment_id, feature_id))
    return Message()


def _feature(session: Session, experiment_id: int, feature_id: int) -> models.Feature:
    feature = session.get(models.Feature, feature_id)
    if feature is None or feature.experiment_id != experiment_id:
        raise NotFound("There is no such feature in the experiment.")
    return feature
