"""How the requests of an interface prove who has sent them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tmserver.authentication import SIGNATURE, TOKEN_COOKIE, Claim, identify


@dataclass(frozen=True)
class Credentials:
    """What a request may carry.

    Attributes
    ----------
    identify
        Says what the present request claims; raises `NotLoggedIn` if that is nothing.
    schemes
        The same for the OpenAPI document, by name: any of them will do.
    for_reading
        More schemes, which will do to read resources.
    """

    identify: Callable[[], Claim]
    schemes: Mapping[str, Mapping[str, Any]]
    for_reading: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


LOGINS_AND_TOKENS = Credentials(
    identify,
    {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": TOKEN_COOKIE},
    },
    {"signature": {"type": "apiKey", "in": "query", "name": SIGNATURE}},
)
"""Logins and personal tokens, in a header or a cookie, and signed URLs."""
