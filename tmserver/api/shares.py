"""Whose an experiment is, and with whom it is shared."""

from typing import Literal

from pydantic import Field

from tmlib.accounts.groups import find_group
from tmlib.accounts.service import find_user
from tmlib.experiments import sharing
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Message, Page, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("share", scope=EXPERIMENT)


class SharePermission(Body):
    """What somebody may do with an experiment: look at it, or also change it."""

    permission: Literal["read", "write"]


class Share(SharePermission):
    """Somebody with whom an experiment is shared."""

    user: str


class GroupShare(SharePermission):
    """A group with which an experiment is shared; it is not a user."""

    user: None = None
    group: str = Field(examples=["imaging"])


class NewOwner(Body):
    """The name of who shall own an experiment."""

    user: Text = Field(examples=["mara"])


@routes.get("/shares", permits="read")
def get_shares(access: ExperimentAccess, query: Page) -> list[Share | GroupShare]:
    """List with whom an experiment is shared: users, then groups."""
    with access.database.session() as session:
        users = sharing.list_shares(session, access.experiment_id)
        groups = sharing.list_group_shares(session, access.experiment_id)
    shares: list[Share | GroupShare] = [
        Share(user=name, permission=_permission(write_access)) for name, write_access in users
    ]
    shares += [
        GroupShare(group=name, permission=_permission(write_access))
        for name, write_access in groups
    ]
    return list(query.of(shares))


@routes.put("/shares/<user_name>", permits="owner")
def share_experiment(access: ExperimentAccess, user_name: str, body: SharePermission) -> Message:
    """Share an experiment with a user, or change what that user may do with it."""
    with access.database.transaction() as session:
        sharing.share_experiment(
            session,
            access.experiment_id,
            find_user(session, user_name).id,
            write_access=body.permission == "write",
        )
    return Message()


@routes.delete("/shares/<user_name>", permits="owner")
def unshare_experiment(access: ExperimentAccess, user_name: str) -> Message:
    """Hide an experiment from a user again."""
    with access.database.transaction() as session:
        user = find_user(session, user_name)
        sharing.unshare_experiment(session, access.experiment_id, user.id)
    return Message()


@routes.put("/shares/groups/<group_name>", permits="owner")
def share_experiment_with_group(
    access: ExperimentAccess, group_name: str, body: SharePermission
) -> Message:
    """Share an experiment with a group that you are in, or change what its members may do."""
    with access.database.transaction() as session:
        user_id = None if access.proof.is_admin else access.user.id
        sharing.share_with_group(
            session,
            access.experiment_id,
            find_group(session, group_name, user_id).id,
            write_access=body.permission == "write",
        )
    return Message()


@routes.delete("/shares/groups/<group_name>", permits="owner")
def unshare_experiment_with_group(access: ExperimentAccess, group_name: str) -> Message:
    """Share an experiment with a group no longer."""
    with access.database.transaction() as session:
        sharing.unshare_with_group(session, access.experiment_id, group_name)
    return Message()


@routes.put("/owner", permits="owner", raises=(409,))
def transfer_experiment(access: ExperimentAccess, body: NewOwner) -> Message:
    """Give an experiment to another user; its old owner may still read and change it."""
    with access.database.transaction() as session:
        new_owner = find_user(session, body.user)
        sharing.transfer_experiment(session, access.experiment_id, new_owner.id)
    return Message()


def _permission(write_access: bool) -> Literal["read", "write"]:
    return "write" if write_access else "read"
