"""Logs that are read while they grow: every byte once, and in whole characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.ledger import ListQueue, planned
from tmlib.db import Database
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine, holding, job_log
from tmlib.ledger.engine import Outcome
from tmlib.ledger.job_log import JobLog
from tmlib.ledger.output import KEPT_BYTES, Output, Tail
from tmlib.workflow import service

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.integers(4, 40),
)
def test_a_reader_gets_the_end_of_all_that_is_printed(pieces: list[str], limit: int) -> None:
    cursor, seen, gaps = None, "", 0
    with Output() as output:
        for n_printed, piece in enumerate(pieces, start=1):
            print(piece, file=output.stdout)
            stdout, _ = output.read(limit)
            log = JobLog(1, True, stdout, Tail()).after(cursor)
            printed = "".join(f"{each}\n" for each in pieces[:n_printed])
            assert stdout.end == len(printed.encode())
            assert stdout.end - stdout.start > limit - 4 or stdout.start == 0
            assert printed.encode()[log.stdout.start :].decode() == log.stdout.text
            gaps += log.stdout.start - len(seen.encode()) - gaps
            seen += log.stdout.text
            cursor = log.cursor
    assert len(seen.encode()) + gaps == len("".join(f"{each}\n" for each in pieces).encode())


def claim(database: Database, job_id: int) -> engine.Claim:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, "node1:1", "node1", lease=30)
    assert taken is not None
    return taken


def read(database: Database, job_id: int) -> JobLog:
    with database.session() as session:
        return job_log.read(session, job_id)


def test_only_the_present_attempt_writes(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)
    first = claim(database, queue.job_ids[0])

    def keep(attempt: int, text: str) -> bool:
        with database.transaction() as session:
            return job_log.keep(session, first.job_id, attempt, Tail(text), Tail())

    assert keep(first.attempt, "first\n")
    before = read(database, first.job_id)
    assert (before.stdout.text, before.is_live) == ("first\n", True)
    with database.transaction() as session:
        holding.give_back(session, first.job_id, first.attempt)
    second = claim(database, first.job_id)
    assert read(database, first.job_id).stdout == Tail()
    assert not keep(first.attempt, "late\n")
    assert keep(second.attempt, "second\n")
    now = read(database, first.job_id).after(before.cursor)
    assert (now.stdout.text, now.continues) == ("second\n", False)
    with database.transaction() as session:
        outcome = Outcome(1, stdout="second\nend\n", error="It failed.")
        engine.finish(session, second.job_id, second.attempt, outcome)
    assert not keep(second.attempt, "late\n")
    ended = read(database, first.job_id).after(now.cursor)
    assert (ended.stdout.text, ended.continues, ended.is_live) == ("end\n", True, False)


def test_the_ledger_keeps_a_bounded_end(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)
    taken = claim(database, queue.job_ids[0])
    text = "ö" * KEPT_BYTES
    with database.transaction() as session:
        engine.finish(
            session, taken.job_id, taken.attempt, Outcome(0, stdout=text, following=planned([[]]))
        )
    kept = read(database, taken.job_id).stdout
    assert (len(kept.text), kept.start) == (KEPT_BYTES // 2, KEPT_BYTES)


def test_what_is_no_cursor_or_no_job_is_named(database: Database) -> None:
    for cursor in ("", "1-2", "1-2-3-4", "a-b-c", "-1-2-3", "1-2-٣"):
        with pytest.raises(BadInput, match="no cursor"):
            JobLog(1, True, Tail(), Tail()).after(cursor)
    with database.session() as session, pytest.raises(NotFound, match="no such job"):
        job_log.read(session, 7)
