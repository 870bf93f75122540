"""How a request proves who sent it.

- With a *login*, which a password opens: a signed token in the header ``Authorization``, with the
  scheme ``JWT`` of the original's clients or with ``Bearer``. Browsers keep it in a cookie that
  scripts cannot read; requests that change something must then repeat the value of a second
  cookie in a header, which pages of other sites cannot do.
- With a *personal token*, in the same header: for scripts, possibly only for reading.
- With a *signed URL*, good for one path and a short time: for programs that send no headers.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import compare_digest
from typing import Any, ClassVar, Protocol

import jwt
from flask import Flask, Response, after_this_request, current_app, request
from flask_jwt_extended import JWTManager, create_access_token, get_csrf_token
from itsdangerous import BadData, URLSafeSerializer
from jwt import ExpiredSignatureError, InvalidTokenError, PyJWTError
from sqlalchemy import Select

from tmlib.accounts import logins, tokens
from tmlib.accounts.identity import Account
from tmlib.accounts.models import User
from tmlib.accounts.tokens import Token
from tmlib.db.base import now
from tmlib.errors import Forbidden, NotLoggedIn
from tmlib.settings import Settings

TOKEN_COOKIE = "access_token_cookie"  # noqa: S105 - a name, not a secret
CSRF_COOKIE = "csrf_access_token"
CSRF_HEADER = "X-CSRF-TOKEN"
SIGNATURE = "signature"

READING_METHODS = ("GET", "HEAD", "OPTIONS")

_ALGORITHM = "HS256"
_SCHEMES = {"jwt", "bearer"}
_FROM_ELSEWHERE = (
    f"A request with a cookie must repeat the value of the cookie {CSRF_COOKIE} in the header "
    f"{CSRF_HEADER}."
)
_BY_LOGIN, _BY_TOKEN = "login", "token"  # what has signed a URL
_LOGIN_CAN_BE_REFRESHED_FOR = timedelta(days=30)

CLOCKS_DIFFER_BY = timedelta(minutes=2)
"""How far clocks may be apart: logins tell the time of the server that issued them."""


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
    """Whose request it is, and what shows it: a login, a personal token or else a signed URL.

    ``signer`` is the personal token that has signed the URL, if one has.
    """

    user: Account
    login: Login | None = None
    token: Token | None = None
    signer: Token | None = None

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
        """Whether the user acts as administrator, which nobody does by way of a token."""
        return self.user.is_admin and self.token is None and self.signer is None


def configure(app: Flask, settings: Settings) -> None:
    """Let the application issue and accept tokens."""
    app.config.update(
        JWT_SECRET_KEY=settings.signing_key,
        JWT_ALGORITHM=_ALGORITHM,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(hours=settings.token_hours),
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_HEADER_TYPE="Bearer",
        JWT_ACCESS_COOKIE_NAME=TOKEN_COOKIE,
        JWT_ACCESS_CSRF_HEADER_NAME=CSRF_HEADER,
        JWT_COOKIE_CSRF_PROTECT=True,
        JWT_DECODE_LEEWAY=CLOCKS_DIFFER_BY,
    )
    JWTManager(app)


def issue_token(user: User | Account, started_at: datetime | None = None) -> str:
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


def refresh_token(user: Account, login: Login) -> str:
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
        return _login(_read_token(request.cookies.get(TOKEN_COOKIE, "")), in_cookie=True)
    except (PyJWTError, ValueError, KeyError):
        return None


def sign(path: str, proof: Proof, expires_at: datetime) -> str:
    """What must come as parameter `SIGNATURE` with a path, to get it as the user of a proof.

    It ends with the login or the personal token that the proof is.
    """
    user = proof.user
    if proof.token is not None:
        made_by: list[object] = [_BY_TOKEN, proof.token.fingerprint]
    elif proof.login is not None:
        made_by = [_BY_LOGIN, proof.login.id]
    else:
        raise Forbidden("A signed URL cannot sign others: send a token instead.")
    claims = [user.id, user.login_generation, int(expires_at.timestamp()), *made_by]
    return str(_signer(path).dumps(claims))


def end_of_signature(proof: Proof, seconds: int) -> datetime:
    """When a signature of now ends: after so many seconds, or with the proof that makes it."""
    expires_at = now() + timedelta(seconds=seconds)
    return min(expires_at, proof.expires_at or expires_at).replace(microsecond=0)


class Claim(Protocol):
    """What a request says about who sent it: well formed and signed, but it may hold no more.

    Its ``statement``, with its ``parameters``, asks the database, and `check` what that has found.
    """

    @property
    def statement(self) -> Select[Any]:
        """Asks for the user, see `tmlib.accounts.identity`."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, if the row that was found shows that this holds; the rest of the row.

        Raises
        ------
        NotLoggedIn
            If it does not.
        """


@dataclass(frozen=True)
class LoginClaim:
    """A login, or a URL that was signed with it."""

    user_id: int
    generation: int
    login_id: str
    login: Login | None
    statement: ClassVar[Select[Any]] = logins.STATEMENT

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""
        return {"user_id": self.user_id, "login_id": self.login_id}

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, if the row that was found shows that this holds; the rest of the row."""
        account, rest = logins.check(row, self.generation)
        return Proof(account, self.login), rest


@dataclass(frozen=True)
class TokenClaim:
    """A personal token."""

    token_hash: str
    statement: ClassVar[Select[Any]] = tokens.STATEMENT

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""
        return {"token_hash": self.token_hash}

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, if the row that was found shows that this holds; the rest of the row."""
        account, token, rest = tokens.check(row)
        return Proof(account, token=token), rest


@dataclass(frozen=True)
class SignedByToken:
    """A URL that was signed with a personal token."""

    user_id: int
    fingerprint: str
    statement: ClassVar[Select[Any]] = tokens.STATEMENT_OF_SIGNED

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""
        return {"user_id": self.user_id, "fingerprint": self.fingerprint}

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, if the row that was found shows that this holds; the rest of the row."""
        account, token, rest = tokens.check_signed(row)
        return Proof(account, signer=token), rest


def identify(authorization: str | None = None) -> Claim:
    """What the present request says about who sent it, as far as that is seen without a database.

    Parameters
    ----------
    authorization
        What counts as the header of this name, if not that of the request.

    Raises
    ------
    NotLoggedIn
        If the request carries no valid proof.
    Forbidden
        If the token is in a cookie and the header that proves the page's origin is missing.
    """
    header = authorization or request.headers.get("Authorization", "")
    scheme, _, secret = header.partition(" ")
    if scheme.lower() in _SCHEMES:
        if tokens.is_token(secret):
            return TokenClaim(tokens.hash_secret(secret))
        return _claim_of_login(secret.partition(",")[0].strip(), in_cookie=False)
    if SIGNATURE in request.args:
        return claim_of_signature(request.args[SIGNATURE], request.path)
    if token := _second_scheme(header):
        return _claim_of_login(token, in_cookie=False)
    if cookie := request.cookies.get(TOKEN_COOKIE):
        return _claim_of_login(cookie, in_cookie=True)
    raise NotLoggedIn("You are not logged in: send a token, or log in again.")


def _second_scheme(header: str) -> str | None:
    """The token in a header to which a proxy has added a scheme: ``Basic x, Bearer y``."""
    parts = [part.split() for part in header.split(",")]
    found = [part[1] for part in parts if len(part) == 2 and part[0] == "Bearer"]
    return found[0] if len(found) == 1 else None


def _claim_of_login(token: str, *, in_cookie: bool) -> LoginClaim:
    # a page of another site cannot set the header, but the browser adds the cookie to its requests
    proves_origin = in_cookie and request.method not in READING_METHODS
    repeated = request.headers.get(CSRF_HEADER, "").encode()
    if proves_origin and not repeated:
        raise Forbidden(_FROM_ELSEWHERE)
    try:
        claims = _read_token(token)
        if proves_origin and not compare_digest(claims["csrf"].encode(), repeated):
            raise Forbidden(_FROM_ELSEWHERE)
        login = _login(claims, in_cookie=in_cookie)
        return LoginClaim(int(claims["sub"]), int(claims["generation"]), login.id, login)
    except ExpiredSignatureError:
        raise NotLoggedIn("Your login has expired: log in again.") from None
    except (PyJWTError, ValueError, KeyError):
        raise NotLoggedIn("The token is not valid: log in again.") from None


def _read_token(token: str) -> Mapping[str, Any]:
    """What a token says, which must be signed and not have expired."""
    claims = _verify(token, current_app.config["JWT_SECRET_KEY"])
    if int(claims["exp"]) <= (now() - CLOCKS_DIFFER_BY).timestamp():
        raise ExpiredSignatureError("It has expired.")
    return claims


@functools.lru_cache(maxsize=1024)
def _verify(token: str, key: str) -> Mapping[str, Any]:
    """What a token says, whose signature is right: that stays so, and is found out once."""
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[_ALGORITHM],
        leeway=CLOCKS_DIFFER_BY,
        options={"require": ["exp", "sub", "jti"], "verify_exp": False},
    )
    if claims.get("type", "access") != "access":
        raise InvalidTokenError("It is a token of another type.")
    return claims


def claim_of_signature(signature: str, path: str) -> Claim:
    """What a path with its signature says about who has signed it.

    Raises
    ------
    NotLoggedIn
        If it is not the signature of this path, or is good no more.
    """
    try:
        user_id, generation, expires, kind, signer = _signer(path).loads(signature)
    except (BadData, ValueError):  # signed by another version
        raise NotLoggedIn("The URL's signature is not valid for this path.") from None
    if expires <= now().timestamp():
        raise NotLoggedIn("The signed URL has expired: ask for a new one.")
    if kind == _BY_TOKEN:
        return SignedByToken(user_id, str(signer))
    return LoginClaim(user_id, generation, signer, login=None)


def _login(claims: Mapping[str, Any], *, in_cookie: bool) -> Login:
    started_at, expires_at = (
        datetime.fromtimestamp(int(claims[key]), UTC) for key in ("auth_time", "exp")
    )
    return Login(str(claims["jti"]), started_at, expires_at, in_cookie)


def _signer(path: str) -> URLSafeSerializer:
    # the salt makes a key of its own from the installation's, and another one for each path
    return URLSafeSerializer(
        current_app.config["JWT_SECRET_KEY"],
        salt=f"signed URL of {path}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
