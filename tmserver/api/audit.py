"""The audit trail, for administrators."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from tmlib.accounts import audit_entries
from tmlib.accounts.audit_entries import WhichResource
from tmlib.accounts.models import AuditEntry
from tmlib.experiments.ownership import EXPERIMENT
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, IdText, Moment, Schema, Text

routes = Routes("audit")


class Event(Schema):
    """Something that was done or refused.

    ``action`` is the name of the operation in this document, or a command of the terminal;
    ``status`` the status of the answer, or the exit code of the command. Without ``user_id`` the
    name is only what somebody said. ``details`` is what was sent, in short.
    """

    at: datetime = Field(examples=["2024-03-14T09:30:00Z"])
    user: str
    user_id: Id | None
    experiment: str | None = Field(examples=["Experiment XY"])
    experiment_id: Id | None
    resource_kind: str | None = Field(examples=["experiment"])
    resource_id: Id | None
    resource_name: str | None = Field(examples=["Experiment XY"])
    action: str = Field(examples=["delete_plate"])
    details: dict[str, Any] = Field(examples=[{"plate_id": "MQ=="}])
    status: int = Field(examples=[200])
    address: str | None = Field(examples=["192.0.2.7"])
    request_id: str | None = Field(examples=["5f0c1c3a9e0d4b7f"])


class Events(Schema):
    """Events, the latest first. ``cursor`` gives the next ones, null says that there are none."""

    events: list[Event]
    cursor: str | None = Field(examples=["4711"])


class WhichEvents(Schema):
    """Asks for events that fit everything that is given; names as they were at the time."""

    user: Text | None = None
    experiment: Text | None = Field(None, examples=["Experiment XY"])
    experiment_id: IdText | None = None
    resource_kind: Text | None = Field(None, examples=["experiment"])
    resource_id: IdText | None = None
    resource_name: Text | None = Field(None, examples=["Experiment XY"])
    action: Text | None = Field(None, examples=["delete_plate"])
    since: Moment | None = Field(None, examples=["2024-03-14T00:00:00Z"])
    until: Moment | None = Field(None, examples=["2024-03-15T00:00:00Z"])
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[int | None, Field(ge=1, le=2**63 - 1, examples=[None])] = None


@routes.get("/api/audit", permits="admin")
def get_audit(access: UserAccess, query: WhichEvents) -> Events:
    """List who has done what to which experiment, group or other resource, the latest first."""
    which = [WhichResource(query.resource_kind, query.resource_id, query.resource_name)]
    if query.experiment is not None or query.experiment_id is not None:
        which.append(WhichResource(EXPERIMENT, query.experiment_id, query.experiment))
    with access.database.session() as session:
        found = audit_entries.find(
            session,
            user=query.user,
            resources=which,
            action=query.action,
            since=query.since,
            until=query.until,
            before=query.cursor,
            limit=query.limit + 1,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return Events(events=[_event(entry) for entry in shown], cursor=cursor)


def _event(entry: AuditEntry) -> Event:
    is_experiment = entry.resource_kind == EXPERIMENT
    return Event(
        at=entry.at,
        user=entry.user_name,
        user_id=entry.user_id,
        experiment=entry.resource_name if is_experiment else None,
        experiment_id=entry.resource_id if is_experiment else None,
        resource_kind=entry.resource_kind,
        resource_id=entry.resource_id,
        resource_name=entry.resource_name,
        action=entry.action,
        details=entry.details,
        status=entry.status,
        address=entry.address,
        request_id=entry.request_id,
    )
