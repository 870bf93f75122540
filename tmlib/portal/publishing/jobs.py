"""Publishing as a program of the ledger: jobs for parts, and one that makes all public."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from tmlib.errors import NotFound
from tmlib.images.channel_images import field_path
from tmlib.jterator.project import Project
from tmlib.ledger import programs
from tmlib.ledger.programs import Assignment, JobContext, Part, Program
from tmlib.portal.files import FileStore
from tmlib.portal.publishing import release
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.portal.publishing.drafts import Content, drafts
from tmlib.portal.publishing.measurements import measured_at
from tmlib.portal.publishing.models import Publication, StagedPart
from tmlib.portal.publishing.provenance import read_inputs
from tmlib.portal.publishing.service import ACQUISITION, PARTS, PROGRAM, WELL
from tmlib.portal.publishing.site_files import SiteRun, read_about, read_stacks, write_site
from tmlib.portal.publishing.site_objects import read_site_objects
from tmlib.portal.publishing.well_maps import read_well_map, write_well_map
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow import service
from tmlib.workflow.steps.plate_map import read_plate_map
from tmlib.workflow.steps.site_images import SiteImages


class Publishing(Program):
    """Makes datasets of the catalogue from experiments."""

    name: ClassVar[str] = PROGRAM

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Write the files of a part, a site for example, or let everybody see those of all."""
        with context.database.session() as session:
            publication = session.scalars(
                select(Publication).where(Publication.submission_id == job.submission_id)
            ).one()
            session.expunge(publication)
            # of which only one runs at a time
            of_same = Publication.experiment_id == publication.experiment_id
            numbers = session.scalars(select(Publication.id).where(of_same)).all()
        folder = _drafts_of(context.settings, publication.id)
        if job.phase == PARTS:
            content = _make(context, publication, folder, job.batch)
            kind, number = job.batch["kind"], job.batch["number"]
            context.effects.append(
                lambda session: _stage(session, publication.id, kind, number, content)
            )
            return ()
        release.prepare(context, publication, folder)
        left = [_drafts_of(context.settings, number) for number in numbers]
        context.afterwards += [partial(shutil.rmtree, one, ignore_errors=True) for one in left]
        return ()


def _drafts_of(settings: Settings, number: int) -> Path:
    return FileStore(settings.data_dir).publications / str(number)


def _make(
    context: JobContext, publication: Publication, folder: Path, batch: dict[str, Any]
) -> Content:
    """What is told of a part, whose files are kept then."""
    experiment_id, number = publication.experiment_id, batch["number"]
    storage = ExperimentStorage(context.settings.data_dir, experiment_id)
    if batch["kind"] == ACQUISITION:
        return read_inputs(context.database, storage, number)
    if batch["kind"] == WELL:
        return _make_map(context, publication, storage, folder, batch)
    description = PublicationDescription.model_validate(publication.description)
    with context.database.session() as session:
        project = Project.from_dict(service.get_jterator_project(session, experiment_id))
        images = SiteImages(session, storage)
        places = {site.id: site for site in read_plate_map(session, experiment_id).sites}
        if number not in places:
            raise NotFound("The site was deleted meanwhile: publish the experiment again.")
        run = SiteRun(
            publication.dataset_id,
            batch["run"],
            batch["spacing"],
            places[number],
            read_about(session, number),
            read_stacks(session, number),
            read_site_objects(session, experiment_id, description.annotations, number),
        )
    place = run.place
    field = field_path(storage.plate_images(place.plate_id), place.well_name, place.field)
    with drafts(folder) as draft:
        content = write_site(run, images, field, FileStore(context.settings.data_dir), draft)
    measured = measured_at(context.database, storage, run.about, project.made_types)
    return {**content, "place": run.about, "measured": measured}


def _make_map(
    context: JobContext,
    publication: Publication,
    storage: ExperimentStorage,
    folder: Path,
    batch: dict[str, Any],
) -> Content:
    with context.database.session() as session:
        well = read_well_map(
            session,
            storage,
            batch["number"],
            dataset_id=publication.dataset_id,
            name=batch["run"],
            spacing=batch["spacing"],
        )
    with drafts(folder) as draft:
        return write_well_map(well, FileStore(context.settings.data_dir), draft)


def _stage(session: Session, publication_id: int, kind: str, number: int, content: Content) -> None:
    keys = {"publication_id": publication_id, "kind": kind, "number": number}
    session.execute(delete(StagedPart).filter_by(**keys))
    session.execute(insert(StagedPart).values(**keys, content=content))


programs.register(Publishing())
