"""Logging in and out, and who one is."""

from datetime import datetime

from pydantic import Field

from tmlib.accounts import logins, service, tokens
from tmlib.errors import BadInput, NotLoggedIn
from tmserver.access import Access, UserAccess
from tmserver.authentication import (
    issue_token,
    login_of_cookie,
    refresh_token,
    set_cookies,
    unset_cookies,
)
from tmserver.http.routing import Routes
from tmserver.http.schemas import Bare, Body, Id, Message, Schema, Text
from tmserver.logins import authenticate

routes = Routes("authentication")


class Credentials(Body):
    """A user name and the password that proves it."""

    username: Text = Field(examples=["mara"])
    password: str = Field(examples=["a long password"])


class Token(Bare):
    """Proves who sends a request, in the header ``Authorization: Bearer <token>``."""

    access_token: str


class NewToken(Message):
    """Takes the place of the token that was sent; a browser gets it in its cookie instead."""

    access_token: str | None


class UserName(Schema):
    """The user who is logged in."""

    name: str


class Profile(Schema):
    """The user who is logged in."""

    id: Id
    name: str
    email: str
    is_admin: bool


class ProfileChange(Body):
    """What users change of themselves."""

    email: Text


class PasswordChange(Body):
    """The password of now, and the next one."""

    old_password: str = Field(examples=["a long password"])
    new_password: str = Field(examples=["a longer password"])


@routes.post("/auth", permits="public", raises=(401, 409, 429, 503))
def log_in(access: Access, body: Credentials) -> Token:
    """Get a token for a user name and password: of this server, or else of the directory."""
    user = authenticate(access, body.username, body.password)
    return Token(access_token=issue_token(user))


@routes.post("/auth/cookie", permits="public", raises=(401, 409, 429, 503))
def log_in_with_cookie(access: Access, body: Credentials) -> UserName:
    """Log a browser in: the token comes in a cookie, the name of the user in the body."""
    user = authenticate(access, body.username, body.password)
    set_cookies(issue_token(user), access.settings)
    return UserName(name=user.name)


@routes.delete("/auth/cookie", permits="public")
def log_out_of_cookie(access: Access) -> Message:
    """Log a browser out, if it is logged in."""
    if (login := login_of_cookie()) is not None:
        _revoke(access, login.id, login.expires_at)
    unset_cookies()
    return Message()


@routes.post("/auth/logout", permits="user")
def log_out(access: UserAccess) -> Message:
    """End the login, or remove the personal token, that this request is sent with."""
    if access.proof.token is not None:
        with access.database.transaction() as session:
            tokens.delete_token(session, access.user.id, access.proof.token.id)
    elif (login := access.proof.login) is not None:
        _revoke(access, login.id, login.expires_at)
        if login.in_cookie:
            unset_cookies()
    return Message()


@routes.post("/auth/refresh", permits="login", is_event=False)
def refresh(access: UserAccess) -> NewToken:
    """Get a token that expires later; this goes on for 30 days after the password was given.

    The token that was sent keeps its own time. Whom something else than this server knows logs in
    again instead, so that it can say no.
    """
    assert access.proof.login is not None  # noqa: S101 - the permission says so
    with access.database.session() as session:
        if (origin := service.get_user(session, access.user.id).origin) is not None:
            raise NotLoggedIn(f"Your account comes from elsewhere ({origin}): log in again.")
    return _renew(access, refresh_token(access.user, access.proof.login))


@routes.get("/auth/user", permits="user")
def get_profile(access: UserAccess) -> Profile:
    """Tell who is logged in."""
    return Profile.model_validate(access.user)


@routes.put("/auth/user", permits="login", raises=(409,))
def update_profile(access: UserAccess, body: ProfileChange) -> Message:
    """Change your own address."""
    with access.database.transaction() as session:
        service.change_user(session, access.user.id, email=body.email)
    return Message()


@routes.put("/auth/password", permits="login", raises=(409, 429))
def change_password(access: UserAccess, body: PasswordChange) -> NewToken:
    """Change your own password.

    All your logins, personal tokens and signed URLs end; the answer lets this one go on.
    """
    with access.database.session() as session:
        service.check_password_is_kept_here(service.get_user(session, access.user.id))
    try:
        authenticate(access, access.user.name, body.old_password)
    except NotLoggedIn:
        raise BadInput("The old password is wrong: type it again.") from None
    password_hash = service.hash_password(body.new_password)
    with access.database.transaction() as session:
        user = service.change_password(session, access.user.id, password_hash)
    return _renew(access, issue_token(user))


def _renew(access: UserAccess, token: str) -> NewToken:
    """Give a new token the way that the old one came."""
    login = access.proof.login
    if login is not None and login.in_cookie:
        set_cookies(token, access.settings)
        return NewToken(access_token=None)
    return NewToken(access_token=token)


def _revoke(access: Access, login_id: str, expires_at: datetime) -> None:
    with access.database.transaction() as session:
        logins.revoke(session, login_id, expires_at)
