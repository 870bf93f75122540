"""Samples: wells of the plates of a proposal, and their sites as sub-samples.

Nobody enters them: they are there as soon as the images of a plate tell of its wells. The specimen
of a sample is that of the experiment that its plate belongs to.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, exists, false, func, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import ScalarSelect

from tmlib.errors import NotFound
from tmlib.experiments.models import Acquisition, Experiment, Plate, Site, Well
from tmlib.experiments.plate_formats import PLATE_FORMATS
from tmlib.facility import jobs, pages
from tmlib.facility.models import Proposal, ProposalExperiment
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.shipping import Container, Dewar, Shipping
from tmlib.facility.specimens import Specimen
from tmlib.facility.visibility import Viewer, in_shown_experiments
from tmlib.images.layout import well_position

Order = Literal["blSampleId", "name", "location", "datacollections"]

Status = Literal["Sample Action", "Data Collected", "Strategy", "Auto Integrated", "Processed"]


class SampleFilter(NamedTuple):
    """Which samples are asked for; what is None does not matter.

    ``search`` is a part of the name, ``mounted_at`` an instrument in which they are.
    """

    sample_id: int | None = None
    specimen_id: int | None = None
    container_id: int | None = None
    proposal: str | None = None
    search: str | None = None
    status: Status | None = None
    mounted_at: str | None = None


class Sample(NamedTuple):
    """A well, with the numbers of its sites and of the acquisitions of its plate.

    ``container`` is what the plate was sent in to the facility, if it was.
    """

    id: int
    name: str
    plate: str
    specimen_id: int
    specimen: str
    acronym: str
    type: str
    plate_format: int
    proposal_id: int
    proposal: str
    n_collections: int
    container_id: int | None
    n_subsamples: int = 0
    container: Container | None = None

    @property
    def location(self) -> int:
        """Number of the well on its plate, counted from 1 row by row."""
        _, n_columns = PLATE_FORMATS[self.plate_format]
        row, column = well_position(self.name, self.plate_format)
        return row * n_columns + column + 1


class SubSample(NamedTuple):
    """A site of a well; where it begins on the stage, in pixels from where the well does."""

    id: int
    sample_id: int
    sample: str
    x: float | None
    y: float | None
    type: str
    n_collections: int


def list_samples(
    session: Session,
    viewer: Viewer,
    window: Window,
    which: SampleFilter,
    *,
    order_by: Order = "blSampleId",
    descending: bool = True,
) -> Page[Sample]:
    """Samples that somebody sees and that fit all that is asked for."""
    keys: dict[str, tuple[Any, ...]] = {
        "blSampleId": (Well.id,),
        "name": (Well.name, Well.id),
        # rows beyond Z have two letters
        "location": (func.length(Well.name), Well.name, Well.id),
        "datacollections": (_n_collections(), Well.id),
    }
    order = [key.desc() if descending else key.asc() for key in keys[order_by]]
    found = pages.read(session, _samples(viewer, which).order_by(*order), window)
    return Page(_with_parts(session, [Sample(*row) for row in found.rows]), found.total)


def get_sample(session: Session, viewer: Viewer, sample_id: int) -> Sample:
    """A sample that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    row = session.execute(_samples(viewer, SampleFilter(sample_id=sample_id))).first()
    if row is None:
        raise NotFound("Sample not found")
    return _with_parts(session, [Sample(*row)])[0]


def list_subsamples(
    session: Session,
    viewer: Viewer,
    window: Window,
    which: SampleFilter,
    *,
    by_collections: bool = False,
    descending: bool = True,
) -> Page[SubSample]:
    """Sites of samples that somebody sees and that fit all that is asked for."""
    keys = (_n_collections(), Site.id) if by_collections else (Site.id,)
    order = [key.desc() if descending else key.asc() for key in keys]
    found = pages.read(session, _subsamples(viewer, which).order_by(*order), window)
    return Page([SubSample(*row) for row in found.rows], found.total)


def get_subsample(session: Session, viewer: Viewer, subsample_id: int) -> SubSample:
    """A site of a sample that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    query = _subsamples(viewer, SampleFilter()).where(Site.id == subsample_id)
    row = session.execute(query).first()
    if row is None:
        raise NotFound("Sub sample not found")
    return SubSample(*row)


def _samples(viewer: Viewer, which: SampleFilter) -> Query:
    columns = (
        Well.id,
        Well.name,
        Plate.name,
        Specimen.id,
        Specimen.name,
        Specimen.acronym,
        Experiment.workflow_type,
        Experiment.plate_format,
        Proposal.id,
        Proposal.name,
        _n_collections(),
        _sent_as(),
    )
    return _visible(viewer, which, *columns)


def _subsamples(viewer: Viewer, which: SampleFilter) -> Query:
    columns = (
        Site.id,
        Well.id,
        Well.name,
        Site.stage_x,
        Site.stage_y,
        Experiment.workflow_type,
        _n_collections(),
    )
    return _visible(viewer, which, *columns).join(Site, Site.well_id == Well.id)


def _visible(viewer: Viewer, which: SampleFilter, *columns: Any) -> Query:
    wells = (
        select(*columns)
        .select_from(Well)
        .join(Plate, Plate.id == Well.plate_id)
        .join(Experiment, Experiment.id == Plate.experiment_id)
    )
    query = (
        in_shown_experiments(wells, viewer)
        .join(Proposal, Proposal.id == ProposalExperiment.proposal_id)
        .join(Specimen, Specimen.id == ProposalExperiment.specimen_id)
    )
    for column, value in (
        (Well.id, which.sample_id),
        (ProposalExperiment.specimen_id, which.specimen_id),
        (_sent_as(), which.container_id),
        (Proposal.name, which.proposal),
    ):
        if value is not None:
            query = query.where(column == value)
    if which.search:
        query = query.where(pages.contains(which.search, Well.name))
    if which.status is not None:
        query = query.where(_has(which.status))
    if which.mounted_at is not None:
        mounted = select(Container.id).where(
            Container.beamline_location == which.mounted_at,
            Container.sample_changer_location != "",
        )
        query = query.where(_sent_as().in_(mounted))
    return query


def _sent_as() -> ScalarSelect[int]:
    """Number of the container as which a plate was sent, the last time if several times."""
    sent = aliased(Container)
    return (
        select(func.max(sent.id))
        .select_from(sent)
        .join(Dewar, Dewar.id == sent.dewar_id)
        .join(Shipping, Shipping.id == Dewar.shipping_id)
        .where(Shipping.proposal_id == Proposal.id, sent.code == Plate.name)
        .correlate(Proposal, Plate)
        .scalar_subquery()
    )


def _n_collections() -> Any:
    return (
        select(func.count())
        .select_from(Acquisition)
        .where(Acquisition.plate_id == Plate.id)
        .correlate(Plate)
        .scalar_subquery()
    )


def _has(status: Status) -> ColumnElement[bool]:
    if status == "Data Collected":
        return exists(select(1).where(Acquisition.plate_id == Plate.id))
    if status == "Processed":
        return jobs.has_ended(Plate.experiment_id, well=True)
    if status == "Sample Action":
        return jobs.has_ended(Plate.experiment_id, well=True) | jobs.has_ended(
            Plate.experiment_id, well=False
        )
    return false()  # nothing of the kind is done with images


def _with_parts(session: Session, samples: Sequence[Sample]) -> list[Sample]:
    query = (
        select(Site.well_id, func.count())
        .where(Site.well_id.in_([sample.id for sample in samples]))
        .group_by(Site.well_id)
    )
    counts = pages.by_number(session, query)
    sent = {sample.container_id for sample in samples if sample.container_id is not None}
    rows = session.scalars(select(Container).where(Container.id.in_(sent)))
    containers = {row.id: row for row in rows}
    return [
        sample._replace(
            n_subsamples=counts.get(sample.id, 0),
            container=containers.get(sample.container_id or 0),
        )
        for sample in samples
    ]
