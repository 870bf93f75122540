"""Importing annotations as a program of the ledger: a job checks a file and enters its rows."""

import tempfile
import weakref
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic_core import from_json, to_json
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.imports import PROGRAM, sweep
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationImport, AnnotationTable
from tmlib.annotation.moments import lock_tables
from tmlib.annotation.new_numbers import NewNumbers
from tmlib.annotation.row_files import MOST_BYTES, FileFormat, read_parts
from tmlib.annotation.rows import check_targets, insert_rows
from tmlib.annotation.schemas import Schema
from tmlib.annotation.tables import Annotator, open_table
from tmlib.annotation.values import check_new
from tmlib.errors import Forbidden, NotFound, TooLarge
from tmlib.experiments.service import get_experiment
from tmlib.ledger import programs
from tmlib.ledger.limits import Limits
from tmlib.ledger.programs import Assignment, JobContext, Part, Program
from tmlib.storage import ExperimentStorage

_SECONDS = 60 * 60
_MEGABYTES = 4000

Rows = list[dict[str, Any]]


class Importing(Program):
    """Enters rows that have come in files."""

    name: ClassVar[str] = PROGRAM

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Check all rows of a file, and let the end of the job enter them."""
        storage = ExperimentStorage(context.settings.data_dir, context.owner.id)
        with context.database.session() as session:
            asked = session.scalars(
                select(AnnotationImport).where(AnnotationImport.submission_id == job.submission_id)
            ).one()
            session.expunge(asked)
            schema = find_schema(session, _open(session, asked)[0].schema_name)
        path = storage.root / asked.path
        if not path.exists():
            raise NotFound("The file of the import is gone: send it again.")
        checked = _Checked(schema, path.parent)
        for part in read_parts(path, FileFormat(asked.file_format), schema):
            checked.add(part.rows)
            context.progress(part.share_done)
        context.effects.append(lambda session: checked.enter(session, asked))
        context.afterwards.append(partial(path.unlink, missing_ok=True))
        context.afterwards.append(partial(sweep, context.database, storage))
        return ()

    def limits(self, description: dict[str, Any], step_name: str, phase: str) -> Limits:
        """What a job may take."""
        return Limits(seconds=_SECONDS, memory=_MEGABYTES)


def _open(session: Session, asked: AnnotationImport) -> tuple[AnnotationTable, Annotator]:
    """The table, if whoever has sent the file may still write to it, and who that is.

    Since it was sent, the experiment may be shared no longer, and users and tables be others.
    """
    user = session.get(User, asked.user_id)
    if user is None or not user.is_active:
        raise Forbidden("Whoever has sent the file cannot log in any more.")
    who = Annotator(user.id, asked.is_admin and user.is_admin)
    get_experiment(session, user.id, asked.experiment_id, "write", is_admin=who.is_admin)
    name = session.get_one(AnnotationTable, asked.annotation_table_id).name
    return open_table(session, asked.experiment_id, name, who, "write"), who


class _Checked:
    """Rows that fit their schema, in a file: a part on each line.

    The file has no name, so nothing is left of it when the process is killed.
    """

    def __init__(self, schema: Schema, folder: Path) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - needed at the job's end
        weakref.finalize(self, self._file.close)
        self._numbers = NewNumbers()
        self._n_rows = 0

    def add(self, sent: Rows) -> None:
        """Check rows that follow those before.

        Raises
        ------
        InvalidRows
            If one does not fit the schema, or has the number of another one.
        TooLarge
            If all of them together have more than `MOST_BYTES`.
        """
        try:
            rows = check_new(self._schema, sent)
        except InvalidRows as error:
            raise error.behind(self._n_rows) from None
        self._numbers.note(rows)
        self._n_rows += len(rows)
        line = to_json(rows) + b"\n"
        if self._file.tell() + len(line) > MOST_BYTES:
            raise TooLarge(
                f"The rows of the file have more than {MOST_BYTES} bytes as JSON: send them in "
                "several files."
            )
        self._file.write(line)

    def enter(self, session: Session, asked: AnnotationImport) -> None:
        """Enter all rows, in the transaction that ends the job.

        Raises
        ------
        InvalidRows
            If one refers to a row that does not exist.
        Conflict
            If a number is taken.
        NotFound
            If the table was deleted meanwhile.
        Forbidden
            If the user may not write to it any more.
        """
        moment = lock_tables(session, [asked.annotation_table_id])
        table, who = _open(session, asked)
        self._numbers.begin(session, table)
        self._file.seek(0)
        n_before = 0
        for line in self._file:
            rows: Rows = from_json(line)
            if self._schema.is_reference:
                self._check_targets(session, table, rows, n_before)
            ids = self._numbers.of(rows)
            insert_rows(session, table, self._schema, who, moment, ids, rows)
            n_before += len(rows)
        _note(session, asked.id, n_before, moment)

    @staticmethod
    def _check_targets(session: Session, table: AnnotationTable, rows: Rows, n_before: int) -> None:
        try:
            check_targets(session, table, rows)
        except InvalidRows as error:
            raise error.behind(n_before) from None


def _note(session: Session, import_id: int, n_rows: int, moment: datetime) -> None:
    asked = session.get_one(AnnotationImport, import_id)
    asked.n_rows, asked.entered_at = n_rows, moment
    session.flush()


programs.register(Importing())
