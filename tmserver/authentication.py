"""Tokens: how a request proves who sent it.

Programs send a token in the header ``Authorization``, with the scheme ``JWT`` of the original's
clients or with ``Bearer``. Browsers keep it in a cookie that scripts cannot read; requests that
change something must then repeat the value of a second cookie in a header, which pages of other
sites cannot do.
"""

from datetime import timedelta

from flask import Flask, Response, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    get_csrf_token,
    get_jwt_identity,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException, NoAuthorizationError
from jwt import ExpiredSignatureError, PyJWTError

from tmlib.accounts.models import User
from tmlib.errors import Forbidden, NotLoggedIn
from tmlib.settings import Settings

TOKEN_COOKIE = "access_token_cookie"  # noqa: S105 - a name, not a secret
CSRF_COOKIE = "csrf_access_token"
CSRF_HEADER = "X-CSRF-TOKEN"

_SCHEMES = {"jwt", "bearer"}


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
    )
    JWTManager(app)


def issue_token(user: User) -> str:
    """A token for a user; ``uid`` and ``uname`` are what the original's viewer reads."""
    claims = {"uid": user.id, "uname": user.name}
    token: str = create_access_token(str(user.id), additional_claims=claims)
    return token


def set_cookies(response: Response, token: str, settings: Settings) -> None:
    """Let a browser send the token from now on."""
    for name, value, hidden in (
        (TOKEN_COOKIE, token, True),
        (CSRF_COOKIE, get_csrf_token(token), False),
    ):
        response.set_cookie(
            name,
            value,
            max_age=int(settings.token_hours * 3600),
            secure=request.is_secure,
            httponly=hidden,
            samesite="Strict",
        )


def unset_cookies(response: Response) -> None:
    """Let a browser forget the token."""
    response.delete_cookie(TOKEN_COOKIE, samesite="Strict", httponly=True)
    response.delete_cookie(CSRF_COOKIE, samesite="Strict")


def current_user_id() -> int:
    """Number of the user whose token the request carries.

    Raises
    ------
    NotLoggedIn
        If there is no valid token.
    Forbidden
        If the token is in a cookie and the header that proves the page's origin is missing.
    """
    _accept_both_schemes()
    try:
        verify_jwt_in_request()
        return int(get_jwt_identity())
    except NoAuthorizationError:
        raise NotLoggedIn("You are not logged in: send a token, or log in again.") from None
    except CSRFError:
        raise Forbidden(
            f"A request with a cookie must repeat the value of the cookie {CSRF_COOKIE} in the "
            f"header {CSRF_HEADER}."
        ) from None
    except ExpiredSignatureError:
        raise NotLoggedIn("Your login has expired: log in again.") from None
    except (JWTExtendedException, PyJWTError, ValueError):
        raise NotLoggedIn("The token is not valid: log in again.") from None


def _accept_both_schemes() -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES:
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
