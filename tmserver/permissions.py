"""Permissions: what a request must prove before the view that it asks for is called."""

import enum
from secrets import compare_digest

from flask import request

from tmlib import logs
from tmlib.accounts import tokens
from tmlib.errors import Forbidden
from tmlib.experiments.service import get_experiment
from tmlib.ids import decode_id
from tmlib.settings import Settings
from tmserver.access import Access, ExperimentAccess, Services, UserAccess
from tmserver.audit import deed
from tmserver.authentication import Proof, identify


class Permission(enum.StrEnum):
    """What somebody must be allowed to do before a view is called.

    ``LOGIN`` is of somebody who has given the password: a personal token does not do. ``MONITOR``
    is of administrators, also with a personal token, and of whoever has the token for monitoring.
    """

    PUBLIC = "public"
    USER = "user"
    LOGIN = "login"
    ADMIN = "admin"
    MONITOR = "monitor"
    READ = "read"
    WRITE = "write"
    OWNER = "owner"

    @property
    def is_of_experiment(self) -> bool:
        """Whether it is a permission for one experiment."""
        return self in (Permission.READ, Permission.WRITE, Permission.OWNER)

    @property
    def access(self) -> type[Access]:
        """What the view gets."""
        if self in (Permission.PUBLIC, Permission.MONITOR):
            return Access
        return ExperimentAccess if self.is_of_experiment else UserAccess


def authorize(
    services: Services, permission: Permission, experiment_id: str | None, *, reads: bool
) -> Access:
    """Make sure that whoever sent the present request has a permission.

    Parameters
    ----------
    services
        Of the application.
    permission
        What is needed.
    experiment_id
        The experiment in question, as the path has it.
    reads
        Whether the request changes nothing, which is all that some proofs are good for.

    Raises
    ------
    NotLoggedIn
        If the request does not prove who sent it.
    NotFound
        If the user may not know of the experiment.
    Forbidden
        If the user, or what proves who it is, may not do this.
    """
    if permission is Permission.PUBLIC:
        return Access(services)
    if permission is Permission.MONITOR and _has_metrics_token(services.settings):
        return Access(services)
    prove = identify()
    with services.database.session() as session:
        proof = prove(session)
        logs.note(user_id=proof.user.id)
        deed().is_by(proof.user)
        _check(proof, permission, reads=reads)
        access = UserAccess(services, proof.user, proof)
        if experiment_id is not None:
            experiment = get_experiment(
                session,
                proof.user.id,
                decode_id(experiment_id),
                permission.value,  # type: ignore[arg-type] # one that is of an experiment
                is_admin=proof.is_admin,
            )
            deed().is_done_to(experiment)
            access = ExperimentAccess(services, proof.user, proof, experiment)
    _note_use(services, proof)
    return access


def _check(proof: Proof, permission: Permission, *, reads: bool) -> None:
    """Refuse what a proof is not good for, whoever's it is."""
    if proof.is_signed_url and not (reads and permission is Permission.READ):
        raise Forbidden("A signed URL can only be read: send a token instead.")
    if proof.token is not None and not (reads or proof.token.write_access):
        raise Forbidden(
            "This token may only read: use one with the scope write, or log in with your password."
        )
    if permission in (Permission.LOGIN, Permission.ADMIN) and proof.login is None:
        raise Forbidden("A token is not enough for this: log in with your password.")
    if permission is Permission.MONITOR and not proof.user.is_admin:
        raise Forbidden("Only an administrator, or who has the token for monitoring, may do this.")
    if permission is Permission.ADMIN and not proof.is_admin:
        raise Forbidden("Only an administrator may do this: ask one.")


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
    if proof.token is not None and not tokens.use_is_noted(proof.token):
        with services.database.transaction() as session:
            tokens.note_use(session, proof.token.id)
