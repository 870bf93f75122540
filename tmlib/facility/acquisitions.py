"""Data collections: acquisitions of experiments that are in a proposal, with what came of them.

All of it is read where it is: an acquisition appears when it is made, and its times, its number of
images and its state are those of its files. It belongs to the booking of its proposal that began
last before it. Acquisitions of the same plate are a group.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import ScalarSelect

from tmlib.errors import NotFound
from tmlib.experiments import sharing
from tmlib.experiments.models import Acquisition, Experiment, Plate, Site, Well
from tmlib.facility import jobs, pages, visits
from tmlib.facility.models import Booking, Instrument, Proposal, ProposalExperiment
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, in_shown_experiments
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile

SUCCESSFUL = "Data collection successful"
FAILED = "Data collection failed"

_AT_ONCE = 5000  # a statement takes some ten thousand parameters at most


class CollectionFilter(NamedTuple):
    """Which data collections are asked for; what is None does not matter.

    ``booking`` is the name of one, ``status`` one of ``success``, ``failed``, ``processed`` and
    ``processerror``. A sample or sub-sample has the acquisitions of its plate, a specimen those of
    its experiments.
    """

    booking: str | None = None
    booking_id: int | None = None
    proposal: str | None = None
    proposal_id: int | None = None
    instrument: str | None = None
    group_id: int | None = None
    collection_id: int | None = None
    experiment_type: str | None = None
    status: str | None = None
    sample_id: int | None = None
    subsample_id: int | None = None
    specimen_id: int | None = None


class Collection(NamedTuple):
    """A data collection; its ``folder`` is where its images are, from the experiment downwards."""

    id: int
    name: str
    group_id: int
    experiment_id: int
    experiment_type: str
    proposal_id: int
    proposal: str
    booking_id: int | None
    booking: str | None
    starts_at: datetime
    ends_at: datetime | None
    status: str | None
    n_images: int
    n_attachments: int
    folder: str

    @property
    def minutes(self) -> float:
        """How long it took; 0 as long as it goes on."""
        return (self.ends_at - self.starts_at).total_seconds() / 60 if self.ends_at else 0.0


class Attachment(NamedTuple):
    """A file that came with the images of a data collection and tells of them."""

    id: int
    collection_id: int
    name: str
    plate_id: int
    experiment_id: int


def visible(viewer: Viewer, *columns: Any) -> Query:
    """A query of columns for the data collections that somebody sees."""
    query = (
        select(*columns)
        .select_from(Acquisition)
        .join(Experiment, Experiment.id == Acquisition.experiment_id)
    )
    shown = in_shown_experiments(query, viewer)
    return shown.join(Proposal, Proposal.id == ProposalExperiment.proposal_id)


def conditions(session: Session, which: CollectionFilter) -> list[ColumnElement[bool]]:
    """What data collections fulfil that are asked for."""
    found: list[ColumnElement[bool]] = []
    if which.booking is not None or which.booking_id is not None:
        found.append(_within(session, which))
    if which.instrument is not None:
        booked = aliased(Booking)
        found.append(
            exists(
                select(1)
                .select_from(booked)
                .join(Instrument, Instrument.id == booked.instrument_id)
                .where(booked.id == _booking_id(), Instrument.name == which.instrument)
            )
        )
    for column, value in (
        (Proposal.name, which.proposal),
        (Proposal.id, which.proposal_id),
        (Acquisition.plate_id, which.group_id),
        (Acquisition.id, which.collection_id),
        (Experiment.workflow_type, which.experiment_type),
        (ProposalExperiment.specimen_id, which.specimen_id),
    ):
        if value is not None:
            found.append(column == value)
    if which.sample_id is not None:
        of_sample = select(Well.plate_id).where(Well.id == which.sample_id)
        found.append(Acquisition.plate_id.in_(of_sample))
    if which.subsample_id is not None:
        of_sites = select(Well.plate_id).join(Site, Site.well_id == Well.id)
        found.append(Acquisition.plate_id.in_(of_sites.where(Site.id == which.subsample_id)))
    if which.status is not None:
        found.append(_has(which.status))
    return found


def describe(session: Session, viewer: Viewer, *which: ColumnElement[bool]) -> list[Collection]:
    """The data collections that somebody sees and that fulfil conditions, in order of creation."""
    query = visible(
        viewer,
        Acquisition.id,
        Acquisition.name,
        Acquisition.plate_id,
        Plate.name,
        Experiment.id,
        Experiment.name,
        Experiment.workflow_type,
        Proposal.id,
        Proposal.name,
        _booking_id(),
        Acquisition.created_at,
    ).join(Plate, Plate.id == Acquisition.plate_id)
    rows = session.execute(query.where(*which).order_by(Acquisition.id)).all()
    files = _files(session, [row[0] for row in rows])
    names = _booking_names(session, {row[9] for row in rows if row[9] is not None})
    return [
        Collection(
            id=number,
            name=name,
            group_id=plate_id,
            experiment_id=experiment_id,
            experiment_type=type_,
            proposal_id=proposal_id,
            proposal=proposal,
            booking_id=booking_id,
            booking=names.get(booking_id),
            starts_at=starts_at,
            folder=f"{experiment}/{plate}",
            **files.get(number, _Files()).told(),
        )
        for (
            number, name, plate_id, plate, experiment_id, experiment, type_, proposal_id, proposal,
            booking_id, starts_at,
        ) in rows
    ]  # fmt: skip


def counts_of_bookings(session: Session, booking_ids: Sequence[int]) -> dict[int, int]:
    """Numbers of data collections, by the numbers of bookings that have some."""
    proposal_ids = select(Booking.proposal_id).where(Booking.id.in_(booking_ids))
    following = func.lead(Booking.starts_at).over(
        partition_by=Booking.proposal_id, order_by=(Booking.starts_at, Booking.id)
    )
    spans = (
        select(Booking.id, Booking.proposal_id, Booking.starts_at, following.label("until"))
        .where(Booking.proposal_id.in_(proposal_ids), Booking.starts_at.is_not(None))
        .subquery()
    )
    query = (
        select(spans.c.id, func.count())
        .join(ProposalExperiment, ProposalExperiment.proposal_id == spans.c.proposal_id)
        .join(Experiment, Experiment.id == ProposalExperiment.experiment_id)
        .join(
            Acquisition,
            and_(
                Acquisition.experiment_id == Experiment.id,
                Acquisition.created_at >= spans.c.starts_at,
                or_(spans.c.until.is_(None), Acquisition.created_at < spans.c.until),
            ),
        )
        .where(sharing.IS_PRESENT, spans.c.id.in_(booking_ids))
        .group_by(spans.c.id)
    )
    return pages.by_number(session, query)


def period_of_booking(session: Session, booking_id: int) -> tuple[datetime, datetime] | None:
    """When the first and the last data collection of a booking were made; None if there is none."""
    query = (
        select(func.min(Acquisition.created_at), func.max(Acquisition.created_at))
        .join(Experiment, Experiment.id == Acquisition.experiment_id)
        .join(ProposalExperiment, ProposalExperiment.experiment_id == Experiment.id)
        .where(sharing.IS_PRESENT, _within(session, CollectionFilter(booking_id=booking_id)))
    )
    first, last = session.execute(query).one()
    return None if first is None else (first, last)


def list_attachments(
    session: Session, viewer: Viewer, window: Window, which: CollectionFilter
) -> Page[Attachment]:
    """Files that tell of the images of data collections."""
    query = _attachments(viewer).where(*conditions(session, which))
    found = pages.read(session, query.order_by(MicroscopeFile.id), window)
    return Page([Attachment(*row) for row in found.rows], found.total)


def get_attachment(session: Session, viewer: Viewer, attachment_id: int) -> Attachment:
    """One such file.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    row = session.execute(_attachments(viewer).where(MicroscopeFile.id == attachment_id)).first()
    if row is None:
        raise NotFound("Data collection attachment not found")
    return Attachment(*row)


def _attachments(viewer: Viewer) -> Query:
    columns = (
        MicroscopeFile.id,
        MicroscopeFile.acquisition_id,
        MicroscopeFile.name,
        Acquisition.plate_id,
        Acquisition.experiment_id,
    )
    return (
        visible(viewer, *columns)
        .join(MicroscopeFile, MicroscopeFile.acquisition_id == Acquisition.id)
        .where(
            MicroscopeFile.kind == FileKind.METADATA,
            MicroscopeFile.status == FileUploadStatus.COMPLETE,
        )
    )


class _Files(NamedTuple):
    """What the files of an acquisition tell."""

    n_images: int = 0
    n_attachments: int = 0
    n_failed: int = 0
    n_open: int = 0
    last: datetime | None = None

    def told(self) -> dict[str, Any]:
        is_over = self.last is not None and not self.n_open
        status = FAILED if self.n_failed else SUCCESSFUL if is_over else None
        return {
            "n_images": self.n_images,
            "n_attachments": self.n_attachments,
            "status": status,
            "ends_at": self.last if is_over else None,
        }


def _files(session: Session, acquisition_ids: Sequence[int]) -> dict[int, _Files]:
    found: dict[int, _Files] = {}
    for begin in range(0, len(acquisition_ids), _AT_ONCE):
        found |= _some_files(session, acquisition_ids[begin : begin + _AT_ONCE])
    return found


def _some_files(session: Session, acquisition_ids: Sequence[int]) -> dict[int, _Files]:
    query = (
        select(
            MicroscopeFile.acquisition_id,
            MicroscopeFile.kind,
            MicroscopeFile.status,
            func.count(),
            func.max(MicroscopeFile.updated_at),
        )
        .where(MicroscopeFile.acquisition_id.in_(acquisition_ids))
        .group_by(MicroscopeFile.acquisition_id, MicroscopeFile.kind, MicroscopeFile.status)
    )
    found: dict[int, _Files] = {}
    for number, kind, status, count, last in session.execute(query):
        files = found.get(number, _Files())
        if status is FileUploadStatus.COMPLETE:
            field = "n_images" if kind is FileKind.IMAGE else "n_attachments"
            latest = max(last, files.last or last)
            files = files._replace(**{field: count}, last=latest)
        elif status is FileUploadStatus.FAILED:
            files = files._replace(n_failed=files.n_failed + count)
        else:
            files = files._replace(n_open=files.n_open + count)
        found[number] = files
    return found


def _booking_id() -> ScalarSelect[int]:
    """Number of the booking that an acquisition belongs to."""
    return (
        select(Booking.id)
        .where(
            Booking.proposal_id == ProposalExperiment.proposal_id,
            Booking.starts_at <= Acquisition.created_at,
        )
        .order_by(Booking.starts_at.desc(), Booking.id.desc())
        .limit(1)
        .correlate(ProposalExperiment, Acquisition)
        .scalar_subquery()
    )


def _booking_names(session: Session, booking_ids: set[int]) -> dict[int, str]:
    query = (
        select(Booking.id, Proposal.name, Booking.visit_number)
        .join(Proposal, Proposal.id == Booking.proposal_id)
        .where(Booking.id.in_(booking_ids))
    )
    return {
        number: visits.name(proposal, visit) for number, proposal, visit in session.execute(query)
    }


def _within(session: Session, which: CollectionFilter) -> ColumnElement[bool]:
    """Whether an acquisition belongs to a booking, which is found first."""
    query = select(Booking.id, Booking.proposal_id, Booking.starts_at)
    if which.booking_id is not None:
        query = query.where(Booking.id == which.booking_id)
    if which.booking is not None:
        query = query.where(Booking.id == visits.find(session, which.booking))
    booking = session.execute(query).first()
    if booking is None or booking.starts_at is None:
        return false()
    is_later = or_(
        Booking.starts_at > booking.starts_at,
        and_(Booking.starts_at == booking.starts_at, Booking.id > booking.id),
    )
    of_proposal = Booking.proposal_id == booking.proposal_id
    until = session.scalar(select(func.min(Booking.starts_at)).where(of_proposal, is_later))
    within = and_(
        ProposalExperiment.proposal_id == booking.proposal_id,
        Acquisition.created_at >= booking.starts_at,
    )
    return within if until is None else and_(within, Acquisition.created_at < until)


def _has(status: str) -> ColumnElement[bool]:
    """Whether an acquisition has a status."""
    files = select(1).where(MicroscopeFile.acquisition_id == Acquisition.id)
    if status == "success":
        is_left = MicroscopeFile.status != FileUploadStatus.COMPLETE
        return exists(files) & ~exists(files.where(is_left))
    if status == "failed":
        return exists(files.where(MicroscopeFile.status == FileUploadStatus.FAILED))
    return jobs.has_ended(Acquisition.experiment_id, well=status == "processed")
