"""How a request proves who sent it.

- With a *login*, which a password opens: a signed token in the header ``Authorization``, with the
  scheme ``JWT`` of the original's clients or with ``Bearer``. Browsers keep it in a cookie that
  scripts cannot read; requests that change something must then repeat the value of a second
  cookie in a header, which pages of other sites cannot do.
- With a *personal token*, in the same header: for scripts, possibly only for reading.
- With a *signed URL*, good for one path and a short time: for programs that send no headers.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Flask, Response, after_this_request, current_app, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    decode_token,
    get_csrf_token,
    get_jwt,
    get_jwt_request_location,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException, NoAuthorizationError
from itsdangerous import BadData, URLSafeSerializer
from jwt import ExpiredSignatureError, PyJWTError
from sqlalchemy.orm import Session

from tmlib.accounts import logins, tokens
from tmlib.accounts.models import PersonalToken, User
from tmlib.db.base import now
from tmlib.errors import Forbidden, NotLoggedIn
from tmlib.settings import Settings

TOKEN_COOKIE = "access_token_cookie"  # noqa: S105 - a name, not a secret
CSRF_COOKIE = "csrf_access_token"
CSRF_HEADER = "X-CSRF-TOKEN"
SIGNATURE = "signature"

READING_METHODS = ("GET", "HEAD", "OPTIONS")

_SCHEMES = {"jwt", "bearer"}
_BY_LOGIN, _BY_TOKEN = "login", "token"  # what has signed a URL
_LOGIN_CAN_BE_REFRESHED_FOR = timedelta(days=30)

# logins tell the time of the web server that issued them; another one's may be late or early
_CLOCKS_DIFFER_BY = timedelta(minutes=2)


@dataclass(frozen=True)
class Login:
    """What a password has opened.

    ``started_at`` is when the password was given, ``expires_at`` when the token must be refreshed.
    """

    id: str
    started_at: datetime
    expires_at: datetime
    in_cookie: bool


@dataclass(frozen=True)
class Proof:
    """Whose request it is, and what shows it: a login, a personal token or else a signed URL."""

    user: User
    login: Login | None = None
    token: PersonalToken | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When it ends by itself, if it does and that is known."""
        proved = self.login or self.token
        return None if proved is None else proved.expires_at

    @property
    def is_signed_url(self) -> bool:
        """Whether it is good for one path only."""
        return self.login is None and self.token is None

    @property
    def is_admin(self) -> bool:
        """Whether the user acts as administrator, which scripts with a token do not."""
        return self.user.is_admin and self.token is None


def configure(app: Flask, settings: Settings) -> None:
    """Let the application issue and accept tokens."""
    app.config.update(
        JWT_SECRET_KEY=settings.signing_key,
        JWT_ALGORITHM="HS256",
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(hours=settings.token_hours),
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_HEADER_TYPE="Bearer",
        JWT_ACCESS_COOKIE_NAME=TOKEN_COOKIE,
        JWT_ACCESS_CSRF_HEADER_NAME=CSRF_HEADER,
        JWT_COOKIE_CSRF_PROTECT=True,
        JWT_DECODE_LEEWAY=_CLOCKS_DIFFER_BY,
    )
    JWTManager(app)


def issue_token(user: User, started_at: datetime | None = None) -> str:
    """A token for a user; ``uid`` and ``uname`` are what the original's viewer reads.

    Parameters
    ----------
    user
        Who has proved to be who they are.
    started_at
        When the password was given, if not now.
    """
    claims = {
        "uid": user.id,
        "uname": user.name,
        "generation": user.login_generation,
        "auth_time": int((started_at or now()).timestamp()),
    }
    token: str = create_access_token(str(user.id), additional_claims=claims)
    return token


def refresh_token(user: User, login: Login) -> str:
    """A token that goes on where another one will end.

    Raises
    ------
    NotLoggedIn
        If the password was given too long ago.
    """
    if now() - login.started_at > _LOGIN_CAN_BE_REFRESHED_FOR:
        raise NotLoggedIn(
            f"You gave your password more than {_LOGIN_CAN_BE_REFRESHED_FOR.days} days ago: "
            "log in again."
        )
    return issue_token(user, login.started_at)


def set_cookies(token: str, settings: Settings) -> None:
    """Let the browser send the token from now on."""
    csrf_token: str = get_csrf_token(token)

    @after_this_request
    def set_them(response: Response) -> Response:
        for name, value, hidden in ((TOKEN_COOKIE, token, True), (CSRF_COOKIE, csrf_token, False)):
            response.set_cookie(
                name,
                value,
                max_age=int(settings.token_hours * 3600),
                secure=request.is_secure,
                httponly=hidden,
                samesite="Strict",
            )
        return response


def unset_cookies() -> None:
    """Let the browser forget the token."""

    @after_this_request
    def unset_them(response: Response) -> Response:
        response.delete_cookie(TOKEN_COOKIE, samesite="Strict", httponly=True)
        response.delete_cookie(CSRF_COOKIE, samesite="Strict")
        return response


def login_of_cookie() -> Login | None:
    """The login that the request's cookie holds, if there is one that could still be used."""
    try:
        return _login(decode_token(request.cookies.get(TOKEN_COOKIE, "")), in_cookie=True)
    except (JWTExtendedException, PyJWTError, KeyError):
        return None


def sign(path: str, proof: Proof, expires_at: datetime) -> str:
    """What must come as parameter `SIGNATURE` with a path, to get it as the user of a proof.

    It ends with the login or the personal token that the proof is.
    """
    user = proof.user
    if proof.token is not None:
        made_by: list[object] = [_BY_TOKEN, proof.token.id]
    elif proof.login is not None:
        made_by = [_BY_LOGIN, proof.login.id]
    else:
        raise Forbidden("A signed URL cannot sign others: send a token instead.")
    claims = [user.id, user.login_generation, int(expires_at.timestamp()), *made_by]
    return str(_signer(path).dumps(claims))


def identify() -> Callable[[Session], Proof]:
    """Check what the request carries; what is returned asks the database, once, whose it is.

    Raises
    ------
    NotLoggedIn
        If the request carries no valid proof.
    Forbidden
        If the token is in a cookie and the header that proves the page's origin is missing.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES:
        if secret.startswith(tokens.PREFIX):
            return lambda session: _prove_token(session, secret)
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    elif SIGNATURE in request.args:
        return _identify_by_signature(request.args[SIGNATURE])
    return _identify_by_login()


def _identify_by_login() -> Callable[[Session], Proof]:
    try:
        verify_jwt_in_request()
        claims = get_jwt()
        login = _login(claims, in_cookie=get_jwt_request_location() == "cookies")
        user_id, generation = int(claims["sub"]), int(claims["generation"])
    except NoAuthorizationError:
        raise NotLoggedIn("You are not logged in: send a token, or log in again.") from None
    except CSRFError:
        raise Forbidden(
            f"A request with a cookie must repeat the value of the cookie {CSRF_COOKIE} in the "
            f"header {CSRF_HEADER}."
        ) from None
    except ExpiredSignatureError:
        raise NotLoggedIn("Your login has expired: log in again.") from None
    except (JWTExtendedException, PyJWTError, ValueError, KeyError):
        raise NotLoggedIn("The token is not valid: log in again.") from None
    return lambda session: Proof(
        logins.find_user(session, user_id, generation, login.id), login=login
    )


def _identify_by_signature(signature: str) -> Callable[[Session], Proof]:
    try:
        user_id, generation, expires, kind, number = _signer(request.path).loads(signature)
    except (BadData, ValueError):  # signed by another version
        raise NotLoggedIn("The URL's signature is not valid for this path.") from None
    if expires <= now().timestamp():
        raise NotLoggedIn("The signed URL has expired: ask for a new one.")
    if kind == _BY_TOKEN:
        return lambda session: Proof(tokens.find_user_of_token(session, user_id, number))
    return lambda session: Proof(logins.find_user(session, user_id, generation, number))


def _prove_token(session: Session, secret: str) -> Proof:
    user, token = tokens.find_token(session, secret)
    return Proof(user, token=token)


def _login(claims: dict[str, object], *, in_cookie: bool) -> Login:
    started_at, expires_at = (
        datetime.fromtimestamp(int(str(claims[key])), UTC) for key in ("auth_time", "exp")
    )
    return Login(str(claims["jti"]), started_at, expires_at, in_cookie)


def _signer(path: str) -> URLSafeSerializer:
    # the salt makes a key of its own from the installation's, and another one for each path
    return URLSafeSerializer(
        current_app.config["JWT_SECRET_KEY"],
        salt=f"signed URL of {path}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
