"""Specimens, which py-ISPyB calls proteins: what is in the plates of a proposal.

An experiment that is put into a proposal has one: the specimen of that proposal with the
experiment's name as acronym, which is made if there is none.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import ForeignKey, Index, Select, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db import Base, Timestamps
from tmlib.errors import NotFound
from tmlib.experiments import sharing
from tmlib.experiments.models import Acquisition, Experiment, Well
from tmlib.facility import pages
from tmlib.facility.models import Proposal, ProposalExperiment
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, shows

Order = Literal["proteinId", "acronym", "name"]


class Specimen(Timestamps, Base):
    """What is known of a specimen; ``molecular_mass`` in dalton, ``density`` as the portal has it.

    ``external_id`` is its number in a user portal, of up to 128 bits.
    """

    __tablename__ = "specimens"
    __table_args__ = (Index(None, "proposal_id", "acronym"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("proposals.id", ondelete="CASCADE"))
    acronym: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    sequence: Mapped[str | None] = mapped_column(Text)
    density: Mapped[float | None]
    molecular_mass: Mapped[float | None]
    containment_level: Mapped[str | None] = mapped_column(String(45))
    hazard_group: Mapped[str | None] = mapped_column(String(45))
    safety_level: Mapped[str | None] = mapped_column(String(45))
    component_type_id: Mapped[int | None]
    component_type: Mapped[str | None] = mapped_column(String(45))
    external_id: Mapped[str | None] = mapped_column(String(39), index=True)


class SpecimenFilter(NamedTuple):
    """Which specimens are asked for; what is None does not matter.

    ``search`` is a part of the name or the acronym.
    """

    specimen_id: int | None = None
    proposal: str | None = None
    search: str | None = None


class SpecimenRow(NamedTuple):
    """A specimen, with the numbers of its experiments, their wells and their acquisitions."""

    specimen: Specimen
    n_experiments: int
    n_samples: int
    n_collections: int


def list_specimens(
    session: Session,
    viewer: Viewer,
    window: Window,
    which: SpecimenFilter,
    *,
    order_by: Order = "proteinId",
    descending: bool = False,
) -> Page[SpecimenRow]:
    """Specimens that somebody sees and that fit all that is asked for."""
    keys = {"proteinId": Specimen.id, "acronym": Specimen.acronym, "name": Specimen.name}
    key = keys[order_by]
    order = (key.desc() if descending else key.asc(), Specimen.id)
    query = _visible(viewer, which).order_by(*order)
    found = pages.read(session, query, window)
    return Page(_with_numbers(session, [row[0] for row in found.rows]), found.total)


def get_specimen(session: Session, viewer: Viewer, specimen_id: int) -> SpecimenRow:
    """A specimen that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    found = session.scalar(_visible(viewer, SpecimenFilter(specimen_id=specimen_id)))
    if found is None:
        raise NotFound("Protein not found")
    return _with_numbers(session, [found])[0]


def specimen_of(session: Session, proposal_id: int, acronym: str) -> Specimen:
    """The specimen of a proposal with an acronym, which is added if there is none."""
    query = select(Specimen).where(Specimen.proposal_id == proposal_id, Specimen.acronym == acronym)
    found = session.scalars(query.order_by(Specimen.id).limit(1)).first()
    if found is None:
        found = Specimen(proposal_id=proposal_id, acronym=acronym, name=acronym)
        session.add(found)
        session.flush()
    return found


def _visible(viewer: Viewer, which: SpecimenFilter) -> Query:
    query = (
        select(Specimen)
        .join(Proposal, Proposal.id == Specimen.proposal_id)
        .where(shows(viewer, Specimen.proposal_id))
    )
    if which.specimen_id is not None:
        query = query.where(Specimen.id == which.specimen_id)
    if which.proposal is not None:
        query = query.where(Proposal.name == which.proposal)
    if which.search:
        query = query.where(pages.contains(which.search, Specimen.name, Specimen.acronym))
    return query


def _with_numbers(session: Session, specimens: Sequence[Specimen]) -> list[SpecimenRow]:
    ids = [specimen.id for specimen in specimens]

    def counted(query: Select[int | None, int]) -> dict[int, int]:
        of_these = query.where(ProposalExperiment.specimen_id.in_(ids), sharing.IS_PRESENT)
        return pages.by_number(session, of_these.group_by(ProposalExperiment.specimen_id))

    experiments = (
        select(ProposalExperiment.specimen_id, func.count())
        .select_from(ProposalExperiment)
        .join(Experiment, Experiment.id == ProposalExperiment.experiment_id)
    )
    n_experiments = counted(experiments)
    n_samples = counted(experiments.join(Well, Well.experiment_id == Experiment.id))
    n_collections = counted(
        experiments.join(Acquisition, Acquisition.experiment_id == Experiment.id)
    )
    return [
        SpecimenRow(
            one,
            n_experiments.get(one.id, 0),
            n_samples.get(one.id, 0),
            n_collections.get(one.id, 0),
        )
        for one in specimens
    ]
