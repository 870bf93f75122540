"""Slows down whoever tries passwords."""

import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import delete, or_, select

from tmlib.accounts.models import FailedLogin
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import TmError

WINDOW = timedelta(minutes=5)
MAX_FAILURES = 10
MAX_FAILURES_OF_ADDRESS = 100
MAX_FAILURES_OF_USER = 100


class TooManyAttempts(TmError):  # noqa: N818 - reads as what it is: "raise TooManyAttempts"
    """Too many logins failed lately."""

    status_code: ClassVar[int] = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many logins failed: try again in {seconds} seconds.")
        self.retry_after = seconds


class LoginAttempts:
    """Counts failed logins in a sliding window, for all web server processes together.

    Few may fail for one user from one address, more from one address and for one user. A single
    address thus cannot lock a user out who logs in from elsewhere.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def check(self, name: str, address: str) -> None:
        """Refuse an attempt when too many have failed.

        Raises
        ------
        TooManyAttempts
            With the number of seconds to wait.
        """
        moment, name, network = self._clock(), name[:255], _network(address)
        query = (
            select(FailedLogin.name, FailedLogin.address, FailedLogin.failed_at)
            .where(
                FailedLogin.failed_at > moment - WINDOW,
                or_(FailedLogin.name == name, FailedLogin.address == network),
            )
            .order_by(FailedLogin.failed_at)
        )
        with self._database.session() as session:
            failures = list(session.execute(query))
        of_user = [failure for failure in failures if failure.name == name]
        of_address = [failure for failure in failures if failure.address == network]
        of_both = [failure for failure in of_user if failure.address == network]
        for found, limit in (
            (of_both, MAX_FAILURES),
            (of_address, MAX_FAILURES_OF_ADDRESS),
            (of_user, MAX_FAILURES_OF_USER),
        ):
            if len(found) >= limit:
                wait = found[-limit].failed_at + WINDOW - moment
                raise TooManyAttempts(int(wait.total_seconds()) + 1)

    def failed(self, name: str, address: str) -> None:
        """Remember a login that failed."""
        moment = self._clock()
        with self._database.transaction() as session:
            session.execute(delete(FailedLogin).where(FailedLogin.failed_at <= moment - WINDOW))
            session.add(FailedLogin(name=name[:255], address=_network(address), failed_at=moment))

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of somebody who remembered the password."""
        belongs = (FailedLogin.name == name[:255], FailedLogin.address == _network(address))
        with self._database.session() as session:
            if session.scalar(select(FailedLogin.id).where(*belongs).limit(1)) is None:
                return
        with self._database.transaction() as session:
            session.execute(delete(FailedLogin).where(*belongs))


def _network(address: str) -> str:
    """What one attacker can send from: an IPv4 address, or the /64 that IPv6 hands out."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:45]
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
