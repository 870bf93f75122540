"""Permissions that members of groups have, and groups as a facility sees them."""

from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts import groups
from tmlib.accounts.models import Group, GroupMember, User
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.facility import pages
from tmlib.facility.models import GroupPermission, InstrumentGroup, Permission
from tmlib.facility.pages import Page, Window
from tmlib.facility.visibility import ALL_PROPOSALS

MANAGE_PERSONS = "manage_persons"
"""The permission to list all users."""

ACTIONS = ("manage_options", "manage_groups", "manage_perms", "view_activity", "uportal_sync")
"""Permissions to do something with the facility as a whole."""

_OURS = frozenset((ALL_PROPOSALS, MANAGE_PERSONS, *ACTIONS))


class GroupRow(NamedTuple):
    """A group, with how many permissions and people it has."""

    id: int
    name: str
    n_permissions: int
    n_people: int


def held_by(session: Session, user_id: int) -> list[str]:
    """Names of all permissions that a user has through groups, in alphabetical order."""
    query = (
        select(Permission.type)
        .join(GroupPermission, GroupPermission.permission_id == Permission.id)
        .join(GroupMember, GroupMember.group_id == GroupPermission.group_id)
        .where(GroupMember.user_id == user_id)
        .distinct()
        .order_by(Permission.type)
    )
    return list(session.scalars(query))


def list_permissions(
    session: Session,
    window: Window,
    *,
    permission_id: int | None = None,
    group_id: int | None = None,
    search: str | None = None,
) -> Page[Any]:
    """Permissions: number, type and description."""
    query = select(Permission.id, Permission.type, Permission.description).order_by(Permission.id)
    if permission_id is not None:
        query = query.where(Permission.id == permission_id)
    if group_id is not None:
        query = query.join(GroupPermission).where(GroupPermission.group_id == group_id)
    if search:
        query = query.where(pages.contains(search, Permission.type))
    return pages.read(session, query, window)


def create_permission(session: Session, type_: str, description: str | None) -> Permission:
    """Add a permission.

    Raises
    ------
    Conflict
        If there is one of this type.
    """
    permission = Permission(type=type_, description=description)
    session.add(permission)
    _flush(session, f"Could not add new permission: `Permission `{type_}` already exists`")
    return permission


def update_permission(session: Session, permission_id: int, changes: dict[str, Any]) -> Permission:
    """Change type or description of a permission.

    Raises
    ------
    BadInput
        If there is no such permission, or something depends on its type or on the new one.
    Conflict
        If there is another one of this type.
    """
    permission = session.get(Permission, permission_id)
    if permission is None:
        raise BadInput("No such permission")
    type_ = changes.get("type", permission.type)
    if type_ != permission.type:
        _refuse_needed(session, permission.type, type_)
    for name, value in changes.items():
        setattr(permission, name, value)
    _flush(session, f"Could not update permission: `Permission `{permission.type}` already exists`")
    return permission


def list_groups(session: Session, window: Window, *, group_id: int | None = None) -> Page[GroupRow]:
    """All groups in the order of creation."""
    n_permissions = (
        select(func.count()).where(GroupPermission.group_id == Group.id).scalar_subquery()
    )
    n_people = select(func.count()).where(GroupMember.group_id == Group.id).scalar_subquery()
    query = select(Group.id, Group.name, n_permissions, n_people).order_by(Group.id)
    if group_id is not None:
        query = query.where(Group.id == group_id)
    found = pages.read(session, query, window)
    return Page([GroupRow(*row) for row in found.rows], found.total)


def get_group(session: Session, group_id: int) -> GroupRow:
    """One group.

    Raises
    ------
    NotFound
        If there is none of this number.
    """
    found = list_groups(session, Window(), group_id=group_id).rows
    if not found:
        raise NotFound(f"No such group: `{group_id}`")
    return found[0]


def create_group(session: Session, name: str, owner_id: int) -> int:
    """Add a group with its first member, who owns it; its number.

    Raises
    ------
    BadInput
        If the name cannot be used.
    Conflict
        If the name is taken.
    """
    try:
        return groups.create_group(session, name, owner_id).id
    except Conflict:
        text = f"Could not add new group: `UserGroup `{name}` already exists`"
        raise Conflict(text) from None


def rename_group(session: Session, group_id: int, name: str) -> None:
    """Give a group another name.

    Raises
    ------
    NotFound
        If there is no such group.
    BadInput
        If the name cannot be used.
    Conflict
        If the name is taken.
    """
    get_group(session, group_id)
    groups.rename_group(session, group_id, name)


def give(session: Session, group_id: int, permission_id: int) -> None:
    """Let members of a group have a permission.

    Raises
    ------
    BadInput
        If there is no such group or permission, or the group has it already.
    """
    _check(session, Group, group_id, "UserGroup")
    _check(session, Permission, permission_id, "Permission")
    if session.get(GroupPermission, (group_id, permission_id)) is not None:
        raise BadInput(f"UserGroup `{group_id}` already contains permission `{permission_id}`")
    session.add(GroupPermission(group_id=group_id, permission_id=permission_id))
    session.flush()


def take_away(session: Session, group_id: int, permission_id: int) -> None:
    """Let members of a group have a permission no longer.

    Raises
    ------
    BadInput
        If the group does not have it.
    """
    held = session.get(GroupPermission, (group_id, permission_id))
    if held is None:
        raise BadInput(f"UserGroup `{group_id}` does not contain permission `{permission_id}`")
    session.delete(held)


def add_person(session: Session, group_id: int, user_id: int) -> None:
    """Put a user into a group.

    Raises
    ------
    BadInput
        If there is no such group or user, or the user is in it already.
    """
    _check(session, Group, group_id, "UserGroup")
    _check(session, User, user_id, "Person")
    if session.get(GroupMember, (group_id, user_id)) is not None:
        raise BadInput(f"UserGroup `{group_id}` already contains person `{user_id}`")
    groups.put_member(session, group_id, user_id, is_owner=False)


def remove_person(session: Session, group_id: int, user_id: int) -> None:
    """Take a user out of a group.

    Raises
    ------
    BadInput
        If the user is not in it.
    """
    try:
        groups.remove_member(session, group_id, user_id)
    except NotFound:
        text = f"UserGroup `{group_id}` does not contain person `{user_id}`"
        raise BadInput(text) from None


def _refuse_needed(session: Session, *types: str) -> None:
    """Refuse types by which it is decided what holders may do: they would get it, or lose it."""
    ours = _OURS.intersection(types)
    if ours:
        raise BadInput(f'"{min(ours)}" is a permission of this server: leave it as it is.')
    asking = select(InstrumentGroup).where(InstrumentGroup.permission.in_(types))
    group = session.scalars(asking.order_by(InstrumentGroup.id).limit(1)).first()
    if group is not None:
        raise BadInput(
            f'"{group.permission}" is the permission of the group of instruments "{group.name}": '
            "give that group another one first."
        )


def _check(
    session: Session, model: type[Group | Permission | User], number: int, what: str
) -> None:
    if session.get(model, number) is None:
        raise BadInput(f"{what} `{number}` does not exist")


def _flush(session: Session, message: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(message) from error
