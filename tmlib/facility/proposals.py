"""Proposals: what time of instruments is given for, who works on it, and what is in it."""

from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tmlib.db import texts
from tmlib.errors import NotFound
from tmlib.experiments import sharing
from tmlib.experiments.models import Experiment
from tmlib.facility import pages, specimens
from tmlib.facility.models import (
    Booking,
    Instrument,
    InstrumentGroup,
    InstrumentGroupMember,
    Proposal,
    ProposalExperiment,
    ProposalMember,
)
from tmlib.facility.pages import Page, Window
from tmlib.facility.visibility import Viewer, shows


class ProposalRow(NamedTuple):
    """A proposal, and what is told with it.

    ``n_people`` is the number of its members, ``instruments`` what was booked for it, and
    ``ui_groups`` names pages of the groups of these instruments.
    """

    proposal: Proposal
    n_people: int
    n_bookings: int
    instruments: list[str]
    ui_groups: list[str]


def list_proposals(
    session: Session, viewer: Viewer, window: Window, *, search: str | None = None
) -> Page[ProposalRow]:
    """Proposals that somebody sees, the latest first.

    Parameters
    ----------
    session
        To read with.
    viewer
        Who looks.
    window
        Which part of the list.
    search
        Part of the title or name, or the name of an instrument that was booked.
    """
    query = select(Proposal).where(shows(viewer, Proposal.id)).order_by(Proposal.id.desc())
    if search:
        at_instrument = (
            select(Booking.proposal_id)
            .join(Instrument, Instrument.id == Booking.instrument_id)
            .where(texts.lower_case(Instrument.name) == texts.lower_case(search))
        )
        found = pages.contains(search, Proposal.title, Proposal.name)
        query = query.where(or_(found, Proposal.id.in_(at_instrument)))
    page = pages.read(session, query, window)
    return Page(_with_numbers(session, [row[0] for row in page.rows]), page.total)


def get_proposal(session: Session, viewer: Viewer, name: str) -> ProposalRow:
    """A proposal that somebody sees, by its name.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    [row] = _with_numbers(session, [find_proposal(session, viewer, name)])
    return row


def find_proposal(
    session: Session, viewer: Viewer, name: str, message: str = "Proposal not found"
) -> Proposal:
    """The proposal itself, see `get_proposal`."""
    query = select(Proposal).where(Proposal.name == name, shows(viewer, Proposal.id))
    found = session.scalar(query) if "\x00" not in name else None
    if found is None:
        raise NotFound(message)
    return found


def list_experiments(
    session: Session, viewer: Viewer, window: Window, name: str
) -> Page[Experiment]:
    """Experiments of a proposal that somebody sees, the latest first.

    Raises
    ------
    NotFound
        If there is no such proposal, or it is hidden.
    """
    proposal = find_proposal(session, viewer, name)
    query = (
        select(Experiment)
        .join(ProposalExperiment, ProposalExperiment.experiment_id == Experiment.id)
        .where(ProposalExperiment.proposal_id == proposal.id, sharing.IS_PRESENT)
        .order_by(Experiment.id.desc())
    )
    page = pages.read(session, query, window)
    return Page([row[0] for row in page.rows], page.total)


def put_experiment(session: Session, experiment_id: int, proposal: Proposal) -> None:
    """Let an experiment belong to a proposal, and to no other one."""
    link = session.get(ProposalExperiment, experiment_id)
    if link is not None and link.proposal_id == proposal.id:
        return
    name = session.scalars(select(Experiment.name).where(Experiment.id == experiment_id)).one()
    specimen = specimens.specimen_of(session, proposal.id, name)
    session.merge(
        ProposalExperiment(
            experiment_id=experiment_id, proposal_id=proposal.id, specimen_id=specimen.id
        )
    )
    session.flush()


def proposal_of_experiment(session: Session, experiment_id: int) -> Proposal | None:
    """The proposal that an experiment belongs to, if it does."""
    query = (
        select(Proposal)
        .join(ProposalExperiment, ProposalExperiment.proposal_id == Proposal.id)
        .where(ProposalExperiment.experiment_id == experiment_id)
    )
    return session.scalar(query)


def take_out_experiment(session: Session, experiment_id: int) -> None:
    """Let an experiment belong to no proposal."""
    link = session.get(ProposalExperiment, experiment_id)
    if link is not None:
        session.delete(link)


def _with_numbers(session: Session, proposals: list[Proposal]) -> list[ProposalRow]:
    ids = [proposal.id for proposal in proposals]
    of_these = Booking.proposal_id.in_(ids)
    members = (
        select(ProposalMember.proposal_id, func.count())
        .where(ProposalMember.proposal_id.in_(ids))
        .group_by(ProposalMember.proposal_id)
    )
    bookings = select(Booking.proposal_id, func.count()).where(of_these)
    n_people = pages.by_number(session, members)
    n_bookings = pages.by_number(session, bookings.group_by(Booking.proposal_id))
    names = (
        select(Booking.proposal_id, Instrument.name)
        .distinct()
        .join(Instrument, Instrument.id == Booking.instrument_id)
        .where(of_these)
        .order_by(Instrument.name)
    )
    ui_groups = (
        select(Booking.proposal_id, InstrumentGroup.ui_group)
        .distinct()
        .join(InstrumentGroupMember, InstrumentGroupMember.instrument_id == Booking.instrument_id)
        .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
        .where(of_these)
        .order_by(InstrumentGroup.ui_group)
    )
    instruments = pages.gathered(session, names)
    groups = pages.gathered(session, ui_groups)
    return [
        ProposalRow(
            proposal,
            n_people.get(proposal.id, 0),
            n_bookings.get(proposal.id, 0),
            instruments.get(proposal.id, []),
            groups.get(proposal.id, []),
        )
        for proposal in proposals
    ]
