"""Real workers of Celery run a program that has nothing to do with experiments."""

from tests.services import census
from tests.services.census import INSTALLATION
from tests.services.timed_workers import TimedWorkers
from tmlib.accounts.models import User
from tmlib.db import clock
from tmlib.ledger import job_list
from tmlib.ledger.models import JobStatus
from workers.queue import CeleryQueue

N_USERS = 5


def test_a_program_of_somebody_else_is_run_by_a_worker(timed: TimedWorkers) -> None:
    with timed.database.transaction() as session:
        session.add_all(
            User(name=f"zoe{number}", email=f"zoe{number}@example.org", password_hash="-")
            for number in range(N_USERS)
        )
    timed.start()
    census.submit(timed.database, CeleryQueue(timed.settings), timed.experiment.user_id, "z")

    def states() -> list[JobStatus]:
        with timed.database.session() as session:
            found = job_list.find_jobs(session, clock.read(session), owners=[INSTALLATION])
        return [job.state for job in found if job.name != "z_look_0000001"]

    timed.await_that(lambda: states() == [JobStatus.DONE] * (N_USERS + 1), "all has ended well")
    with timed.database.session() as session:
        emails = session.query(User.email).filter(User.name.startswith("zoe")).order_by(User.id)
        assert [row[0] for row in emails] == [
            f"zoe{number}@example.org." for number in range(N_USERS)
        ]
