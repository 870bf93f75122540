"""Pools on machines whose clocks are set wrongly."""

from datetime import timedelta

import pytest

from tests.services.clock import shifted_clock
from tests.services.timed_workers import TimedWorkers
from tmlib.db import clock
from tmlib.ledger import overview
from tmlib.ledger.models import State
from tmlib.ledger.overview import HostState


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_jobs_stay_with_healthy_workers_whatever_their_clocks_say(timed: TimedWorkers) -> None:
    timed.hold()
    timed.submit(2)
    for seconds in (-60, 60):
        timed.start(environment=shifted_clock(seconds))
    timed.await_that(lambda: timed.states()[State.RUNNING] == 2, "both work")
    beginning = [timed.job(number).lease_expires_at for number in range(2)]
    enough = timedelta(seconds=4 * timed.settings.lease_seconds)

    def is_held_for_long() -> bool:
        leases = [timed.job(number).lease_expires_at for number in range(2)]
        return all(
            lease is not None and begin is not None and lease > begin + enough
            for lease, begin in zip(leases, beginning, strict=True)
        )

    timed.await_that(is_held_for_long, "both leases were prolonged")
    with timed.database.session() as session:
        [host] = overview.host_loads(session, clock.read(session))
    assert (host.state, host.running, host.overdue) == (HostState.WORKING, 2, 0)
    timed.release()
    timed.await_that(lambda: timed.states()[State.TERMINATED] == 2, "both end")
    jobs = [timed.job(number) for number in range(2)]
    assert [(job.exitcode, job.attempt, job.tries) for job in jobs] == [(0, 1, 1)] * 2
    assert "lost jobs" not in timed.log.read_text()
