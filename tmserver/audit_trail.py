"""Writes the audit trail: one entry for each request that changes something, in one place.

Which requests those are follows from their route, see
:attr:`tmserver.http.routing.Operation.is_event`. What nobody known has sent leaves no entry, but
for logins: it changes nothing, and anybody could fill the table.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Response, g, request
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from tmlib.accounts import audit_entries
from tmlib.accounts.audit_entries import Resource
from tmlib.accounts.identity import Account
from tmlib.db import Database
from tmlib.errors import DatabaseBusy

_logger = logging.getLogger(__name__)

_TOO_MANY_REQUESTS = 429


@dataclass
class PendingEntry:
    """What is known so far of what the present request does, for the audit trail."""

    action: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    user_id: int | None = None
    user_name: str | None = None
    resource: Resource | None = None

    def begin(self, action: str, variables: Mapping[str, str]) -> None:
        """Tell what is asked for: an operation, and the variables of its path."""
        self.action = action
        self.details = {**variables}

    def takes(self, body: BaseModel | None) -> None:
        """Tell what was sent."""
        if body is not None:
            self.details |= {name: getattr(body, name) for name in body.model_fields_set}

    def is_by(self, user: Account) -> None:
        """Tell whose request it is."""
        self.user_id, self.user_name = user.id, user.name

    def is_done_to(self, resource: Resource) -> None:
        """Tell what it changes, or would change."""
        self.resource = resource


def register(app: Flask, database: Database) -> None:
    """Write the entries of an application."""

    @app.after_request
    def record(response: Response) -> Response:
        if "audit_entry" in g and response.status_code != _TOO_MANY_REQUESTS:
            _record(database, audit_entry(), response.status_code)
        return response


def audit_entry() -> PendingEntry:
    """The entry that the present request will leave."""
    if "audit_entry" not in g:
        g.audit_entry = PendingEntry()
    return cast(PendingEntry, g.audit_entry)


def _record(database: Database, entry: PendingEntry, status: int) -> None:
    if entry.action is None or entry.user_name is None:
        return
    written = audit_entries.Entry(
        action=entry.action,
        status=status,
        user_id=entry.user_id,
        user_name=entry.user_name,
        resource=entry.resource,
        details=entry.details,
        address=request.remote_addr,
        request_id=g.request_id,
    )
    try:
        with database.transaction() as session:
            audit_entries.record(session, written)
    except (SQLAlchemyError, DatabaseBusy):
        # what was asked for is done; the log keeps what the table cannot
        short = audit_entries.shorten(written.details)
        _logger.exception("An entry is missing in the audit trail: %s %s", written, short)
