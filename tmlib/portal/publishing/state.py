"""What an experiment was like when its publication began, since only that becomes public."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib import digests
from tmlib.errors import Conflict
from tmlib.experiments.models import Acquisition, Channel, Plate
from tmlib.experiments.ownership import owner
from tmlib.ledger import submissions, tree
from tmlib.objects import versions
from tmlib.objects.models import MapobjectType, SegmentationLayer
from tmlib.workflow import service
from tmlib.workflow.models import WORKFLOW


def check_nothing_runs(session: Session, experiment_id: int) -> None:
    """Make sure that no workflow changes an experiment meanwhile.

    Raises
    ------
    Conflict
        If one is at work.
    """
    if submissions.running(session, owner(experiment_id), WORKFLOW) is not None:
        raise Conflict("A workflow is at work on the experiment: wait for its end, or stop it.")


def read_state(session: Session, experiment_id: int) -> dict[str, Any]:
    """What tells whether images, objects, their names or how they were made have changed since."""
    latest = submissions.latest(session, owner(experiment_id), WORKFLOW)
    ended = None if latest is None else tree.root(session, latest.id).finished_at
    settings = [
        None if latest is None else latest.description,
        service.get_jterator_project(session, experiment_id),
        *(_names(session, experiment_id, model) for model in (Plate, Acquisition, Channel)),
    ]
    layers = session.execute(
        select(SegmentationLayer.id, MapobjectType.name)
        .join(MapobjectType, MapobjectType.id == SegmentationLayer.mapobject_type_id)
        .where(SegmentationLayer.experiment_id == experiment_id, ~MapobjectType.is_static)
        .order_by(SegmentationLayer.id)
    )
    return {
        "workflow": None if latest is None else latest.id,
        "ended": None if ended is None else ended.isoformat(),
        "settings": digests.digest_of(json.dumps(settings)),
        "layers": {
            str(layer_id): f"{name} {versions.layer_version(session, layer_id)}"
            for layer_id, name in layers
        },
    }


def _names(
    session: Session, experiment_id: int, model: type[Plate | Acquisition | Channel]
) -> dict[int, str]:
    rows = session.execute(
        select(model.id, model.name).where(model.experiment_id == experiment_id).order_by(model.id)
    )
    return {row.id: row.name for row in rows}


def check_is_unchanged(session: Session, experiment_id: int, state: dict[str, Any]) -> None:
    """Make sure that an experiment is as it was.

    Raises
    ------
    Conflict
        If it was changed.
    """
    check_nothing_runs(session, experiment_id)
    if read_state(session, experiment_id) != state:
        raise Conflict(
            "The experiment was changed while it was being published, and nothing of it is "
            "public: publish it again."
        )
