"""Who gave a name and a password: somebody this server knows, or somebody the directory knows.

Each account has one of the two, which alone decides: a local account of the same name is never
taken for that of the directory, and without the directory nobody it knows gets in.
"""

import unicodedata

from flask import request
from sqlalchemy import select

from tmlib.accounts import external, service
from tmlib.accounts.external import LDAP
from tmlib.accounts.identity import Account
from tmlib.accounts.models import User
from tmserver.access import Access
from tmserver.audit_trail import audit_entry

DATABASE = "database"
"""What knows the users of this server and their passwords."""


def plugins(access: Access) -> list[str]:
    """What can be asked about a name and a password."""
    return [DATABASE] if access.services.directory is None else [DATABASE, LDAP]


def authenticate(access: Access, name: str, password: str, plugin: str | None = None) -> Account:
    """The user with this name and password.

    Parameters
    ----------
    access
        The request.
    name, password
        What the user gave.
    plugin
        What shall be asked, one of `plugins`. If it is not said, local accounts with passwords
        are looked for first, and what has none is left to the directory.

    Raises
    ------
    BadInput
        If the directory has a name for the user that cannot be used, or several.
    Conflict
        If a local account is in the way of one of the directory.
    NotLoggedIn
        If the name or the password is wrong, or the user is disabled.
    TooManyAttempts
        If too many were wrong lately.
    Unavailable
        If the directory cannot be asked.
    """
    audit_entry().user_name = name
    directory = access.services.directory
    if plugin is None:
        plugin = DATABASE if directory is None or _is_local(access, name) else LDAP
    counted = name if plugin == DATABASE else _folded(name)
    with access.services.login_attempts.attempt(counted, request.remote_addr or ""):
        if directory is not None and plugin == LDAP:
            account = external.admit(access.database, directory.authenticate(name, password))
        else:
            with access.database.session() as session:
                account = Account.of(service.authenticate(session, name, password))
    audit_entry().is_by(account)
    return account


def _is_local(access: Access, name: str) -> bool:
    with access.database.session() as session:
        query = select(User.id).where(
            User.name == name, User.origin.is_(None), User.password_hash != service.NO_PASSWORD
        )
        return session.scalar(query) is not None


def _folded(name: str) -> str:
    """A name without what some directory overlooks: case, spaces, accents, widths of letters."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())
