"""Logging a browser in by way of a provider of OpenID Connect."""

from dataclasses import astuple
from secrets import compare_digest
from typing import Annotated

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import ConfigDict, Field

from tmlib.accounts import external
from tmlib.accounts.openid import OpenIdProvider, Question
from tmlib.errors import NotFound, NotLoggedIn
from tmserver.access import Access
from tmserver.audit_trail import audit_entry
from tmserver.authentication import issue_token, set_cookies
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text

routes = Routes("authentication")

_COOKIE = "oidc_question"
_SECONDS = 600
"""How long somebody may take to log in at the provider."""

_VIEWER = "../../"


class LoginProvider(Schema):
    """What else than a password logs a browser in: a button that leads to ``path``."""

    title: str = Field(examples=["OpenID Connect"])
    path: str = Field(examples=["auth/oidc/login"])


class ProviderAnswer(Schema):
    """What a browser brings back from the provider: a code, or an error.

    Providers add more, which RFC 6749 wants to be ignored.
    """

    model_config = ConfigDict(extra="ignore")

    state: Annotated[Text, Field(max_length=300)] | None = None
    code: Annotated[Text, Field(max_length=4096)] | None = None
    error: str | None = None


@routes.get("/auth/providers", permits="public")
def get_login_providers(access: Access) -> list[LoginProvider]:
    """List what else than a password logs a browser in, if anything does."""
    if access.services.openid_provider is None:
        return []
    return [LoginProvider(title=access.settings.oidc_title, path="auth/oidc/login")]


@routes.get("/auth/oidc/login", permits="public", raises=(404, 503), success=(303,))
def begin_oidc_login(access: Access) -> Response:
    """Send a browser to the provider, which sends it back to ``/auth/oidc/callback``."""
    question = Question.new()
    address = _provider(access).address(question)
    _remember(question)
    return _redirection(address)


@routes.get("/auth/oidc/callback", permits="public", raises=(401, 404, 409, 503), success=(303,))
def finish_oidc_login(access: Access, query: ProviderAnswer) -> Response:
    """Log a browser in that comes back from the provider, and send it to the viewer."""
    provider = _provider(access)
    question = _recall(query.state)
    if query.error is not None or query.code is None:
        raise NotLoggedIn("The provider of logins has not logged you in: log in again.")
    audit_entry().begin("finish_oidc_login", {})
    account = external.admit(access.database, provider.answer(question, query.code))
    audit_entry().is_by(account)
    set_cookies(issue_token(account), access.settings)
    return _redirection(_VIEWER)


def _provider(access: Access) -> OpenIdProvider:
    if access.services.openid_provider is None:
        raise NotFound(
            "This server knows no provider of logins: log in with a name and a password."
        )
    return access.services.openid_provider


def _redirection(address: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = address
    response.headers["Cache-Control"] = "no-store"
    return response


def _remember(question: Question) -> None:
    """Let the browser keep a question, which is worth nothing in another one."""
    value = str(_serializer().dumps(astuple(question)))

    @after_this_request
    def set_it(response: Response) -> Response:
        # "Lax", since it is the provider that sends the browser back
        response.set_cookie(
            _COOKIE,
            value,
            max_age=_SECONDS,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response


def _recall(state: str | None) -> Question:
    """The question that the browser was sent away with; it is good for one answer."""

    @after_this_request
    def forget(response: Response) -> Response:
        response.delete_cookie(_COOKIE, httponly=True, samesite="Lax")
        return response

    try:
        kept = _serializer().loads(request.cookies.get(_COOKIE, ""), max_age=_SECONDS)
        question = Question(*kept)
    except BadData:
        question = None
    if question is None or state is None or not _are_same(question.state, state):
        raise NotLoggedIn("This login was not begun in this browser just now: log in again.")
    return question


def _are_same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())


def _serializer() -> URLSafeTimedSerializer:
    # the salt makes a key of its own from the installation's
    return URLSafeTimedSerializer(
        current_app.config["JWT_SECRET_KEY"], salt="question to a provider of logins"
    )
