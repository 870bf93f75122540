"""What programs for CAVE send to prove who they are."""

from flask import request

from tmlib.accounts import tokens
from tmserver.authentication import READING_METHODS, TOKEN_COOKIE, Claim, TokenClaim
from tmserver.authentication import identify as identify_otherwise
from tmserver.http.credentials import Credentials

TOKEN = "middle_auth_token"  # noqa: S105 - a name, not a secret
"""Name of the cookie and of the parameter in which a token may be sent."""


def identify() -> Claim:
    """What the present request says about who sent it.

    A header counts first. Cookies and addresses are good for reading only: other sites' pages could
    let a browser send them.

    Raises
    ------
    NotLoggedIn
        If the request carries no valid proof.
    """
    if "Authorization" not in request.headers and request.method in READING_METHODS:
        sent = request.args.get(TOKEN) or request.cookies.get(TOKEN, "")
        if tokens.is_token(sent):
            return TokenClaim(tokens.hash_secret(sent))
    return identify_otherwise()


CREDENTIALS = Credentials(
    identify,
    {
        "token": {"type": "http", "scheme": "bearer"},
        "login": {"type": "apiKey", "in": "cookie", "name": TOKEN_COOKIE},
    },
    {
        "cookie": {"type": "apiKey", "in": "cookie", "name": TOKEN},
        "address": {"type": "apiKey", "in": "query", "name": TOKEN},
    },
)
"""Personal tokens in a header, a cookie or the address, and what proves it elsewhere."""
