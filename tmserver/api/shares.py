"""Whose an experiment is, and with whom it is shared."""

from typing import Literal

from pydantic import Field

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


class NewOwner(Body):
    """The name of who shall own an experiment."""

    user: Text = Field(examples=["mara"])


@routes.get("/shares", permits="read")
def get_shares(access: ExperimentAccess, query: Page) -> list[Share]:
    """List with whom an experiment is shared."""
    with access.database.session() as session:
        shares = sharing.list_shares(session, access.experiment_id)
    return [
        Share(user=name, permission="write" if write_access else "read")
        for name, write_access in query.of(shares)
    ]


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


@routes.put("/owner", permits="owner", raises=(409,))
def transfer_experiment(access: ExperimentAccess, body: NewOwner) -> Message:
    """Give an experiment to another user; its old owner may still read and change it."""
    with access.database.transaction() as session:
        new_owner = find_user(session, body.user)
        sharing.transfer_experiment(session, access.experiment_id, new_owner.id)
    return Message()
