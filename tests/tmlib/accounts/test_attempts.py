from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

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


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(database: Database, clock: Clock) -> LoginAttempts:
    return LoginAttempts(database, clock)


def fail(attempts: LoginAttempts, times: int, name: str = "mara", address: str = "a") -> None:
    for _ in range(times):
        attempts.check(name, address)
        attempts.failed(name, address)


def test_too_many_failures_are_stopped_until_the_window_has_passed(
    attempts: LoginAttempts, clock: Clock
) -> None:
    fail(attempts, MAX_FAILURES)
    clock.time += timedelta(seconds=100)
    with pytest.raises(TooManyAttempts) as refused:
        attempts.check("mara", "a")
    assert refused.value.retry_after == WINDOW.total_seconds() - 100 + 1
    clock.time += WINDOW - timedelta(seconds=100)
    attempts.check("mara", "a")


def test_all_processes_count_together(
    database: Database, attempts: LoginAttempts, clock: Clock
) -> None:
    other = LoginAttempts(Database(database.engine.url), clock)
    fail(attempts, MAX_FAILURES // 2)
    fail(other, MAX_FAILURES // 2)
    for process in (attempts, other):
        with pytest.raises(TooManyAttempts):
            process.check("mara", "a")


def test_one_address_cannot_lock_out_somebody_at_another(attempts: LoginAttempts) -> None:
    fail(attempts, MAX_FAILURES, address="attacker")
    with pytest.raises(TooManyAttempts):
        attempts.check("mara", "attacker")
    attempts.check("mara", "home")


def test_trying_many_names_from_one_address_is_stopped(attempts: LoginAttempts) -> None:
    for number in range(MAX_FAILURES_OF_ADDRESS):
        fail(attempts, 1, name=f"user {number}")
    with pytest.raises(TooManyAttempts):
        attempts.check("yet another", "a")


def test_trying_one_name_from_many_addresses_is_stopped(attempts: LoginAttempts) -> None:
    for number in range(MAX_FAILURES_OF_USER):
        fail(attempts, 1, address=f"192.0.2.{number}")
    with pytest.raises(TooManyAttempts):
        attempts.check("mara", "198.51.100.1")


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8::1", "2001:db8::ffff:1:2:3"), ("192.0.2.1", "::ffff:192.0.2.1")],
)
def test_addresses_that_one_attacker_has_count_as_one(
    attempts: LoginAttempts, first: str, second: str
) -> None:
    fail(attempts, MAX_FAILURES, address=first)
    with pytest.raises(TooManyAttempts):
        attempts.check("mara", second)
    attempts.check("mara", "2001:db8:0:1::1")


def test_a_success_clears_the_failures(attempts: LoginAttempts) -> None:
    fail(attempts, MAX_FAILURES - 1)
    attempts.succeeded("mara", "a")
    fail(attempts, MAX_FAILURES - 1)
    attempts.check("mara", "a")


def test_failures_are_forgotten_when_they_no_longer_count(
    attempts: LoginAttempts, clock: Clock, database: Database
) -> None:
    fail(attempts, 3)
    clock.time += WINDOW
    fail(attempts, 1, name="john")
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(FailedLogin)) == 1
