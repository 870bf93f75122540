"""Logging in and out."""

from flask import Response, jsonify, request
from pydantic import Field

from tmlib.accounts import service
from tmlib.accounts.models import User
from tmlib.errors import NotLoggedIn
from tmserver.access import Access, UserAccess
from tmserver.authentication import issue_token, set_cookies, unset_cookies
from tmserver.routing import Routes
from tmserver.schemas import Bare, Schema, Text

routes = Routes("authentication")


class Credentials(Schema):
    """A user name and the password that proves it."""

    username: Text = Field(examples=["mara"])
    password: str = Field(examples=["a long password"])


class Token(Bare):
    """Proves who sends a request, in the header ``Authorization: Bearer <token>``."""

    access_token: str


class Profile(Schema):
    """The user who is logged in."""

    name: str
    email: str


@routes.post("/auth", permits="public", raises=(401, 429))
def log_in(access: Access, body: Credentials) -> Token:
    """Get a token for a user name and password."""
    return Token(access_token=issue_token(_authenticate(access, body)))


@routes.post("/auth/cookie", permits="public", raises=(401, 429))
def log_in_with_cookie(access: Access, body: Credentials) -> Response:
    """Log a browser in: the token comes in a cookie, the name of the user in the body."""
    user = _authenticate(access, body)
    response = jsonify(data={"name": user.name})
    set_cookies(response, issue_token(user), access.settings)
    return response


@routes.delete("/auth/cookie", permits="public")
def log_out(access: Access) -> Response:
    """Log a browser out."""
    response = jsonify(message="ok")
    unset_cookies(response)
    return response


@routes.get("/auth/user", permits="user")
def get_user(access: UserAccess) -> Profile:
    """Tell who is logged in."""
    return Profile.model_validate(access.user)


def _authenticate(access: Access, credentials: Credentials) -> User:
    attempts = access.services.login_attempts
    name, address = credentials.username, request.remote_addr or ""
    attempts.check(name, address)
    try:
        with access.database.session() as session:
            user = service.authenticate(session, name, credentials.password)
    except NotLoggedIn:
        attempts.failed(name, address)
        raise
    attempts.succeeded(name, address)
    return user
