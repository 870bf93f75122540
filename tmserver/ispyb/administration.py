"""Groups, permissions, what was done, and what a user portal sends."""

import time
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field

from tmlib.errors import Forbidden
from tmlib.facility import activity, options, permissions
from tmlib.facility.permissions import GroupRow
from tmlib.facility.portal import UserPortalProposalSync
from tmlib.facility.synchronisation import Synchronisation
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Moment, Number, PageQuery, Sent
from tmserver.ispyb.scope import FACILITY

routes = Routes("Admin", scope=FACILITY)
webservices = Routes("Webservices", scope=FACILITY)

_Type = Annotated[Text, Field(min_length=1, max_length=15)]
_Description = Annotated[Text, Field(max_length=100)]


class AdminActivity(Model):
    """Something that somebody did."""

    username: str
    action: str
    comments: str
    date_time: Moment


class WhichActivity(PageQuery):
    """Asks for changes of options, or for logins."""

    action_type: Literal["db_options", "online"] | None = Field(None, alias="action_type")


class UserGroupMetaData(Model):
    """How many permissions and people a group has."""

    permissions: int
    people: int


class UserGroup(Model):
    """Users who have the same permissions."""

    name: str
    user_group_id: int
    metadata: UserGroupMetaData = Field(alias="_metadata")


class UserGroupCreate(Sent):
    """The name of a group."""

    name: Text = Field(examples=["staff"])


class UserGroupUpdate(Sent):
    """A new name, if any."""

    name: Text | None = Field(None, examples=["staff"])


class WhichGroups(PageQuery):
    """Asks for groups."""

    user_group_id: Number | None = None


class UserGroupPermission(Sent):
    """A permission that a group gets."""

    permission_id: Number


class UserGroupPerson(Sent):
    """A user who gets into a group."""

    person_id: Number


class Permission(Model):
    """Something that members of a group may do."""

    type: str
    description: str | None
    permission_id: int


class PermissionCreate(Sent):
    """A new permission."""

    type: _Type = Field(examples=["light_staff"])
    description: _Description | None = None


class PermissionUpdate(Sent):
    """What shall be different of a permission."""

    type: _Type | None = Field(None, examples=["light_staff"])
    description: _Description | None = None


class WhichPermissions(PageQuery):
    """Asks for permissions."""

    permission_id: Number | None = None
    user_group_id: Number | None = None
    search: Text | None = None


class Synchronised(Model):
    """What came of it."""

    message: str


@routes.get("/admin/activity", permits="view_activity")
def get_activity(access: UserAccess, query: WhichActivity) -> Part[AdminActivity]:
    """List who did what, the latest first."""
    with access.database.session() as session:
        found = activity.list_activity(session, query.window, kind=query.action_type)
    return Part([AdminActivity.model_validate(row) for row in found.rows], found.total)


@routes.get("/admin/groups", permits="manage_groups")
def get_user_groups(access: UserAccess, query: WhichGroups) -> Part[UserGroup]:
    """List groups."""
    with access.database.session() as session:
        found = permissions.list_groups(session, query.window, group_id=query.user_group_id)
    return Part([_group(row) for row in found.rows], found.total)


@routes.post("/admin/groups", permits="manage_groups", raises=(409,))
def create_user_group(access: UserAccess, body: UserGroupCreate) -> UserGroup:
    """Make a group."""
    with access.database.transaction() as session:
        number = permissions.create_group(session, body.name, access.user.id)
        return _group(permissions.get_group(session, number))


@routes.patch("/admin/groups/<user_group_id>", permits="manage_groups", raises=(404, 409))
def update_user_group(access: UserAccess, user_group_id: int, body: UserGroupUpdate) -> UserGroup:
    """Rename a group."""
    with access.database.transaction() as session:
        if body.name is not None:
            permissions.rename_group(session, user_group_id, body.name)
        return _group(permissions.get_group(session, user_group_id))


@routes.post("/admin/groups/<user_group_id>/permission", permits="manage_groups", success=(204,))
def add_permission(access: UserAccess, user_group_id: int, body: UserGroupPermission) -> Response:
    """Give a permission to a group."""
    with access.database.transaction() as session:
        permissions.give(session, user_group_id, body.permission_id)
    return Response(status=204)


@routes.delete(
    "/admin/groups/<user_group_id>/permission/<permission_id>",
    permits="manage_groups",
    success=(204,),
    raises=(400,),
)
def remove_permission(access: UserAccess, user_group_id: int, permission_id: int) -> Response:
    """Take a permission from a group."""
    with access.database.transaction() as session:
        permissions.take_away(session, user_group_id, permission_id)
    return Response(status=204)


@routes.post("/admin/groups/<user_group_id>/person", permits="manage_groups", success=(204,))
def add_person(access: UserAccess, user_group_id: int, body: UserGroupPerson) -> Response:
    """Put a user into a group."""
    with access.database.transaction() as session:
        permissions.add_person(session, user_group_id, body.person_id)
    return Response(status=204)


@routes.delete(
    "/admin/groups/<user_group_id>/person/<person_id>",
    permits="manage_groups",
    success=(204,),
    raises=(400,),
)
def remove_person(access: UserAccess, user_group_id: int, person_id: int) -> Response:
    """Take a user out of a group."""
    with access.database.transaction() as session:
        permissions.remove_person(session, user_group_id, person_id)
    return Response(status=204)


@routes.get("/admin/permissions", permits="manage_perms")
def get_permissions(access: UserAccess, query: WhichPermissions) -> Part[Permission]:
    """List permissions."""
    with access.database.session() as session:
        found = permissions.list_permissions(
            session,
            query.window,
            permission_id=query.permission_id,
            group_id=query.user_group_id,
            search=query.search,
        )
    return Part([_permission(row) for row in found.rows], found.total)


@routes.post("/admin/permissions", permits="manage_perms", raises=(409,))
def create_permission(access: UserAccess, body: PermissionCreate) -> Permission:
    """Make a permission."""
    with access.database.transaction() as session:
        return _permission(permissions.create_permission(session, body.type, body.description))


@routes.patch("/admin/permissions/<permission_id>", permits="manage_perms", raises=(409,))
def update_permission(access: UserAccess, permission_id: int, body: PermissionUpdate) -> Permission:
    """Change a permission."""
    changes = body.model_dump(exclude_none=True)
    with access.database.transaction() as session:
        return _permission(permissions.update_permission(session, permission_id, changes))


@webservices.post(
    "/webservices/userportalsync/sync_proposal", permits="uportal_sync", max_bytes=PROJECT_BODY
)
def synchronise_proposal(access: UserAccess, body: UserPortalProposalSync) -> Synchronised:
    """Take over a proposal with its people and sessions; nothing is removed."""
    started = time.monotonic()
    with access.database.transaction() as session:
        if not options.read_options(session)["enable_webservice_routes"]:
            raise Forbidden("The option enable_webservice_routes is off: ask an administrator.")
        taken = Synchronisation(session)
        taken.run(body)
    sent, seconds = body.proposal, round(time.monotonic() - started, 2)
    told = ", ".join(f"{number} {what}" for what, number in sorted(taken.report.items()))
    return Synchronised(
        message=f"The proposal {sent.proposal_code}-{sent.proposal_number} has been "
        f"synchronized in {seconds}: {told or 'nothing was new'}"
    )


def _group(row: GroupRow) -> UserGroup:
    return UserGroup(
        name=row.name,
        user_group_id=row.id,
        metadata=UserGroupMetaData(permissions=row.n_permissions, people=row.n_people),
    )


def _permission(row: Any) -> Permission:
    return Permission(type=row.type, description=row.description, permission_id=row.id)
