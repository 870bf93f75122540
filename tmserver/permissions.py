"""Permissions: what a request must prove before the view that it asks for is called."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from secrets import compare_digest
from typing import Any, Self

from flask import request
from sqlalchemy import Select
from sqlalchemy.exc import SQLAlchemyError

from tmlib import logs
from tmlib.accounts import tokens
from tmlib.errors import DatabaseBusy, Forbidden, TmError
from tmlib.ids import decode_id
from tmlib.settings import Settings
from tmserver.access import Access, Services, UserAccess
from tmserver.audit_trail import audit_entry
from tmserver.authentication import Claim, Proof, identify
from tmserver.scopes import EXPERIMENT, INSTALLATION, Scope

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Permission:
    """What somebody must be allowed to do before a view is called: an action on a resource."""

    scope: Scope
    action: str

    @classmethod
    def of(cls, action: str, scope: Scope | None = None) -> Self:
        """That for an action on the installation, or on a resource of a scope.

        Raises
        ------
        ValueError
            If there is no such action.
        """
        scopes = (INSTALLATION,) if scope is None else (INSTALLATION, scope)
        for one in scopes:
            if action in one.actions:
                return cls(one, action)
        known = ", ".join(action for one in scopes for action in one.actions)
        raise ValueError(f'There is no action "{action}" here: use one of {known}.')

    def __str__(self) -> str:
        return f"{self.action} ({self.scope.kind})"

    @property
    def access(self) -> type[Access]:
        """What the view gets."""
        return self.scope.actions[self.action]

    @property
    def is_of_resource(self) -> bool:
        """Whether it is for one resource, which the path names."""
        return self.scope.variable is not None

    @property
    def only_reads(self) -> bool:
        """Whether it is to look at a resource and no more."""
        return self.is_of_resource and self.action == "read"


PUBLIC = Permission.of("public")
MONITOR = Permission.of("monitor")
SIGNED = Permission.of("read", EXPERIMENT)
"""What URLs are signed for."""


def authorize(
    services: Services,
    permission: Permission,
    resource_id: str | None,
    *,
    reads: bool,
    decode: Callable[[str], Any] = decode_id,
    identify: Callable[[], Claim] = identify,
) -> Access:
    """Make sure that whoever sent the present request has a permission.

    The database is asked once, with each request: what was disabled, ended or is not shared any
    more a moment ago counts at once, whichever process is asked.

    Parameters
    ----------
    services
        Of the application.
    permission
        What is needed.
    resource_id
        The resource in question, as the path has it.
    reads
        Whether the request changes nothing, which is all that some proofs are good for.
    decode
        Gives the key of the resource in the database.
    identify
        Says what the request claims about who has sent it.

    Raises
    ------
    NotLoggedIn
        If the request does not prove who sent it.
    NotFound
        If the user may not know of the resource.
    Forbidden
        If the user, or what proves who it is, may not do this.
    """
    if permission == PUBLIC:
        return Access(services)
    if permission == MONITOR and _has_metrics_token(services.settings):
        return Access(services)
    claim = identify()
    scope, key, problem = permission.scope, None, None
    if resource_id is not None:
        try:
            key = decode(resource_id)
        except TmError as error:  # who asks is told only when it is known who that is
            scope, problem = INSTALLATION, error
        if isinstance(key, str) and "\x00" in key:
            key = None  # nothing is called that, and PostgreSQL refuses to look for it
    statement = _statement(claim.statement, scope)
    row = services.database.one_or_none(statement, {**claim.parameters, "resource_id": key})
    proof, found = claim.check(row)
    logs.note(user_id=proof.user.id)
    entry = audit_entry()
    entry.is_by(proof.user)
    if (resource := scope.resource(found)) is not None:
        entry.is_done_to(resource)
    _check(proof, permission, reads=reads)
    if problem is not None:
        raise problem
    access = scope.admit(UserAccess(services, proof), found, permission.action)
    _note_use(services, proof)
    return access


@functools.cache
def _statement(of_claim: Select[Any], scope: Scope) -> Select[Any]:
    """What finds out who asks, whether that still holds, and what may be done with a resource."""
    return scope.look_up(of_claim)


def _check(proof: Proof, permission: Permission, *, reads: bool) -> None:
    """Refuse what a proof is not good for, whoever's it is."""
    if proof.is_signed_url and not (reads and permission.only_reads):
        raise Forbidden("A signed URL can only be read: send a token instead.")
    if proof.token is not None and not (reads or proof.token.write_access):
        raise Forbidden(
            "This token may only read: use one with the scope write, or log in with your password."
        )


def _has_metrics_token(settings: Settings) -> bool:
    if settings.metrics_token is None:
        return False
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    expected = settings.metrics_token.get_secret_value()
    return (
        scheme.lower() == "bearer"
        and bool(expected)
        and compare_digest(secret.encode(), expected.encode())
    )


def _note_use(services: Services, proof: Proof) -> None:
    if proof.token is None or tokens.use_is_noted(proof.token):
        return
    try:
        with services.database.transaction() as session:
            tokens.note_use(session, proof.token.id)
    except (SQLAlchemyError, DatabaseBusy):
        # what was asked for can be done all the same; the next request notes its use
        _logger.warning("the use of token %d is not noted", proof.token.id, exc_info=True)
