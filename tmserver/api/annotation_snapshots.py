"""Snapshots of annotations: numbered moments at which all tables can be read."""

from datetime import datetime

from pydantic import Field

from tmlib.annotation import snapshots
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Id, Name, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("annotation snapshot", scope=EXPERIMENT)


class NewSnapshot(Body):
    """What the present moment is called."""

    name: Name = Field(examples=["before the review"])


class AnnotationSnapshotInfo(Schema):
    """A moment; `as_of` of it asks for what has held then."""

    number: int
    name: str = Field(examples=["before the review"])
    user_id: Id
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])


@routes.get("/annotation_snapshots", permits="read")
def get_annotation_snapshots(access: ExperimentAccess) -> list[AnnotationSnapshotInfo]:
    """List the snapshots of an experiment, in the order of their numbers."""
    with access.database.session() as session:
        found = snapshots.list_snapshots(session, access.experiment_id)
    return [AnnotationSnapshotInfo.model_validate(one) for one in found]


@routes.post("/annotation_snapshots", permits="write")
def take_annotation_snapshot(access: ExperimentAccess, body: NewSnapshot) -> AnnotationSnapshotInfo:
    """Keep the present moment of all annotation tables under the next number, for ever."""
    with access.database.transaction() as session:
        taken = snapshots.take_snapshot(session, access.experiment_id, annotator(access), body.name)
    return AnnotationSnapshotInfo.model_validate(taken)
