from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tmlib.accounts.attempts import (
    MAX_FAILURES,
    MAX_FAILURES_OF_ADDRESS,
    MAX_FAILURES_OF_USER,
    WINDOW,
    LoginAttempts,
    TooManyAttempts,
)
from tmlib.accounts.models import FailedLogin
from tmlib.db import Database
from tmlib.errors import NotLoggedIn


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self, session: Session) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(database: Database, clock: Clock) -> LoginAttempts:
    return LoginAttempts(database, clock)


def fail(attempts: LoginAttempts, times: int, name: str = "mara", address: str = "a") -> None:
    for _ in range(times):
        with pytest.raises(NotLoggedIn), attempts.attempt(name, address):
            raise NotLoggedIn("The password is wrong.")


def succeed(attempts: LoginAttempts, name: str = "mara", address: str = "a") -> None:
    with attempts.attempt(name, address):
        pass


def test_too_many_failures_are_stopped_until_the_window_has_passed(
    attempts: LoginAttempts, clock: Clock
) -> None:
    fail(attempts, MAX_FAILURES)
    clock.time += timedelta(seconds=100)
    with pytest.raises(TooManyAttempts) as refused:
        succeed(attempts)
    assert refused.value.retry_after == WINDOW.total_seconds() - 100 + 1
    clock.time += WINDOW - timedelta(seconds=100)
    succeed(attempts)


def test_all_processes_count_together(
    database: Database, attempts: LoginAttempts, clock: Clock
) -> None:
    with closing(Database(database.engine.url.render_as_string(hide_password=False))) as theirs:
        other = LoginAttempts(theirs, clock)
        fail(attempts, MAX_FAILURES // 2)
        fail(other, MAX_FAILURES // 2)
        for process in (attempts, other):
            with pytest.raises(TooManyAttempts):
                succeed(process)


def test_one_address_cannot_lock_out_somebody_at_another(attempts: LoginAttempts) -> None:
    fail(attempts, MAX_FAILURES, address="attacker")
    with pytest.raises(TooManyAttempts):
        succeed(attempts, address="attacker")
    succeed(attempts, address="home")


def test_trying_many_names_from_one_address_is_stopped(attempts: LoginAttempts) -> None:
    for number in range(MAX_FAILURES_OF_ADDRESS):
        fail(attempts, 1, name=f"user {number}")
    with pytest.raises(TooManyAttempts):
        succeed(attempts, name="yet another")


def test_trying_one_name_from_many_addresses_is_stopped(attempts: LoginAttempts) -> None:
    for number in range(MAX_FAILURES_OF_USER):
        fail(attempts, 1, address=f"192.0.2.{number}")
    with pytest.raises(TooManyAttempts):
        succeed(attempts, address="198.51.100.1")


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8::1", "2001:db8::ffff:1:2:3"), ("192.0.2.1", "::ffff:192.0.2.1")],
)
def test_addresses_that_one_attacker_has_count_as_one(
    attempts: LoginAttempts, first: str, second: str
) -> None:
    fail(attempts, MAX_FAILURES, address=first)
    with pytest.raises(TooManyAttempts):
        succeed(attempts, address=second)
    succeed(attempts, address="2001:db8:0:1::1")


def test_a_success_clears_the_failures(attempts: LoginAttempts) -> None:
    fail(attempts, MAX_FAILURES - 1)
    succeed(attempts)
    fail(attempts, MAX_FAILURES - 1)
    succeed(attempts)


def test_failures_are_forgotten_when_they_no_longer_count(
    attempts: LoginAttempts, clock: Clock, database: Database
) -> None:
    fail(attempts, 3)
    clock.time += WINDOW
    fail(attempts, 1, name="john")
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(FailedLogin)) == 1


N_AT_ONCE = 3 * MAX_FAILURES


def at_once(attempt: Callable[[], None]) -> list[str]:
    """What comes of many attempts that begin at the same moment."""
    barrier = Barrier(N_AT_ONCE)

    def one(_: int) -> str:
        barrier.wait()
        try:
            attempt()
        except (NotLoggedIn, TooManyAttempts) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        return sorted(pool.map(one, range(N_AT_ONCE)))


def test_many_wrong_passwords_at_once_get_no_further_than_one_after_the_other(
    attempts: LoginAttempts,
) -> None:
    def guess() -> None:
        with attempts.attempt("mara", "a"):
            raise NotLoggedIn("The password is wrong.")

    n_refused = N_AT_ONCE - MAX_FAILURES
    assert at_once(guess) == ["NotLoggedIn"] * MAX_FAILURES + ["TooManyAttempts"] * n_refused


def test_many_right_passwords_at_once_all_get_in(attempts: LoginAttempts) -> None:
    assert at_once(lambda: succeed(attempts)) == ["in"] * N_AT_ONCE


def test_an_attempt_waits_for_those_that_are_not_decided(attempts: LoginAttempts) -> None:
    fail(attempts, MAX_FAILURES - 1)
    begun, decided = Event(), Event()

    def slow() -> None:
        with attempts.attempt("mara", "a"):
            begun.set()
            decided.wait()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow)
        begun.wait()
        second = pool.submit(succeed, attempts)
        decided.set()
        first.result()
        second.result()


def test_what_says_nothing_about_the_password_is_not_counted(
    attempts: LoginAttempts, database: Database
) -> None:
    with pytest.raises(OSError, match="away"), attempts.attempt("mara", "a"):
        raise OSError("away")
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(FailedLogin)) == 0


def test_an_attempt_whose_process_died_counts_as_failed(
    attempts: LoginAttempts, clock: Clock, database: Database
) -> None:
    fail(attempts, MAX_FAILURES)
    with database.transaction() as session:
        session.execute(update(FailedLogin).values(is_open=True))
    clock.time += timedelta(seconds=61)
    with pytest.raises(TooManyAttempts):
        succeed(attempts)
