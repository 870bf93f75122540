"""Writes the audit trail: one event for each request that changes something, in one place.

Which requests those are follows from their route, see
:attr:`tmserver.http.routing.Operation.is_event`. What nobody known has sent leaves no event, but
for logins: it changes nothing, and anybody could fill the table.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Response, g, request
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from tmlib.accounts import audit
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.errors import DatabaseBusy
from tmlib.experiments.models import Experiment

_logger = logging.getLogger(__name__)

_TOO_MANY_REQUESTS = 429


@dataclass
class Deed:
    """What is known so far of what the present request does."""

    action: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    user_id: int | None = None
    user_name: str | None = None
    experiment_id: int | None = None
    experiment_name: str | None = None

    def begin(self, action: str, variables: Mapping[str, str]) -> None:
        """Tell what is asked for: an operation, and the variables of its path."""
        self.action = action
        self.details = {**variables}

    def takes(self, body: BaseModel | None) -> None:
        """Tell what was sent."""
        if body is not None:
            self.details |= {name: getattr(body, name) for name in body.model_fields_set}

    def is_by(self, user: User) -> None:
        """Tell whose request it is."""
        self.user_id, self.user_name = user.id, user.name

    def is_done_to(self, experiment: Experiment) -> None:
        """Tell what it changes."""
        self.experiment_id, self.experiment_name = experiment.id, experiment.name


def register(app: Flask, database: Database) -> None:
    """Write the events of an application."""

    @app.after_request
    def record(response: Response) -> Response:
        if "deed" in g and response.status_code != _TOO_MANY_REQUESTS:
            _record(database, deed(), response.status_code)
        return response


def deed() -> Deed:
    """What the present request does."""
    if "deed" not in g:
        g.deed = Deed()
    return cast(Deed, g.deed)


def _record(database: Database, deed: Deed, status: int) -> None:
    if deed.action is None or deed.user_name is None:
        return
    event = audit.Event(
        action=deed.action,
        status=status,
        user_id=deed.user_id,
        user_name=deed.user_name,
        experiment_id=deed.experiment_id,
        experiment_name=deed.experiment_name,
        details=deed.details,
        address=request.remote_addr,
        request_id=g.request_id,
    )
    try:
        with database.transaction() as session:
            audit.record(session, event)
    except (SQLAlchemyError, DatabaseBusy):
        # what was asked for is done; the log keeps what the table cannot
        short = audit.shorten(event.details)
        _logger.exception("An event is missing in the audit trail: %s %s", event, short)
