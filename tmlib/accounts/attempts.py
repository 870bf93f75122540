"""Slows down whoever tries passwords."""

import ipaddress
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from tmlib.accounts.models import FailedLogin
from tmlib.db import Database, clock
from tmlib.errors import NotLoggedIn, TmError

WINDOW = timedelta(minutes=5)
MAX_FAILURES = 10
MAX_FAILURES_OF_ADDRESS = 100
MAX_FAILURES_OF_USER = 100

_LOCK_KEY = 7_311_402_915  # of PostgreSQL; any number that nothing else takes
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_LONGEST = timedelta(seconds=60)  # that looking at a password may take


class TooManyAttempts(TmError):  # noqa: N818 - reads as what it is: "raise TooManyAttempts"
    """Too many logins failed lately."""

    status_code: ClassVar[int] = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many logins failed: try again in {seconds} seconds.")
        self.retry_after = seconds


class LoginAttempts:
    """Counts failed logins in a sliding window, for all web server processes together.

    Few may fail for one user from one address, more from one address and for one user. A single
    address thus cannot lock a user out who logs in from elsewhere. An attempt counts as failed
    before its password is looked at, so that many at the same moment get no further than as many
    one after the other; those beyond the limit wait until the ones before them are decided.
    """

    def __init__(
        self, database: Database, clock: Callable[[Session], datetime] = clock.read
    ) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """Look at a password inside; raising `NotLoggedIn` says that it was wrong.

        Raises
        ------
        TooManyAttempts
            When too many have failed, with the number of seconds to wait.
        """
        name, network = name[:255], _network(address)
        number = self._enter(name, network)
        try:
            yield
        except NotLoggedIn:
            with self._database.transaction() as session:
                session.execute(
                    update(FailedLogin).where(FailedLogin.id == number).values(is_open=False)
                )
            raise
        except BaseException:  # which says nothing about the password
            with self._database.transaction() as session:
                session.execute(delete(FailedLogin).where(FailedLogin.id == number))
            raise
        # whoever remembers the password is forgiven what was wrong before
        is_over = FailedLogin.is_open.is_(False) & (FailedLogin.address == network)
        with self._database.transaction() as session:
            session.execute(
                delete(FailedLogin).where(
                    or_(FailedLogin.id == number, is_over & (FailedLogin.name == name))
                )
            )

    def _enter(self, name: str, network: str) -> int:
        """Count an attempt as soon as there is room for one more; the number of its row."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with self._database.transaction() as session:
                if (number := self._count(session, name, network)) is not None:
                    return number
            if time.monotonic() > until:
                raise TooManyAttempts(round(_PATIENCE_SECONDS))
            time.sleep(_LOOK_SECONDS)

    def _count(self, session: Session, name: str, network: str) -> int | None:
        """Enter an attempt unless there are too many; None if it depends on open ones."""
        if not self._database.is_sqlite:
            session.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
        moment = self._clock(session)
        query = (
            select(
                FailedLogin.name, FailedLogin.address, FailedLogin.failed_at, FailedLogin.is_open
            )
            .where(
                FailedLogin.failed_at > moment - WINDOW,
                or_(FailedLogin.name == name, FailedLogin.address == network),
            )
            .order_by(FailedLogin.failed_at)
        )
        rows = session.execute(query).all()
        of_user = [row for row in rows if row.name == name]
        of_address = [row for row in rows if row.address == network]
        of_both = [row for row in of_user if row.address == network]
        limits = (
            (of_both, MAX_FAILURES),
            (of_address, MAX_FAILURES_OF_ADDRESS),
            (of_user, MAX_FAILURES_OF_USER),
        )
        for found, limit in limits:
            _refuse_beyond(found, limit, moment)
        if any(len(found) >= limit for found, limit in limits):
            return None
        session.execute(delete(FailedLogin).where(FailedLogin.failed_at <= moment - WINDOW))
        row = FailedLogin(name=name, address=network, failed_at=moment, is_open=True)
        session.add(row)
        session.flush()
        return row.id


def _refuse_beyond(rows: Sequence[Any], limit: int, moment: datetime) -> None:
    """Refuse an attempt if as many as the limit have failed; open ones of dead processes have."""
    failures = [row for row in rows if not row.is_open or row.failed_at <= moment - _LONGEST]
    if len(failures) >= limit:
        wait = failures[-limit].failed_at + WINDOW - moment
        raise TooManyAttempts(int(wait.total_seconds()) + 1)


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
