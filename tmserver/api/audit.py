"""The audit trail, for administrators."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tmlib.accounts import audit
from tmlib.accounts.models import AuditEvent
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, IdText, Schema, Text

routes = Routes("audit")

_Moment = Annotated[
    datetime,
    AfterValidator(lambda moment: moment if moment.tzinfo else moment.replace(tzinfo=UTC)),
]


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
    action: Text | None = Field(None, examples=["delete_plate"])
    since: _Moment | None = Field(None, examples=["2024-03-14T00:00:00Z"])
    until: _Moment | None = Field(None, examples=["2024-03-15T00:00:00Z"])
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[int | None, Field(ge=1, le=2**63 - 1, examples=[None])] = None


@routes.get("/api/audit", permits="admin")
def get_audit(access: UserAccess, query: WhichEvents) -> Events:
    """List who has done what to which experiment, the latest first."""
    with access.database.session() as session:
        found = audit.find(
            session,
            user=query.user,
            experiment=query.experiment,
            experiment_id=query.experiment_id,
            action=query.action,
            since=query.since,
            until=query.until,
            before=query.cursor,
            limit=query.limit + 1,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return Events(events=[_event(event) for event in shown], cursor=cursor)


def _event(event: AuditEvent) -> Event:
    return Event(
        at=event.at,
        user=event.user_name,
        user_id=event.user_id,
        experiment=event.experiment_name,
        experiment_id=event.experiment_id,
        action=event.action,
        details=event.details,
        status=event.status,
        address=event.address,
        request_id=event.request_id,
    )
