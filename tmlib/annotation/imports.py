"""Imports of annotations: files that wait for their jobs, and how these stand."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from tmlib import digests, durable_files
from tmlib.annotation.models import AnnotationImport
from tmlib.annotation.repeats import answer_of, remember
from tmlib.annotation.row_files import MOST_BYTES, FileFormat
from tmlib.annotation.rows import Place
from tmlib.annotation.tables import Annotator, find_table, may_use
from tmlib.db import Database
from tmlib.errors import BadInput, NotFound, TooLarge
from tmlib.experiments.ownership import owner
from tmlib.ledger import interactive, submissions
from tmlib.ledger.models import INTERACTIVE, Job, JobStatus, State
from tmlib.ledger.programs import Part, PlannedJob
from tmlib.ledger.queue import Queue
from tmlib.storage import ExperimentStorage, all_storages, remove_orphans

PROGRAM = "annotation_import"
"""Its jobs, and what they print, are no more for all who may read the experiment than rows are."""

_NOT_TOLD = "Why is told to those who may read the table, and to whoever has sent the file."


@dataclass(frozen=True)
class ImportStatus:
    """How an import stands.

    Attributes
    ----------
    of
        What was asked for.
    state, percent_done
        Of its job.
    error
        Why it failed, if it did: then no row was entered. Others than its sender, and those who
        may read the table, are not told: it quotes rows.
    """

    of: AnnotationImport
    state: JobStatus
    percent_done: float
    error: str | None


@dataclass(frozen=True)
class SentRows:
    """A file that has arrived, and the digest of what is in it."""

    path: Path
    digest: str


def receive(storage: ExperimentStorage, chunks: Iterable[bytes]) -> SentRows:
    """Keep a file with rows until its job has ended.

    Parameters
    ----------
    storage
        Of the experiment.
    chunks
        Its content.

    Raises
    ------
    BadInput
        If it is empty.
    TooLarge
        If it has more than `MOST_BYTES`.
    """
    path = _folder(storage) / secrets.token_hex(16)
    digest, n_bytes = digests.start("sha256"), 0
    with durable_files.writing(path) as file:
        for chunk in chunks:
            n_bytes += len(chunk)
            if n_bytes > MOST_BYTES:
                raise TooLarge(
                    f"The file has more than {MOST_BYTES} bytes: send its rows in several files."
                )
            digest.update(chunk)
            file.write(chunk)
        if not n_bytes:
            raise BadInput("The request has no file: send one in its body.")
    return SentRows(path, digest.hexdigest())


def start(
    storage: ExperimentStorage, queue: Queue, place: Place, form: FileFormat, sent: SentRows
) -> int:
    """Let a job enter the rows of a file, all of them or none.

    Parameters
    ----------
    storage, queue
        Of the experiment, and what carries the ids of jobs.
    place
        Where the rows go, and who sends them.
    form, sent
        The file; it is removed when it is not needed any more.

    Returns
    -------
    int
        Number of the import: the same one when a request is sent again.

    Raises
    ------
    NotFound
        If there is no such table.
    Forbidden
        If the user may not write to it.
    Conflict
        If the key of the request came with another one.
    """
    is_new = False
    try:
        request = place.request("import", [form, sent.digest])
        with place.database.transaction() as session:
            table, moment = place.lock(session)
            user_id = place.who.user_id
            if (answer := answer_of(session, table, user_id, request)) is not None:
                return int(answer[0])
            submission_id, job_ids = submissions.submit(
                session,
                owner(place.experiment_id),
                user_id,
                program=PROGRAM,
                description={},
                plan=Part(
                    INTERACTIVE,
                    "AnnotationImport",
                    PROGRAM,
                    jobs=[PlannedJob({}, PROGRAM)],
                    step_name=PROGRAM,
                ),
            )
            asked = AnnotationImport(
                experiment_id=place.experiment_id,
                annotation_table_id=table.id,
                user_id=user_id,
                is_admin=place.who.is_admin,
                submission_id=submission_id,
                file_format=form,
                path=str(sent.path.relative_to(storage.root)),
            )
            session.add(asked)
            session.flush()
            number = asked.id
            remember(session, table, user_id, request, [number], moment)
        is_new = True
    finally:
        if not is_new:
            sent.path.unlink(missing_ok=True)
    queue.enqueue(job_ids, interactive=True)
    return number


def list_imports(
    session: Session, experiment_id: int, table_name: str, who: Annotator
) -> list[ImportStatus]:
    """All imports into a table, the first one first, as somebody may know of them.

    Raises
    ------
    NotFound
        If there is no such table.
    """
    table = find_table(session, experiment_id, table_name)
    query = _statuses().where(
        AnnotationImport.experiment_id == experiment_id,
        AnnotationImport.annotation_table_id == table.id,
    )
    may_read = may_use(session, table, who, "read")
    return [_status(row, who, may_read) for row in session.execute(query)]


def get_import(
    session: Session, experiment_id: int, table_name: str, number: int, who: Annotator
) -> ImportStatus:
    """How an import stands, as somebody may know of it.

    Raises
    ------
    NotFound
        If there is no such table, or it has no such import.
    """
    table = find_table(session, experiment_id, table_name)
    query = _statuses().where(
        AnnotationImport.annotation_table_id == table.id, AnnotationImport.id == number
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound(f"There is no such import into table {table.name}.")
    return _status(found, who, may_use(session, table, who, "read"))


def stop(storage: ExperimentStorage, place: Place, number: int) -> None:
    """End an import before its rows are entered, and remove its file.

    Nothing happens if it has ended.

    Raises
    ------
    NotFound
        If there is no such table, or it has no such import.
    Forbidden
        If the user may not write to the table.
    """
    with place.database.transaction() as session:
        place.open(session)
        found = get_import(session, place.experiment_id, place.name, number, place.who)
        submissions.kill(session, found.of.submission_id, "The import was killed.")
    (storage.root / found.of.path).unlink(missing_ok=True)


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove files of an experiment that no job needs any more.

    They are those of imports that have ended, and what killed servers have left behind: see
    :func:`tmlib.storage.remove_orphans`.
    """
    files = list(_folder(storage).glob("*"))
    if not files:
        return 0
    query = _statuses().where(AnnotationImport.experiment_id == storage.experiment_id)
    with database.session() as session:
        known = {storage.root / asked.path: job.state for asked, job in session.execute(query)}
    needless = [file for file in files if known.get(file) is State.TERMINATED]
    for file in needless:
        file.unlink(missing_ok=True)
    others = [file for file in files if file not in needless]
    return len(needless) + remove_orphans(others, known, older_than=older_than)


def sweep_all(database: Database, data_dir: Path) -> int:
    """Remove files that no job needs any more, of all experiments."""
    return sum(sweep(database, storage) for storage in all_storages(data_dir))


def _folder(storage: ExperimentStorage) -> Path:
    return storage.root / "annotation_imports"


def _statuses() -> Select[AnnotationImport, Job]:
    return (
        select(AnnotationImport, Job)
        .join(Job, Job.submission_id == AnnotationImport.submission_id)
        .order_by(AnnotationImport.id)
    )


def _status(row: Row[AnnotationImport, Job], who: Annotator, may_read: bool) -> ImportStatus:
    asked, job = row
    state = JobStatus.of(job.state, job.exitcode)
    is_told = may_read or who.user_id == asked.user_id
    error = job.error if job.error is None or is_told else _NOT_TOLD
    return ImportStatus(asked, state, interactive.percent_done(job), error)
