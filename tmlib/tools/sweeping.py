"""Removes files that belong to nothing: of jobs that were killed, of types that are gone."""

import time

from sqlalchemy import select

from tmlib.db import Database
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels, model_files
from tmlib.tools.models import ToolModel, ToolResult


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove files of results and models that no row lists.

    Parameters
    ----------
    database
        Where results and models are listed.
    storage
        Folders of the experiment.
    older_than
        Age in seconds; younger files may belong to a job that still runs.

    Returns
    -------
    int
        How many were removed.
    """
    latest = time.time() - older_than
    found = {
        path
        for folder in (labels.folder(storage), model_files.folder(storage))
        for path in folder.glob("*")
        if path.stat().st_mtime <= latest
    }
    of_experiment = ToolResult.experiment_id == storage.experiment_id
    with database.session() as session:
        listed = {
            path
            for column, where in (
                (ToolResult.path, of_experiment),
                (ToolResult.wells_path, of_experiment),
                (ToolModel.path, ToolModel.experiment_id == storage.experiment_id),
            )
            for path in session.scalars(select(column).where(where, column.is_not(None)))
        }
    orphans = found - {storage.root / path for path in listed if path}
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)
