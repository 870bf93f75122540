"""Who did what, as the audit trail has it."""

import json
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.accounts.models import AuditEntry
from tmlib.facility import pages
from tmlib.facility.pages import Page, Window

Kind = Literal["db_options", "online"]

_ACTIONS = {
    "db_options": ("update_options",),
    "online": ("log_in", "log_in_with_cookie"),
}
_LOGGED_IN = 400  # statuses from here on are refusals


class ActivityRow(NamedTuple):
    """Something that somebody did."""

    username: str
    action: str
    comments: str
    date_time: datetime


def list_activity(
    session: Session, window: Window, *, kind: Kind | None = None
) -> Page[ActivityRow]:
    """What was done, the latest first.

    Parameters
    ----------
    session
        To read with.
    window
        Which part of the list.
    kind
        Only changes of options, or only logins; all if not given.
    """
    query = select(AuditEntry).where(AuditEntry.status < _LOGGED_IN)
    if kind is not None:
        query = query.where(AuditEntry.action.in_(_ACTIONS[kind]))
    found = pages.read(session, query.order_by(AuditEntry.id.desc()), window)
    rows = [_row(entry) for (entry,) in found.rows]
    return Page(rows, found.total)


def _row(entry: AuditEntry) -> ActivityRow:
    kinds = [kind for kind, actions in _ACTIONS.items() if entry.action in actions]
    about = entry.resource_name or ""
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    return ActivityRow(
        entry.user_name,
        kinds[0] if kinds else entry.action,
        " ".join(part for part in (about, details) if part),
        entry.at,
    )
