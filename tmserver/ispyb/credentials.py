"""What proves who sends a request: a login or a personal token, or a token for one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import request
from sqlalchemy import Select, bindparam, select

from tmlib.accounts import identity
from tmlib.accounts.identity import USERS
from tmlib.accounts.tokens import Token
from tmlib.db.base import now
from tmlib.errors import NotLoggedIn
from tmlib.facility import one_time_tokens
from tmserver.access import current_services
from tmserver.authentication import Claim, Proof, identify
from tmserver.http.credentials import LOGINS_AND_TOKENS, Credentials

PARAMETER = "onetime"

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
        token = Token(
            id=0,
            fingerprint="",
            name=PARAMETER,
            write_access=False,
            expires_at=None,
            last_used_at=now(),
        )
        return Proof(account, token=token), rest


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
        return identify()
    with current_services().database.transaction() as session:
        user_id = one_time_tokens.use(session, secret, request.path)
    if user_id is None:
        raise NotLoggedIn(_INVALID)
    return OneTimeClaim(user_id)


CREDENTIALS = Credentials(
    identify_by_any,
    {
        "HTTPBearer": {"type": "http", "scheme": "bearer"},
        "cookie": LOGINS_AND_TOKENS.schemes["cookie"],
        PARAMETER: {"type": "apiKey", "in": "query", "name": PARAMETER},
    },
)
