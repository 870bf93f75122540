"""Accounts of people whom something else knows: a directory, or a provider of logins.

It decides who they are, whether they may come in, and which of its groups they are in. Their
accounts are made when they come first. Accounts and groups that were made here stay apart.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.identity import Account
from tmlib.accounts.models import Group, GroupMember, User
from tmlib.accounts.service import (
    NO_PASSWORD,
    WRONG,
    check_email,
    check_name,
    is_kept_for_its_name,
)
from tmlib.db import Database
from tmlib.digests import digest_of
from tmlib.errors import BadInput, Conflict, NotLoggedIn

LDAP, OIDC = "ldap", "oidc"
"""What knows them: a directory, or a provider of logins."""

NAMING = (LDAP,)
"""Of these, what gives people their names; elsewhere they may choose that of somebody else."""

MOST_GROUPS = 1000
"""That somebody can be in."""

_MOST_CHARACTERS = 255
_NOWHERE = ".invalid"  # at the end of addresses that nobody has

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExternalPerson:
    """Somebody who has proved elsewhere who they are.

    Attributes
    ----------
    origin
        What knows them.
    subject
        What they are called there for good.
    name
        The name of their account here.
    email
        Their address, if it is known.
    groups
        The names of all groups that they are in there; None to take over no groups.
    """

    origin: str
    subject: str
    name: str
    email: str | None
    groups: Sequence[str] | None


def admit(database: Database, person: ExternalPerson) -> Account:
    """The account of somebody who has proved elsewhere who they are, made if there is none yet.

    One that a portal or an import has made for a name is for whom a directory calls so.

    Raises
    ------
    BadInput
        If the name cannot be used.
    Conflict
        If another account has the name or the address.
    NotLoggedIn
        If the account is disabled here.
    """
    try:
        with database.transaction() as session:
            return _admit(session, person)
    except IntegrityError:  # another one of the group, or the same person, came in just now
        with database.transaction() as session:
            return _admit(session, person)


def _admit(session: Session, person: ExternalPerson) -> Account:
    query = select(User).where(User.origin == person.origin, User.subject == person.subject)
    user = session.scalar(query) or _create(session, person)
    if not user.is_active:
        raise NotLoggedIn(WRONG)
    if person.groups is not None:
        _take_over(session, user, person.origin, person.groups)
    return Account.of(user)


def _create(session: Session, person: ExternalPerson) -> User:
    name, email = check_name(person.name), _usable_email(person)
    if len(person.subject) > _MOST_CHARACTERS:
        raise BadInput(f"What {person.origin} calls you is too long.")
    is_free = session.scalar(select(User.id).where(User.email == email)) is None
    found = session.scalar(select(User).where(User.name == name).with_for_update())
    if found is not None and person.origin in NAMING and is_kept_for_its_name(found):
        return _hand_over(found, person, email if is_free else None)
    if found is not None:
        raise Conflict(
            f'There is another account "{name}" here already, which is not that of '
            f"{person.origin}: ask an administrator to rename it."
        )
    if not is_free:
        raise Conflict(
            f'Another account here has the address "{email}" already: ask an administrator to '
            "change it."
        )
    user = User(
        name=name,
        email=email,
        password_hash=NO_PASSWORD,
        origin=person.origin,
        subject=person.subject,
    )
    session.add(user)
    session.flush()
    return user


def _hand_over(user: User, person: ExternalPerson, email: str | None) -> User:
    """Give an account to whom it was made for, with their address if it has none."""
    user.origin, user.subject = person.origin, person.subject
    if email is not None and person.email == email and user.email.endswith(_NOWHERE):
        user.email = email
    _logger.info("the account %r is from now on for who logs in by %s", user.name, person.origin)
    return user


def _usable_email(person: ExternalPerson) -> str:
    """The address, or one that nobody has in its place."""
    if person.email:
        try:
            return check_email(person.email)
        except BadInput:
            _logger.warning("the address of %r from %s is unusable", person.name, person.origin)
    digest = digest_of(person.subject, 32)
    return f"{digest}@{person.origin}{_NOWHERE}"


def _take_over(session: Session, user: User, origin: str, names: Sequence[str]) -> None:
    """Let a user be in these groups of an origin, and in no others of it."""
    wanted = _usable_groups(names, origin)
    present = {
        group.name: group for group in session.scalars(select(Group).where(Group.name.in_(wanted)))
    }
    for name in wanted:
        if name not in present:
            present[name] = Group(name=name, origin=origin)
            session.add(present[name])
        elif present[name].origin != origin:
            _logger.warning("the group %r of %s is not taken over: the name is taken", name, origin)
            del present[name]
    session.flush()
    ids = {group.id for group in present.values()}
    of_origin = select(GroupMember.group_id).join(Group, Group.id == GroupMember.group_id)
    before = set(
        session.scalars(of_origin.where(GroupMember.user_id == user.id, Group.origin == origin))
    )
    session.execute(
        delete(GroupMember).where(
            GroupMember.user_id == user.id, GroupMember.group_id.in_(before - ids)
        )
    )
    session.add_all(GroupMember(group_id=one, user_id=user.id) for one in sorted(ids - before))
    session.flush()


def _usable_groups(names: Sequence[str], origin: str) -> list[str]:
    found = set()
    for name in sorted(set(names))[:MOST_GROUPS]:
        try:
            found.add(check_name(name, "group"))
        except BadInput:
            _logger.warning("the group %.80r of %s has a name that cannot be used", name, origin)
    return sorted(found)
