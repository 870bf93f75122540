"""Logging in, who one is, and tokens for one request."""

from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from tmlib.errors import NotLoggedIn
from tmlib.facility import one_time_tokens, options, people, permissions
from tmserver.access import Access, UserAccess
from tmserver.authentication import issue_token
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import PREFIX, Model, Sent
from tmserver.ispyb.looking import looking
from tmserver.logins import DATABASE, authenticate, plugins

routes = Routes("Authentication")
current_user = Routes("Current User")


class PluginConfig(Model):
    """A way to log in."""

    name: str = Field(examples=[DATABASE])
    config: dict[str, Any]


class AuthConfig(Model):
    """All ways to log in."""

    plugins: list[PluginConfig]


class Login(Sent):
    """A name and the password that proves it, for one of the ways to log in."""

    plugin: Text | None = Field(None, examples=[DATABASE])
    login: Text | None = Field(None, examples=["mara"])
    password: Text | None = Field(None, examples=["a long password"])
    token: Text | None = None


class TokenResponse(Model):
    """Proves who sends a request, in the header ``Authorization: Bearer <token>``."""

    login: str
    token: str
    permissions: list[str]


class UserCurrent(Model):
    """The user who is logged in, by the login if no other name is known."""

    given_name: str
    family_name: str
    login: str
    permissions: list[str] = Field(alias="Permissions")
    person_id: int
    beam_line_groups: list[str]
    beam_lines: list[str]


def _path_of(address: str) -> str:
    """The path of an address as requests have it, in which nothing is quoted."""
    path = unquote(urlsplit(address).path)
    if "\x00" in path:
        raise ValueError("its path contains a NUL character")
    return path


def _check_address(address: str) -> str:
    _path_of(address)
    return address


class OneTimeUrl(Sent):
    """The address that shall be asked for once without a header: all of it, or its path."""

    validity: Annotated[Text, AfterValidator(_check_address)] = Field(
        examples=[f"{PREFIX}/sessions"]
    )
    token: Text | None = None


class OneTimeToken(Model):
    """What is sent as parameter ``onetime`` with that address, within ten seconds."""

    validity: str
    token: str


@routes.get("/auth/config", permits="public")
def get_login_ways(access: Access) -> AuthConfig:
    """List the ways to log in."""
    return AuthConfig(plugins=[PluginConfig(name=name, config={}) for name in plugins(access)])


@routes.post("/auth/login", permits="public", success=(201,), raises=(401, 409, 429, 503))
def log_in(access: Access, body: Login) -> TokenResponse:
    """Get a token, which is good for all interfaces of this server."""
    if body.plugin not in (None, *plugins(access)) or not body.login or body.password is None:
        raise NotLoggedIn("Could not verify")
    try:
        user = authenticate(access, body.login, body.password, body.plugin)
    except NotLoggedIn:
        raise NotLoggedIn("Could not verify") from None
    with access.database.session() as session:
        held = permissions.held_by(session, user.id)
    return TokenResponse(login=user.name, token=issue_token(user), permissions=held)


@current_user.get("/user/current", permits="user")
def get_current_user(access: UserAccess) -> UserCurrent:
    """Tell who is logged in, with which permissions and for which instruments."""
    with looking(access) as (session, viewer):
        person = people.profile(session, access.user.id)
        groups = options.list_groups(session, viewer)
        return UserCurrent(
            given_name=person.given_name or "",
            family_name=person.family_name or access.user.name,
            login=access.user.name,
            permissions=permissions.held_by(session, access.user.id),
            person_id=access.user.id,
            beam_line_groups=[group.name for group in groups],
            beam_lines=sorted({one.name for group in groups for one in group.instruments}),
        )


@current_user.post("/user/sign", permits="user", is_event=False)
def sign_url(access: UserAccess, body: OneTimeUrl) -> OneTimeToken:
    """Get a token that lets one request for an address through, as yours, within ten seconds."""
    path = _path_of(body.validity)
    if not path.startswith(f"{PREFIX}/"):
        path = f"{PREFIX}/{path.lstrip('/')}"
    with access.database.transaction() as session:
        token = one_time_tokens.create(session, access.user.id, path)
    return OneTimeToken(validity=body.validity, token=token)
