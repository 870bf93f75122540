"""The authentication service, as far as programs for CAVE ask it."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.accounts import tokens
from tmlib.accounts.models import GroupMember, User
from tmlib.errors import BadInput
from tmserver.access import Access, UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text

routes = Routes("authentication")

_HOW = """<!doctype html>
<title>Tokens</title>
<p>A token for programs is made in the viewer's account page, by
<code>tm_client token create --name caveclient --scope write --hexadecimal</code>, or by
<code>POST /auth/tokens</code> with <code>{"name": "caveclient", "scope": "write", "form":
"hexadecimal"}</code>.
"""


class WhichUsers(Schema):
    """Numbers of users, with commas between them."""

    id: Text = Field(examples=["1,2"])


class Token(Schema):
    """A token of yours; of the token itself only the beginning is kept."""

    id: int
    user_id: int
    token: str = Field(examples=["3f0c8a52d1…"])
    description: str = Field(examples=["caveclient"])
    created: str = Field(examples=["2026-01-31T12:00:00"])
    updated: str = Field(examples=["2026-01-31T12:00:00"])
    last_used: str | None = Field(examples=["2026-02-01T08:30:00"])


class UserName(Schema):
    """A user."""

    id: int
    name: str = Field(examples=["mara"])


class CaveUser(UserName):
    """A user; addresses are told to the user and to administrators."""

    email: str
    created: str = Field(examples=["2026-01-31T12:00:00"])
    pi: str = Field(examples=[""])
    service_account: bool = False
    admin: bool


class Member(UserName):
    """A user in a group."""

    admin: bool


@routes.get("/auth/api/v1/user/token", permits="user")
def get_tokens(access: UserAccess) -> list[Token]:
    """List your tokens."""
    with access.database.session() as session:
        found = tokens.list_tokens(session, access.user.id)
    return [
        Token(
            id=one.id,
            user_id=one.user_id,
            token=f"{one.prefix}…",
            description=one.name,
            created=one.created_at.isoformat(),
            updated=one.updated_at.isoformat(),
            last_used=one.last_used_at and one.last_used_at.isoformat(),
        )
        for one in found
    ]


@routes.get("/auth/api/v1/user", permits="user")
def get_users(access: UserAccess, query: WhichUsers) -> list[CaveUser]:
    """Tell who users are, by their numbers."""
    with access.database.session() as session:
        found = _users(session, _numbers(query.id))
    return [_describe(access, user) for user in found]


@routes.get("/auth/api/v1/user/me", "/auth/api/v1/user/cache", permits="user")
def get_me(access: UserAccess) -> CaveUser:
    """Tell who you are."""
    with access.database.session() as session:
        return _describe(access, session.get_one(User, access.user.id))


@routes.get("/auth/api/v1/username", permits="user")
def get_user_names(access: UserAccess, query: WhichUsers) -> list[UserName]:
    """Tell the names of users, by their numbers."""
    with access.database.session() as session:
        return [UserName.model_validate(user) for user in _users(session, _numbers(query.id))]


@routes.get("/auth/api/v1/group/<group>/user", permits="user")
def get_group_users(access: UserAccess, group: int) -> list[Member]:
    """List who is in a group of yours; administrators see all."""
    query = (
        select(User.id, User.name, GroupMember.is_owner)
        .join(GroupMember, GroupMember.user_id == User.id)
        .where(GroupMember.group_id == group)
        .order_by(User.name)
    )
    with access.database.session() as session:
        found = session.execute(query).all()
    if not access.proof.is_admin and access.user.id not in [row.id for row in found]:
        return []
    return [Member(id=row.id, name=row.name, admin=row.is_owner) for row in found]


@routes.get(
    "/auth/api/v1/create_token",
    "/sticky_auth/settings/tokens",
    permits="public",
    media=("text/html",),
)
def get_token_page(access: Access) -> Response:
    """Tell how tokens are made."""
    return Response(_HOW, mimetype="text/html")


def _numbers(text: str) -> list[int]:
    given = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in given):
        raise BadInput('"id" must be whole numbers with commas between them.')
    return [int(part) for part in given]


def _users(session: Session, numbers: Sequence[int]) -> Sequence[User]:
    return session.scalars(select(User).where(User.id.in_(numbers)).order_by(User.id)).all()


def _describe(access: UserAccess, user: User) -> CaveUser:
    is_told = access.proof.is_admin or user.id == access.user.id
    described: dict[str, Any] = {"id": user.id, "name": user.name, "admin": user.is_admin}
    return CaveUser(
        **described,
        email=user.email if is_told else "",
        created=user.created_at.isoformat(),
        pi="",
    )
