import pytest

from tmlib.accounts.attempts import (
    MAX_FAILURES_PER_ADDRESS,
    MAX_FAILURES_PER_USER,
    WINDOW_SECONDS,
    LoginAttempts,
    TooManyAttempts,
)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def fail(attempts: LoginAttempts, times: int, name: str = "mara", address: str = "a") -> None:
    for _ in range(times):
        attempts.check(name, address)
        attempts.failed(name, address)


def test_too_many_failures_are_stopped_until_the_window_has_passed() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    fail(attempts, MAX_FAILURES_PER_USER)
    clock.time += 100
    with pytest.raises(TooManyAttempts) as refused:
        attempts.check("mara", "a")
    assert refused.value.retry_after == WINDOW_SECONDS - 100 + 1
    clock.time += WINDOW_SECONDS - 100
    attempts.check("mara", "a")


def test_nobody_can_lock_out_somebody_at_another_address() -> None:
    attempts = LoginAttempts(Clock())
    fail(attempts, MAX_FAILURES_PER_USER, address="attacker")
    attempts.check("mara", "home")


def test_trying_many_names_from_one_address_is_stopped() -> None:
    attempts = LoginAttempts(Clock())
    for number in range(MAX_FAILURES_PER_ADDRESS):
        fail(attempts, 1, name=f"user {number}")
    with pytest.raises(TooManyAttempts):
        attempts.check("yet another", "a")


def test_a_success_clears_the_failures() -> None:
    attempts = LoginAttempts(Clock())
    fail(attempts, MAX_FAILURES_PER_USER - 1)
    attempts.succeeded("mara", "a")
    fail(attempts, MAX_FAILURES_PER_USER - 1)
    attempts.check("mara", "a")
