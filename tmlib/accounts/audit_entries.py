"""The audit trail: who has changed what, when, from where, and with which result.

Users, and what they changed, are kept by name as well as by number, without foreign keys: an entry
outlives both. What was sent is kept in short, never what proves who somebody is.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import AuditEntry
from tmlib.db import Database, clock

SECRET = re.compile(r"password|token|secret|signature|authorization|cookie|hash", re.IGNORECASE)
"""Names of what proves who somebody is."""

_HIDDEN = "***"
_LONGEST_TEXT = 100
_MOST_ITEMS = 20
_DEEPEST = 4
_LARGEST = 4000
_NAME = 255
_REMOVED_AT_ONCE = 10_000


class Resource(NamedTuple):
    """What something is done to: its kind, its number, and how it is called at the moment."""

    kind: str
    id: int
    name: str


class WhichResource(NamedTuple):
    """What entries are asked for by; what is None may be anything."""

    kind: str | None = None
    id: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Entry:
    """Something that somebody did, or was refused.

    Attributes
    ----------
    action
        Name of the operation as the API's document has it, or of a command.
    status
        Status of the answer, or exit code of a command.
    user_id, user_name
        Who did it; without a number it is only what somebody said.
    resource
        What it was done to.
    details
        What was sent.
    address
        Network address that it came from, or name of the machine that the command ran on.
    request_id
        By which the server's log tells more.
    """

    action: str
    status: int
    user_name: str
    user_id: int | None = None
    resource: Resource | None = None
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    address: str | None = None
    request_id: str | None = None


def record(session: Session, entry: Entry) -> None:
    """Add an entry of this moment."""
    kind, number, name = entry.resource or (None, None, None)
    session.add(
        AuditEntry(
            at=clock.read(session),
            action=entry.action,
            status=entry.status,
            user_id=entry.user_id,
            user_name=_cut(entry.user_name, _NAME),
            resource_kind=kind,
            resource_id=number,
            resource_name=name and _cut(name, _NAME),
            details=shorten(entry.details),
            address=entry.address,
            request_id=entry.request_id,
        )
    )


def find(
    session: Session,
    *,
    user: str | None = None,
    resources: Sequence[WhichResource] = (),
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int,
) -> list[AuditEntry]:
    """Entries that fit all that is given, the latest first.

    Parameters
    ----------
    session
        To read with.
    user, action
        Who did what; names as they were then.
    resources
        What it was done to; all of them must fit.
    since, until
        The first and the last moment.
    before
        Number of an entry: only earlier ones.
    limit
        At most so many.
    """
    query = select(AuditEntry)
    for column, value in (
        (AuditEntry.user_name, user),
        *(
            pair
            for which in resources
            for pair in (
                (AuditEntry.resource_kind, which.kind),
                (AuditEntry.resource_id, which.id),
                (AuditEntry.resource_name, which.name),
            )
        ),
        (AuditEntry.action, action),
    ):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at <= until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)))


def remove_expired(database: Database, days: float) -> None:
    """Forget what is older than so many days, some entries at a time; 0 keeps all."""
    if not days:
        return
    expired = select(AuditEntry.id).where(AuditEntry.at < clock.after(-86_400 * days))
    with database.session() as session:
        ids = session.scalars(expired.limit(_REMOVED_AT_ONCE)).all()
    if ids:
        with database.transaction() as session:
            session.execute(delete(AuditEntry).where(AuditEntry.id.in_(ids)))


def shorten(details: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, without secrets and in a few lines, as JSON has it."""
    short: dict[str, Any] = _shorten(details, _DEEPEST)
    if len(json.dumps(short)) > _LARGEST:
        return {name: _shorten(value, 0) for name, value in short.items()}
    return short


def _shorten(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in value.model_fields_set}
    if isinstance(value, Mapping):
        return _shorten_fields(value, depth - 1) if depth else f"({len(value)} fields)"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not depth:
            return f"({len(value)} items)"
        short = [_shorten(item, depth - 1) for item in value[:_MOST_ITEMS]]
        return short if len(value) == len(short) else [*short, f"({len(value)} in all)"]
    return _cut(str(value), _LONGEST_TEXT)


def _shorten_fields(fields: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {
        _cut(str(name), _LONGEST_TEXT): _HIDDEN
        if SECRET.search(str(name))
        else _shorten(value, depth)
        for name, value in islice(fields.items(), _MOST_ITEMS)
    }


def _cut(text: str, length: int) -> str:
    """A text that is not too long, and that both databases can keep."""
    text = text.replace("\x00", "?")
    return text if len(text) <= length else f"{text[: length - 1]}…"
