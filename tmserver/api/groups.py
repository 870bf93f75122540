"""Groups of users, with whom experiments are shared as one."""

from pydantic import Field

from tmlib.accounts import groups, service
from tmserver.access import GroupAccess, UserAccess
from tmserver.audit_trail import audit_entry
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Id, Message, NamedPage, Page, Schema, Text
from tmserver.scopes import GROUP

routes = Routes("group")
in_group = routes.within(GROUP)


class Group(Schema):
    """A group of users."""

    id: Id
    name: str = Field(examples=["imaging"])


class NewGroup(Body):
    """What a group is from its beginning: without ``owner``, the name of a user, it is yours."""

    name: Text = Field(examples=["imaging"])
    owner: Text | None = Field(None, examples=["mara"])


class GroupChange(Body):
    """A new name."""

    name: Text = Field(examples=["imaging"])


class MemberRole(Body):
    """Whether a member decides who else is in the group."""

    is_owner: bool = False


class Member(MemberRole):
    """A user in a group."""

    user: str = Field(examples=["mara"])


@routes.get("/api/groups", permits="user")
def get_groups(access: UserAccess, query: NamedPage) -> list[Group]:
    """List the groups that you are in; administrators see all."""
    with access.database.session() as session:
        found = groups.list_groups(
            session,
            None if access.proof.is_admin else access.user.id,
            name=query.name,
            limit=query.limit,
            offset=query.offset,
        )
    return [Group(id=one.id, name=one.name) for one in found]


@routes.post("/api/groups", permits="admin", raises=(404, 409))
def create_group(access: UserAccess, body: NewGroup) -> Group:
    """Make a group with its first member, who owns it."""
    with access.database.transaction() as session:
        owner_id = access.user.id
        if body.owner is not None:
            owner_id = service.find_user(session, body.owner).id
        group = groups.create_group(session, body.name, owner_id)
        audit_entry().is_done_to(group.resource)
        return Group(id=group.id, name=group.name)


@in_group.get("", permits="read")
def get_group(access: GroupAccess) -> Group:
    """Get a group."""
    return Group(id=access.group.id, name=access.group.name)


@in_group.put("", permits="owner", raises=(409,))
def update_group(access: GroupAccess, body: GroupChange) -> Message:
    """Rename a group."""
    with access.database.transaction() as session:
        groups.rename_group(session, access.group.id, body.name)
    return Message()


@in_group.delete("", permits="owner")
def delete_group(access: GroupAccess) -> Message:
    """Delete a group; what is shared with it is hidden from its members at once."""
    with access.database.transaction() as session:
        groups.delete_group(session, access.group.id)
    return Message()


@in_group.get("/members", permits="read")
def get_members(access: GroupAccess, query: Page) -> list[Member]:
    """List who is in a group."""
    with access.database.session() as session:
        found = groups.list_members(session, access.group.id)
    return [Member(user=name, is_owner=is_owner) for name, is_owner in query.of(found)]


@in_group.put("/members/<user_name>", permits="owner", raises=(409,))
def put_member(access: GroupAccess, user_name: str, body: MemberRole) -> Message:
    """Add a user to a group, or change whether the user owns it."""
    with access.database.transaction() as session:
        user = service.find_user(session, user_name)
        groups.put_member(session, access.group.id, user.id, is_owner=body.is_owner)
    return Message()


@in_group.delete("/members/<user_name>", permits="owner", raises=(409,))
def remove_member(access: GroupAccess, user_name: str) -> Message:
    """Remove a user from a group, who sees at once no more of what is shared with it."""
    with access.database.transaction() as session:
        user = service.find_user(session, user_name)
        groups.remove_member(session, access.group.id, user.id)
    return Message()


@in_group.post("/leave", permits="leave", raises=(409,))
def leave_group(access: GroupAccess) -> Message:
    """Leave a group."""
    with access.database.transaction() as session:
        groups.remove_member(session, access.group.id, access.user.id)
    return Message()
