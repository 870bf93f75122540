"""Lets everybody see a publication, all of it in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib import durable_files
from tmlib.db import clock
from tmlib.errors import Conflict
from tmlib.ledger.programs import JobContext
from tmlib.portal.files import FileStore, KeptFile, files_below, publish
from tmlib.portal.importing import import_rows
from tmlib.portal.publishing.bioimage_archive import (
    FILE_LIST,
    SUBMISSION,
    make_file_list,
    make_submission,
)
from tmlib.portal.publishing.crate import CRATE, make_crate
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.portal.publishing.drafts import Content, drafts, write_json, written
from tmlib.portal.publishing.models import Publication, StagedPart
from tmlib.portal.publishing.naming import BUCKET, CHECKSUMS, METADATA, dataset_folder
from tmlib.portal.publishing.numbering import allocate
from tmlib.portal.publishing.provenance import (
    INPUTS_FILE,
    MEASUREMENTS_FILE,
    WORKFLOW_FILE,
    Workflow,
    read_workflow,
    versions,
)
from tmlib.portal.publishing.rows import make_rows
from tmlib.portal.publishing.service import ACQUISITION, SITE, WELL
from tmlib.portal.publishing.state import check_is_unchanged
from tmlib.storage import ExperimentStorage
from tmlib.workflow import what_ran


def prepare(context: JobContext, publication: Publication, folder: Path) -> None:
    """Check that all is there, and have it made public when the job ends.

    Parameters
    ----------
    context
        Of the job.
    publication
        What was asked for.
    folder
        For drafts.

    Raises
    ------
    Conflict
        If a file is not there, or one of the microscope or a model was changed since the workflow.
    """
    store = FileStore(context.settings.data_dir)
    with context.database.session() as session:
        sites, maps, acquisitions = (
            _staged(session, publication, kind) for kind in (SITE, WELL, ACQUISITION)
        )
        models_dir = context.settings.resolved_models_dir
        storage = ExperimentStorage(context.settings.data_dir, publication.experiment_id)
        what_ran.check_files(session, storage)
        what_ran.check_models(session, publication.experiment_id, models_dir)
        workflow = read_workflow(session, publication.experiment_id, models_dir)
        # read once, as all that tells of it has to tell the same day
        published = clock.read(session)
    runs = [*sites, *maps]
    files = [KeptFile(*file) for content in runs for file in content["files"]]
    _check(store, files)
    with drafts(folder) as draft:
        day = published.date().isoformat()
        documents = _documents(publication, day, sites, maps, acquisitions, workflow)
        tables = _tables(publication, day, runs, documents, files)
        files += _keep(publication, documents, tables, files, store, draft)
    context.effects.append(lambda session: _release(session, publication, published, runs, files))


def _check(store: FileStore, files: Sequence[KeptFile]) -> None:
    for file in files:
        path = store.path(file.digest)
        if not path.is_file() or path.stat().st_size != file.size:
            raise Conflict(
                f"The content of {file.key} is not in the catalogue's folder any more, and "
                "nothing was made public: publish the experiment again."
            )


def _staged(session: Session, publication: Publication, kind: str) -> Sequence[Content]:
    query = select(StagedPart.content).filter_by(publication_id=publication.id, kind=kind)
    return session.scalars(query.order_by(StagedPart.number)).all()


def _documents(
    publication: Publication,
    day: str,
    sites: Sequence[Content],
    maps: Sequence[Content],
    acquisitions: Sequence[Content],
    workflow: Workflow | None,
) -> dict[str, Content]:
    """What tells of the whole dataset, by the names of files."""
    description = publication.description
    metadata = {
        "deposition_id": publication.deposition_id,
        "dataset_id": publication.dataset_id,
        "deposition": description["deposition"],
        **description["dataset"],
        "authors": description["authors"],
        "funding": description["funding"],
        "license": description["license"],
    }
    measured = [{**content["place"], "measured": content["measured"]} for content in sites]
    documents: dict[str, Content] = {
        METADATA: metadata,
        INPUTS_FILE: {"acquisitions": [one for one in acquisitions if one["files"]]},
        MEASUREMENTS_FILE: {"sites": measured},
    }
    if workflow is not None:
        documents[WORKFLOW_FILE] = workflow.document
    runs_of_crate = [content["name"] for content in (*sites, *maps)]
    documents[CRATE] = make_crate(
        PublicationDescription.model_validate(description),
        published=day,
        runs=runs_of_crate,
        files={name: written(content) for name, content in documents.items()},
        workflow=workflow,
        versions=versions(),
    )
    return documents


def _tables(
    publication: Publication,
    day: str,
    runs: Sequence[Content],
    documents: dict[str, Content],
    files: Sequence[KeptFile],
) -> dict[str, str]:
    """What the BioImage Archive wants to be told, by the names of files."""
    number = publication.dataset_id
    described = [
        KeptFile(f"{dataset_folder(number)}{name}", *written(content))
        for name, content in documents.items()
    ]
    submission = make_submission(
        PublicationDescription.model_validate(publication.description),
        dataset_id=number,
        published=day,
    )
    return {SUBMISSION: submission, FILE_LIST: make_file_list(number, runs, [*files, *described])}


def _keep(
    publication: Publication,
    documents: dict[str, Content],
    tables: dict[str, str],
    files: Sequence[KeptFile],
    store: FileStore,
    draft: Path,
) -> list[KeptFile]:
    """Keep the documents and tables, and the list of the digests of all files."""
    root = dataset_folder(publication.dataset_id)
    for name, content in documents.items():
        write_json(draft / f"{root}{name}", content)
    for name, table in tables.items():
        durable_files.write(draft / f"{root}{name}", table, sync="none")
    kept = [store.keep(key, path) for key, path in files_below(draft)]
    lines = sorted(f"{file.digest}  {file.key.removeprefix(root)}\n" for file in [*files, *kept])
    checksums = f"{root}{CHECKSUMS}"
    durable_files.write(draft / checksums, "".join(lines), sync="none")
    kept.append(store.keep(checksums, draft / checksums))
    store.sync(kept)
    return kept


def _release(
    session: Session,
    publication: Publication,
    published: datetime,
    runs: Sequence[Content],
    files: Sequence[KeptFile],
) -> None:
    check_is_unchanged(session, publication.experiment_id, publication.state)
    row = session.get_one(Publication, publication.id)
    row.published_at = published
    rows = make_rows(
        publication.address,
        publication.dataset_id,
        PublicationDescription.model_validate(publication.description),
        runs,
        size=sum(file.size for file in files),
        received=publication.created_at,
        released=published,
    )
    reserved: dict[str, Any] = {
        "Deposition": publication.deposition_id,
        "Dataset": publication.dataset_id,
    }
    import_rows(
        session,
        rows.document(lambda name, count: reserved.get(name) or allocate(session, name, count)),
    )
    publish(session, BUCKET, files)
    session.execute(delete(StagedPart).where(StagedPart.publication_id == publication.id))
