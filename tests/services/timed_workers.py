"""Real ``tm worker``s on a ledger whose jobs last as long as a test wants."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import func, select

from tests.services.installation import clean_environment, is_running
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import owner
from tmlib.ledger import owners
from tmlib.ledger.models import Job, State
from tmlib.settings import Settings
from tmlib.workflow import service
from workers.queue import CeleryQueue

WAIT_SECONDS = 90


@dataclass
class TimedWorkers:
    """Workers whose jobs wait while a file ``hold`` is in the data folder."""

    database: Database
    settings: Settings
    experiment: Experiment
    log: Path
    started: list[psutil.Process] = field(default_factory=list)

    def submit(self, n_jobs: int, experiment: Experiment | None = None) -> int:
        """Hand in a workflow whose first step has so many run jobs, and no other step."""
        meant = experiment or self.experiment
        step = {
            "name": "metaextract",
            "batch_args": [{"name": "batch_size", "value": n_jobs}],
        }
        stage = {"name": "image_conversion", "steps": [step]}
        description = {"type": "canonical", "stages": [stage]}
        queue = CeleryQueue(self.settings)
        return service.submit(self.database, queue, meant.id, meant.user_id, description)

    def start(self, *options: str, environment: Mapping[str, str] | None = None) -> psutil.Process:
        """Start ``tm worker`` with a process for workflows and none for tools."""
        variables = clean_environment(
            self.settings.data_dir, self.settings.resolved_database_url
        ) | {
            "TM_BROKER_URL": str(self.settings.broker_url),
            "TM_LEASE_SECONDS": str(self.settings.lease_seconds),
        }
        command = [sys.executable, "-m", "tests.services.timed_worker", "--processes", "1"]
        with self.log.open("ab") as log:
            process = psutil.Popen(
                [*command, "--interactive-processes", "0", *options],
                env=variables | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    def hold(self) -> None:
        """Let jobs not end from now on."""
        (self.settings.data_dir / "hold").touch()

    def release(self) -> None:
        """Let jobs end."""
        (self.settings.data_dir / "hold").unlink()

    def processes_of(self, number: int) -> list[int]:
        """The processes that have worked on a run job, in their order; empty if none has."""
        file = self.settings.data_dir / f"started-{number}"
        return [int(word) for word in file.read_text().split()] if file.exists() else []

    def states(self, experiment: Experiment | None = None) -> Counter[State]:
        """How many run jobs are in which state."""
        with self.database.session() as session:
            counted = session.execute(
                select(Job.state, func.count())
                .where(Job.phase == "run")
                .where(owners.of(Job, owner((experiment or self.experiment).id)))
                .group_by(Job.state)
            )
            return Counter({row[0]: row[1] for row in counted})

    def job(self, number: int) -> Job:
        """A run job."""
        with self.database.session() as session:
            return session.query(Job).filter_by(phase="run", index=number + 1).one()

    def await_that(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"Waited in vain: {what}\n{self.log.read_text()}"
            time.sleep(0.05)

    def kill_all(self) -> None:
        """End all workers at once."""
        for process in self.started:
            family = process.children(recursive=True) if is_running(process) else []
            for one in [process, *family]:
                if is_running(one):
                    one.send_signal(signal.SIGKILL)
            process.wait()
