"""Files with rows that no job needs are removed by workers, without anybody asking."""

import os
import time

from sqlalchemy import select

from tests.services.ledger import ListQueue
from tmlib import durable_files
from tmlib.accounts.models import User
from tmlib.annotation import imports, tables
from tmlib.annotation.row_files import FileFormat
from tmlib.annotation.rows import Place
from tmlib.annotation.tables import Annotator, NewTable
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger import submissions
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from workers.upkeep import Upkeep

TWO_DAYS = 2 * 86_400


def test_workers_remove_what_no_job_needs_when_they_begin(
    database: Database, experiment: Experiment, settings: Settings
) -> None:
    storage = ExperimentStorage(settings.data_dir, experiment.id)
    new = NewTable(
        name="cells", schema_name="bound_tag", description="-", voxel_resolution=(1.0, 1.0, 1.0)
    )
    with database.transaction() as session:
        who = Annotator(session.scalars(select(User.id).limit(1)).one())
        tables.create_table(session, experiment.id, who, new)
    place = Place(database, experiment.id, "cells", who)
    sent = [imports.receive(storage, [b"tag"]) for _ in range(4)]
    numbers = [imports.start(storage, ListQueue(), place, FileFormat.CSV, one) for one in sent[:2]]
    with database.transaction() as session:
        ended = imports.get_import(session, experiment.id, "cells", numbers[0], who)
        submissions.kill(session, ended.of.submission_id)
    folder = storage.root / "annotation_imports"
    # what is left of a file whose receiver was killed
    drafts = [durable_files.draft_of(folder / name) for name in ("old", "new")]
    for draft in drafts:
        draft.write_bytes(b"ta")
    long_ago = time.time() - TWO_DAYS
    for old in (sent[1].path, sent[2].path, drafts[0]):
        os.utime(old, (long_ago, long_ago))
    Upkeep(settings).work()
    # of an import that waits, and of servers that may go on
    assert set(folder.glob("*")) == {sent[1].path, sent[3].path, drafts[1]}
