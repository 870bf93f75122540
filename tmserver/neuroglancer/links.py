"""Links to points of annotation tables, which name all that is to be known to read them.

Viewers add names of files to a link and send no headers, so that what proves who has made the link
is a part of its path.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import request

from tmlib.errors import NotFound
from tmserver.authentication import SIGNATURE, Claim, Proof, claim_of_signature, sign
from tmserver.authentication import identify as identify_otherwise
from tmserver.http.credentials import LOGINS_AND_TOKENS, Credentials, InPath

PREFIX = "/precomputed"

_IN_PATH = InPath(f"{PREFIX}/", "link")

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Link(NamedTuple):
    """Which points are meant: those of a field of a table, as of a moment."""

    datastack: str
    table: str
    field: str
    moment: datetime

    @property
    def path(self) -> str:
        """What is signed."""
        number = (self.moment - _BEGINNING) // _MICROSECOND
        return f"{PREFIX}/{self.datastack}/{self.table}/{self.field}/{number}"

    def signed(self, proof: Proof, expires_at: datetime) -> str:
        """The path of the folder in which viewers find the points."""
        return f"{self.path}/{sign(self.path, proof, expires_at)}"


def read_moment(text: str) -> datetime:
    """The moment that a link names by its number of microseconds.

    Raises
    ------
    NotFound
        If it names none.
    """
    if not re.fullmatch("[0-9]{1,16}", text):
        raise NotFound("This link is of no moment: ask for a new one.")
    return _BEGINNING + int(text) * _MICROSECOND


def identify() -> Claim:
    """What the present request says about who sent it: its link, if there is nothing else.

    Raises
    ------
    NotLoggedIn
        If the request carries no valid proof.
    """
    link = (request.view_args or {}).get(_IN_PATH.variable)
    if link is None or "Authorization" in request.headers or SIGNATURE in request.args:
        return identify_otherwise()
    return claim_of_signature(link, request.path.partition(f"/{link}/")[0])


CREDENTIALS = Credentials(
    identify,
    {"token": LOGINS_AND_TOKENS.schemes["token"]},
    LOGINS_AND_TOKENS.for_reading,
    _IN_PATH,
)
"""A link, or what proves it elsewhere."""
