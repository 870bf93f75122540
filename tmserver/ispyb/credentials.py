"""What proves who sends a request: a login, or a token of several kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import jwt
from flask import request
from sqlalchemy import Select, String, bindparam, or_, select

from tmlib.accounts import identity
from tmlib.accounts.external import NAMING
from tmlib.accounts.identity import USERS
from tmlib.accounts.tokens import Token
from tmlib.db.base import now
from tmlib.errors import NotLoggedIn
from tmlib.facility import one_time_tokens
from tmserver.access import current_services
from tmserver.authentication import CLOCKS_DIFFER_BY, SIGNATURE, Claim, Proof, identify
from tmserver.http.credentials import LOGINS_AND_TOKENS, Credentials, InPath
from tmserver.ispyb.forms import PREFIX

PARAMETER = "onetime"
IN_PATH = "token"
"""What the token is called in paths and queries that have it in them."""

_LEGACY = f"{PREFIX}/legacy/"

_INVALID = "Invalid one time token."


@dataclass(frozen=True)
class OneTimeClaim:
    """A token for one request, which was used up to make this claim."""

    user_id: int
    statement: ClassVar[Select[Any]] = select(*identity.COLUMNS).where(
        USERS.c.id == bindparam("user_id")
    )

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""
        return {"user_id": self.user_id}

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, which is good for reading, and the rest of the row."""
        account, rest = identity.read(row) if row is not None else (None, ())
        if account is None or not account.is_active:
            raise NotLoggedIn(_INVALID)
        return Proof(account, token=_token(PARAMETER, None, write_access=False)), rest


@dataclass(frozen=True)
class SharedKeyClaim:
    """A token that another server of the facility has signed, for the user of a name.

    Which permissions it lists does not matter: those count that the user has here.
    """

    login: str
    expires_at: datetime
    statement: ClassVar[Select[Any]] = select(*identity.COLUMNS).where(
        USERS.c.name == bindparam("login", type_=String),
        or_(USERS.c.origin.is_(None), *(USERS.c.origin == one for one in NAMING)),
    )

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the statement."""
        return {"login": self.login}

    def check(self, row: Sequence[Any] | None) -> tuple[Proof, Sequence[Any]]:
        """The proof, which is good for what personal tokens are, and the rest of the row."""
        account, rest = identity.read(row) if row is not None else (None, ())
        if account is None or not account.is_active:
            raise NotLoggedIn("User does not exist in database.")
        return Proof(account, token=_token("facility", self.expires_at, write_access=True)), rest


def _token(name: str, expires_at: datetime | None, *, write_access: bool) -> Token:
    """What a proof is worth that is no personal token, in the terms of those."""
    return Token(
        id=0,
        fingerprint="",
        name=name,
        write_access=write_access,
        expires_at=expires_at,
        last_used_at=now(),
    )


def identify_by_any() -> Claim:
    """What the present request says about who sent it.

    Raises
    ------
    NotLoggedIn
        If it carries no valid proof.
    Forbidden
        If the token is in a cookie and the header that proves the page's origin is missing.
    """
    secret = request.args.get(PARAMETER)
    if secret is None or "Authorization" in request.headers:
        key = current_services().settings.facility_key
        header = _authorization()
        claim = None if key is None else _claim_by_shared_key(key.get_secret_value(), header)
        return claim or identify(header)
    with current_services().database.transaction() as session:
        user_id = one_time_tokens.use(session, secret, request.path)
    if user_id is None:
        raise NotLoggedIn(_INVALID)
    return OneTimeClaim(user_id)


def _authorization() -> str:
    """The header with the token, or one with the token that the address has instead."""
    token = (request.view_args or {}).get(IN_PATH)
    if token is None and request.path.startswith(_LEGACY):
        token = request.args.get(IN_PATH)
    if token is None or "Authorization" in request.headers or SIGNATURE in request.args:
        return request.headers.get("Authorization", "")
    return f"Bearer {token}"


def _claim_by_shared_key(key: str, header: str) -> SharedKeyClaim | None:
    """The claim of a token that was signed with the key of the facility, if it is one."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims = jwt.decode(
            token.strip(),
            key,
            algorithms=["HS256"],
            leeway=CLOCKS_DIFFER_BY,
            options={"require": ["exp", "iat", "login"]},
        )
    except jwt.ExpiredSignatureError:
        raise NotLoggedIn("Token expired. Please log in again") from None
    except jwt.PyJWTError:
        return None
    login = claims["login"]
    if not isinstance(login, str) or "\x00" in login:
        raise NotLoggedIn("Invalid token")
    try:
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, OverflowError, OSError):  # of milliseconds, for example
        raise NotLoggedIn("Invalid token") from None
    return SharedKeyClaim(login, expires_at)


CREDENTIALS = Credentials(
    identify_by_any,
    {
        "HTTPBearer": {"type": "http", "scheme": "bearer"},
        "cookie": LOGINS_AND_TOKENS.schemes["cookie"],
        PARAMETER: {"type": "apiKey", "in": "query", "name": PARAMETER},
    },
    in_path=InPath(_LEGACY, IN_PATH),
)
