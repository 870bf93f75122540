"""Kinds of proof that an interface accepts of who sends a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tmserver.authentication import SIGNATURE, TOKEN_COOKIE, Claim, identify


@dataclass(frozen=True)
class InPath:
    """Where paths have a part that proves who has sent a request.

    Attributes
    ----------
    folder
        Below which all such paths are, with a slash at the end.
    variable
        The variable of a route that takes this part.
    """

    folder: str
    variable: str


@dataclass(frozen=True)
class Credentials:
    """How requests prove who has sent them.

    Attributes
    ----------
    identify
        Finds the claim that the present request makes; raises `NotLoggedIn` if it makes none.
    schemes
        Security schemes of the OpenAPI document, by name; any of them is enough.
    for_reading
        More schemes, which are enough to read resources.
    in_path
        Where paths have a part that is such a proof, if some do; it is not logged.
    """

    identify: Callable[[], Claim]
    schemes: Mapping[str, Mapping[str, Any]]
    for_reading: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_path: InPath | None = None


LOGINS_AND_TOKENS = Credentials(
    identify,
    {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": TOKEN_COOKIE},
    },
    {"signature": {"type": "apiKey", "in": "query", "name": SIGNATURE}},
)
"""Logins and personal tokens, in a header or a cookie, and signed URLs."""
