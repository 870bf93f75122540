"""Groups of users, with whom something can be shared as one.

Administrators make them; they and the owners of a group decide who is in it. Whatever the members
of a group may do, somebody may no longer who has left it, or when it is deleted.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.audit_entries import Resource
from tmlib.accounts.identity import USERS
from tmlib.accounts.models import Group, GroupMember, User
from tmlib.accounts.service import check_name
from tmlib.errors import Conflict, Forbidden, NotFound

KIND = "group"
"""What permissions and audit entries call it."""

_GROUPS = Group.__table__
_MEMBERS = GroupMember.__table__


class GroupRow(NamedTuple):
    """A group, see :class:`tmlib.accounts.models.Group`."""

    id: int
    name: str

    @property
    def resource(self) -> Resource:
        """The group as audit entries name it."""
        return Resource(KIND, self.id, self.name)


def with_group(statement: Select[Any]) -> Select[Any]:
    """Let a statement that asks for a user find the group ``resource_id`` too.

    Its rows end with what `read` and `permit` take then.
    """
    is_meant = _GROUPS.c.id == bindparam("resource_id")
    is_member = and_(_MEMBERS.c.group_id == _GROUPS.c.id, _MEMBERS.c.user_id == USERS.c.id)
    joined = statement.outerjoin(_GROUPS, is_meant).outerjoin(_MEMBERS, is_member)
    return joined.add_columns(_GROUPS.c.id, _GROUPS.c.name, _MEMBERS.c.is_owner)


def read(found: Sequence[Any]) -> GroupRow | None:
    """The group that was found, if there is one, whoever asks."""
    number, name, _ = found
    return None if number is None else GroupRow(number, name)


def permit(found: Sequence[Any], *, as_owner: bool, is_admin: bool) -> GroupRow:
    """The group that was found, if the user may see it, or decide about it as its owner.

    Raises
    ------
    NotFound
        If there is none, or the user is not in it.
    Forbidden
        If the user does not own it.
    """
    group, is_owner = read(found), found[-1]
    if group is None or (is_owner is None and not is_admin):
        raise NotFound("There is no such group, or you are not in it.")
    if as_owner and not (is_owner or is_admin):
        raise Forbidden(f'You do not own the group "{group.name}": ask one of its owners.')
    return group


def create_group(session: Session, name: str, owner_id: int) -> GroupRow:
    """Add a group with its first member, who owns it.

    Raises
    ------
    BadInput
        If the name cannot be used.
    Conflict
        If the name is taken.
    """
    group = Group(name=check_name(name, "group"))
    session.add(group)
    _flush(session, name)
    session.add(GroupMember(group_id=group.id, user_id=owner_id, is_owner=True))
    session.flush()
    return GroupRow(group.id, group.name)


def list_groups(
    session: Session,
    user_id: int | None,
    *,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[GroupRow]:
    """Groups that a user is in, or all of them, in the order of their names."""
    query = select(_GROUPS.c.id, _GROUPS.c.name).order_by(_GROUPS.c.name)
    if user_id is not None:
        query = query.join(_MEMBERS, _MEMBERS.c.group_id == _GROUPS.c.id)
        query = query.where(_MEMBERS.c.user_id == user_id)
    if name is not None:
        query = query.where(_GROUPS.c.name == name)
    return [GroupRow(*row) for row in session.execute(query.limit(limit).offset(offset))]


def find_group(session: Session, name: str, user_id: int | None = None) -> GroupRow:
    """The group of this name, among those that a user is in, or among all.

    Raises
    ------
    NotFound
        If there is none.
    """
    # PostgreSQL refuses to look for a NUL character
    found = [] if "\x00" in name else list_groups(session, user_id, name=name)
    if not found:
        hidden = "" if user_id is None else ", or you are not in it"
        raise NotFound(f'There is no group "{name[:80]}"{hidden}.')
    return found[0]


def rename_group(session: Session, group_id: int, name: str) -> None:
    """Give a group another name.

    Raises
    ------
    BadInput
        If the name cannot be used.
    Conflict
        If the name is taken, or given elsewhere.
    """
    _check_is_decided_here(session, group_id)
    session.get_one(Group, group_id).name = check_name(name, "group")
    _flush(session, name)


def delete_group(session: Session, group_id: int) -> None:
    """Remove a group; what was shared with it is no longer."""
    session.delete(session.get_one(Group, group_id))


def list_members(session: Session, group_id: int) -> list[tuple[str, bool]]:
    """Names of the members of a group, and whether they own it, in the order of the names."""
    query = (
        select(User.name, GroupMember.is_owner)
        .join(GroupMember, GroupMember.user_id == User.id)
        .where(GroupMember.group_id == group_id)
        .order_by(User.name)
    )
    return [(name, is_owner) for name, is_owner in session.execute(query)]


def put_member(session: Session, group_id: int, user_id: int, *, is_owner: bool) -> None:
    """Let a user be in a group, as one of its owners or not.

    Raises
    ------
    Conflict
        If nobody would own it, or its members are decided on elsewhere.
    """
    _check_is_decided_here(session, group_id)
    if not is_owner:
        _keep_an_owner(session, group_id, user_id, stays=True)
    session.merge(GroupMember(group_id=group_id, user_id=user_id, is_owner=is_owner))
    session.flush()


def remove_member(session: Session, group_id: int, user_id: int) -> None:
    """Let a user be in a group no longer.

    Raises
    ------
    Conflict
        If others are in it, and nobody would own it any more, or they are decided on elsewhere.
    NotFound
        If the user is not in it.
    """
    _check_is_decided_here(session, group_id)
    _keep_an_owner(session, group_id, user_id, stays=False)
    is_meant = and_(_MEMBERS.c.group_id == group_id, _MEMBERS.c.user_id == user_id)
    removed = delete(GroupMember).where(is_meant).returning(_MEMBERS.c.user_id)
    if session.scalar(removed) is None:
        raise NotFound("The user is not in the group.")


def _check_is_decided_here(session: Session, group_id: int) -> None:
    group = session.get(Group, group_id)
    if group is not None and group.origin is not None:
        raise Conflict(
            f'The name and the members of the group "{group.name}" come from elsewhere '
            f"({group.origin}): change them there; they are taken over when members log in."
        )


def _keep_an_owner(session: Session, group_id: int, user_id: int, *, stays: bool) -> None:
    """Make sure that a group without this owner has another one, unless nobody is in it."""
    # locked, so that no two owners leave at the same moment, nor the only one while another comes
    session.execute(select(Group.id).where(Group.id == group_id).with_for_update())
    query = select(_MEMBERS.c.user_id, _MEMBERS.c.is_owner).where(_MEMBERS.c.group_id == group_id)
    others = dict(session.execute(query).all())
    is_owner = others.pop(user_id, False)
    if is_owner and (others or stays) and not any(others.values()):
        raise Conflict(
            "Nobody would own the group any more: make another member its owner first, or delete "
            "the group."
        )
    if stays and not any(others.values()):
        raise Conflict("Nobody owns the group: let its first member own it, or delete the group.")


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f'There is a group "{name}" already: choose another name.') from error
