"""Removes orphaned files: those of killed jobs and of deleted types."""

from sqlalchemy import select

from tmlib.db import Database
from tmlib.storage import ExperimentStorage, remove_orphans
from tmlib.tools import labels
from tmlib.tools.learning import model_files
from tmlib.tools.models import ToolModel, ToolResult


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove files of results and models that no row lists, and return their number.

    See :func:`tmlib.storage.remove_orphans`.
    """
    of_experiment = ToolResult.experiment_id == storage.experiment_id
    with database.session() as session:
        in_use = {
            storage.root / path
            for column, where in (
                (ToolResult.path, of_experiment),
                (ToolResult.wells_path, of_experiment),
                (ToolModel.path, ToolModel.experiment_id == storage.experiment_id),
            )
            for path in session.scalars(select(column).where(where, column.is_not(None)))
            if path
        }
    folders = (labels.folder(storage), model_files.folder(storage))
    files = (path for folder in folders for path in folder.glob("*"))
    return remove_orphans(files, in_use, older_than=older_than)
