"""One run: a workflow, what is done to the installation meanwhile, and what comes of it."""

import random
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import func, select

from tests.acceptance.torture import fingerprint, moments
from tests.acceptance.torture.faults import FAULTS, Fault, Strike
from tests.acceptance.torture.fingerprint import Fingerprint
from tests.acceptance.torture.moments import Clock, Moment, random_moment
from tests.acceptance.torture.story import Story
from tests.acceptance.torture.victim import Victim, await_that
from tmlib.experiments.ownership import owner
from tmlib.ledger import owners
from tmlib.ledger.models import Job
from tmlib.objects.values import feature_files
from tmlib.storage import ExperimentStorage
from tmlib.workflow.steps import corilla
from tmserver.demo.plate import Plate


@dataclass(frozen=True)
class Plan:
    """What is done when; made from a seed, so that it can be made again.

    Attributes
    ----------
    seed
        What it was made from.
    strikes
        Moments, and what is done at each.
    is_repeated
        Whether it is done to a workflow that makes everything again, over what an undisturbed one
        has left.
    """

    seed: str
    strikes: tuple[tuple[Moment, Fault], ...]
    is_repeated: bool = False

    @property
    def name(self) -> str:
        """The kinds of faults."""
        return " + ".join(sorted({fault.name for _, fault in self.strikes}))

    def __str__(self) -> str:
        return "; ".join(f"{fault.name} at {moment}" for moment, fault in self.strikes)


def plan(faults: Sequence[Fault], n_strikes: int, seed: str, *, is_repeated: bool = False) -> Plan:
    """Distribute strikes over the phases of a workflow, each fault at least once."""
    choice = random.Random(seed)  # noqa: S311 - a choice, no secret
    chosen = [*faults, *choice.choices(faults, k=max(0, n_strikes - len(faults)))]
    strikes = [(random_moment(choice, first=fault.first), fault) for fault in chosen]
    return Plan(seed, tuple(sorted(strikes, key=lambda strike: strike[0].order)), is_repeated)


@dataclass
class Outcome:
    """What became of a run.

    Attributes
    ----------
    plan
        What was to be done.
    n_hits
        How many of the strikes found something to hit before the end.
    n_repeated
        How many attempts of jobs were made beyond the first.
    seconds
        How long the workflow took.
    has_ended
        Whether it came to an end, and a good one.
    differences
        From an undisturbed run, and whatever else is wrong.
    """

    plan: Plan
    n_hits: int = 0
    n_repeated: int = 0
    seconds: float = 0.0
    has_ended: bool = False
    differences: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nobody can tell that anything was disturbed."""
        return self.has_ended and not self.differences


class Laboratory:
    """Repeats the same workflow on an installation, and compares.

    Parameters
    ----------
    victim
        The installation.
    plate
        What the workflow is about.
    """

    def __init__(self, victim: Victim, plate: Plate) -> None:
        self.victim = victim
        self._plate = plate
        self._n_runs = 0
        story, experiment_id = self._begin()
        story.send()
        story.wait_for_end()
        self.reference = self._fingerprint(experiment_id)
        assert self._wrong(experiment_id) == []
        story.delete()

    def run(self, planned: Plan) -> Outcome:
        """Run the workflow while the installation is disturbed as planned."""
        outcome = Outcome(planned)
        story, experiment_id = self._begin()
        tormentor = Tormentor(self.victim, Clock(self.victim.database, experiment_id), planned)
        if planned.is_repeated:
            story.send()
            story.wait_for_end()
            story.repeat()
        started = time.monotonic()
        tormentor.start()
        try:
            if not planned.is_repeated:
                story.send()
            status = story.wait_for_end()
            outcome.has_ended = not status["failed"]
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
            outcome.differences.append(f"{type(error).__name__}: {error}")
        finally:
            outcome.seconds = time.monotonic() - started
            outcome.n_hits = tormentor.stop()
        outcome.differences += tormentor.errors
        self.victim.wait_until_calm()
        outcome.n_repeated = self._further_attempts(experiment_id)
        outcome.differences += self._wrong(experiment_id)
        if outcome.is_good and not planned.is_repeated:
            story.go_on()
            outcome.differences += self._wrong(experiment_id)
        if outcome.is_good:
            story.delete()
            outcome.differences += self._leftovers(experiment_id)
        return outcome

    def _leftovers(self, experiment_id: int) -> list[str]:
        """What stays of an experiment that was deleted, which may take a while."""
        left = [""]

        def is_gone() -> bool:
            left[:] = fingerprint.leftovers(self.victim.database, experiment_id)
            return not left

        with suppress(TimeoutError):
            await_that(is_gone, "the experiment to be gone")
        return left

    def _begin(self) -> tuple[Story, int]:
        self._n_runs += 1
        client = self.victim.installation.client(f"run {self._n_runs}")
        story = Story(client, self._plate)
        return story, story.begin()

    def _wrong(self, experiment_id: int) -> list[str]:
        found = moments.contradictions(self.victim.database, experiment_id)
        return found + self.reference.differences(self._fingerprint(experiment_id))

    def _fingerprint(self, experiment_id: int) -> Fingerprint:
        storage = ExperimentStorage(self.victim.installation.data_dir, experiment_id)
        # what killed jobs have written and nobody lists is removed, in earnest after a day
        feature_files.sweep(self.victim.database, storage, older_than=0)
        corilla.sweep(self.victim.database, storage, older_than=0)
        return fingerprint.take(self.victim.database, storage)

    def _further_attempts(self, experiment_id: int) -> int:
        with self.victim.database.session() as session:
            query = select(func.sum(Job.attempt - 1)).where(
                owners.of(Job, owner(experiment_id)), Job.attempt > 0
            )
            return session.scalar(query) or 0


class Tormentor(threading.Thread):
    """Does what is planned at its moments, in a thread of its own.

    Attributes
    ----------
    errors
        What could not be done as planned.
    """

    def __init__(self, victim: Victim, clock: Clock, planned: Plan) -> None:
        super().__init__(name="tormentor")
        self.errors: list[str] = []
        self._victim = victim
        self._clock = clock
        self._plan = planned
        self._choice = random.Random(planned.seed)  # noqa: S311 - a choice, no secret
        self._is_over = threading.Event()
        self._n_hits = 0
        self._open: list[tuple[float, Strike]] = []

    def run(self) -> None:
        """Strike until the workflow has ended, and end what was begun."""
        try:
            for moment, fault in self._plan.strikes:
                while not (self._is_over.is_set() or self._clock.has_come(moment)):
                    self._end_what_is_due()
                    time.sleep(0.003)
                self._is_over.wait(moment.later)
                while not (self._is_over.is_set() or self._hits(fault)):
                    self._end_what_is_due()
                    time.sleep(0.003)
            while self._open and not self._is_over.wait(0.02):
                self._end_what_is_due()
        except Exception:  # noqa: BLE001 - the run says so
            self.errors.append(traceback.format_exc())
        finally:
            self._is_over.wait()
            self._end_all()

    def stop(self) -> int:
        """Let it end; gives how many strikes have hit something."""
        self._is_over.set()
        self.join()
        return self._n_hits

    def _hits(self, fault: Fault) -> bool:
        """Strike; False if there was nothing to strike."""
        if fault.is_alone:
            self._end_all()
        strike = fault.strike(self._victim, self._choice)
        if strike is None:
            return False
        self._n_hits += 1
        self._open.append((time.monotonic() + strike.seconds, strike))
        self._end_what_is_due()
        return True

    def _end_what_is_due(self) -> None:
        for entry in list(self._open):
            if entry[0] <= time.monotonic():
                self._open.remove(entry)
                entry[1].end()

    def _end_all(self) -> None:
        while self._open:
            _, strike = self._open.pop()
            try:
                strike.end()
            except Exception:  # noqa: BLE001 - the run says so
                self.errors.append(traceback.format_exc())


def faults_for(victim: Victim) -> list[Fault]:
    """All faults that can be done to an installation."""
    return [fault for fault in FAULTS if fault.can_strike(victim)]
