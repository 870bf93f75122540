"""Personal tokens, which scripts use instead of a password."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tmlib.accounts import models, tokens
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Id, Message, Name, NamedPage, Schema

routes = Routes("token")

Scope = Literal["read", "write"]


class PersonalToken(Schema):
    """A token of yours; `prefix` is how it begins, `last_used_at` is right to the hour."""

    id: Id
    name: str
    scope: Scope
    prefix: str = Field(examples=["tm_kQ4vR7x"])
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    expires_at: datetime | None = Field(examples=["2026-04-30T12:00:00Z"])
    last_used_at: datetime | None = Field(examples=["2026-02-01T08:30:00Z"])


class CreatedToken(PersonalToken):
    """A new token; `token` itself is told only this once."""

    token: str = Field(examples=["tm_kQ4vR7xB9..."])


class TokenRequest(Body):
    """What a token is for, what it may do, and for how many days; for ever if that is not given.

    Programs for CAVE take tokens of the form `hexadecimal` only.
    """

    name: Name = Field(examples=["microscope 2"])
    scope: Scope
    days: Annotated[int | None, Field(ge=1, le=3650)] = None
    form: Literal["prefixed", "hexadecimal"] = "prefixed"


@routes.get("/auth/tokens", permits="login")
def get_tokens(access: UserAccess, query: NamedPage) -> list[PersonalToken]:
    """List your personal tokens."""
    with access.database.session() as session:
        found = tokens.list_tokens(session, access.user.id)
    named = [token for token in found if query.name in (None, token.name)]
    return [PersonalToken(**_describe(token)) for token in query.of(named)]


@routes.post("/auth/tokens", permits="login", raises=(409,))
def create_token(access: UserAccess, body: TokenRequest) -> CreatedToken:
    """Make a token with which scripts can do what you may.

    It is sent like the one of a login, as `Authorization: Bearer <token>`. With the scope `read` it
    can change nothing. It opens neither this resource nor what is for administrators.
    """
    with access.database.transaction() as session:
        token, secret = tokens.create_token(
            session,
            access.user.id,
            body.name,
            write_access=body.scope == "write",
            days=body.days,
            is_hexadecimal=body.form == "hexadecimal",
        )
    return CreatedToken(token=secret, **_describe(token))


@routes.delete("/auth/tokens/<token_id>", permits="login", raises=(404,))
def delete_token(access: UserAccess, token_id: int) -> Message:
    """Remove a personal token; it stops working at once."""
    with access.database.transaction() as session:
        tokens.delete_token(session, access.user.id, token_id)
    return Message()


def _describe(token: models.PersonalToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": "write" if token.write_access else "read",
        "prefix": token.prefix,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    }
