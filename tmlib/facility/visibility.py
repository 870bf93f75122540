"""Who sees what: one rule, which holds for proposals and for the experiments in them.

Somebody sees a proposal who is a member of it, takes part in a booking of it, has the permission of
a group with an instrument that was booked for it, or may see an experiment in it. Who sees a
proposal sees everything that belongs to it, its experiments included; those who see it for one of
the first three reasons may also change them. The permission `ALL_PROPOSALS` lets see all.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, exists, literal, or_, select, true, union
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.selectable import ScalarSelect

from tmlib.accounts.identity import USERS
from tmlib.accounts.models import GroupMember
from tmlib.errors import Forbidden
from tmlib.experiments import sharing
from tmlib.experiments.models import Experiment, ExperimentGroupShare, ExperimentShare
from tmlib.facility.models import (
    Booking,
    BookingPerson,
    GroupPermission,
    InstrumentGroup,
    InstrumentGroupMember,
    Permission,
    ProposalExperiment,
    ProposalMember,
)
from tmlib.facility.pages import Query

ALL_PROPOSALS = "all_proposals"

UserId = ColumnElement[int] | int
Column = ColumnElement[int] | InstrumentedAttribute[int]


class Viewer(NamedTuple):
    """Somebody who looks, and whether this user sees, or may even change, everything."""

    user_id: int
    sees_all: bool
    changes_all: bool = False


def viewer(session: Session, user_id: int, *, is_admin: bool) -> Viewer:
    """A user as `shows` wants it; administrators see everything."""
    sees_all = is_admin or bool(session.scalar(select(holds(user_id, ALL_PROPOSALS))))
    return Viewer(user_id, sees_all, changes_all=is_admin)


def holds(user_id: UserId, type_: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether a user is in a group that has a permission."""
    return exists(
        select(1)
        .select_from(GroupMember)
        .join(GroupPermission, GroupPermission.group_id == GroupMember.group_id)
        .join(Permission, Permission.id == GroupPermission.permission_id)
        .where(GroupMember.user_id == user_id, Permission.type == type_)
        .correlate(USERS)
    )


def shows(viewer: Viewer, proposal_id: Column) -> ColumnElement[bool]:
    """Whether what belongs to a proposal is shown to somebody."""
    if viewer.sees_all:
        return true()
    ways = union(*_by_work(viewer.user_id), *_by_experiments(viewer.user_id))
    return proposal_id.in_(ways)


def in_shown_experiments(query: Query, viewer: Viewer) -> Query:
    """A query of what is in experiments, for those that are in proposals shown to somebody.

    The query has `Experiment`, and `ProposalExperiment` afterwards.
    """
    return query.join(ProposalExperiment, ProposalExperiment.experiment_id == Experiment.id).where(
        sharing.IS_PRESENT, shows(viewer, ProposalExperiment.proposal_id)
    )


def may_change(session: Session, viewer: Viewer, proposal_id: int) -> bool:
    """Whether somebody may change what belongs to a proposal."""
    if viewer.changes_all:
        return True
    works_for_it = or_(*(literal(proposal_id).in_(ways) for ways in _by_work(viewer.user_id)))
    return bool(session.scalar(select(works_for_it)))


def require_work(session: Session, viewer: Viewer, proposal_id: int) -> None:
    """Let somebody change what belongs to a proposal that is shown.

    Raises
    ------
    Forbidden
        If this user does not work for it.
    """
    if not may_change(session, viewer, proposal_id):
        raise Forbidden(
            "You see this proposal and do not work for it: ask one of its members to do this."
        )


def _by_work(user_id: UserId) -> tuple[Select[int], ...]:
    """Numbers of proposals that a user works for: as member, in a booking, at the instrument."""
    as_member = select(ProposalMember.proposal_id).where(ProposalMember.user_id == user_id)
    in_booking = (
        select(Booking.proposal_id)
        .join(BookingPerson, BookingPerson.booking_id == Booking.id)
        .where(BookingPerson.user_id == user_id)
    )
    at_instrument = (
        select(Booking.proposal_id)
        .join(InstrumentGroupMember, InstrumentGroupMember.instrument_id == Booking.instrument_id)
        .join(InstrumentGroup, InstrumentGroup.id == InstrumentGroupMember.group_id)
        .join(Permission, Permission.type == InstrumentGroup.permission)
        .join(GroupPermission, GroupPermission.permission_id == Permission.id)
        .join(GroupMember, GroupMember.group_id == GroupPermission.group_id)
        .where(GroupMember.user_id == user_id)
    )
    return tuple(numbers.correlate(USERS) for numbers in (as_member, in_booking, at_instrument))


def _by_experiments(user_id: UserId) -> tuple[Select[int], ...]:
    """Numbers of proposals with an experiment that a user owns, or that is shared with the user."""
    in_proposals = (
        select(ProposalExperiment.proposal_id)
        .join(Experiment, Experiment.id == ProposalExperiment.experiment_id)
        .where(sharing.IS_PRESENT)
    )
    owned = in_proposals.where(Experiment.user_id == user_id)
    shared = in_proposals.join(
        ExperimentShare, ExperimentShare.experiment_id == Experiment.id
    ).where(ExperimentShare.user_id == user_id)
    shared_with_group = (
        in_proposals.join(ExperimentGroupShare, ExperimentGroupShare.experiment_id == Experiment.id)
        .join(GroupMember, GroupMember.group_id == ExperimentGroupShare.group_id)
        .where(GroupMember.user_id == user_id)
    )
    return tuple(numbers.correlate(USERS) for numbers in (owned, shared, shared_with_group))


def _level_by_proposal(user_id: ColumnElement[int]) -> ScalarSelect[Any]:
    """What a user may do with an experiment because of its proposal; null for nothing."""
    proposal_id = ProposalExperiment.proposal_id
    works_for_it = or_(*(proposal_id.in_(numbers) for numbers in _by_work(user_id)))
    sees_another = or_(*(proposal_id.in_(numbers) for numbers in _by_experiments(user_id)))
    return (
        select(
            case(
                (works_for_it, sharing.LEVELS["write"]),
                (or_(sees_another, holds(user_id, ALL_PROPOSALS)), sharing.LEVELS["read"]),
            )
        )
        .where(ProposalExperiment.experiment_id == sharing.EXPERIMENTS.c.id)
        .correlate(sharing.EXPERIMENTS, USERS)
        .scalar_subquery()
    )


sharing.also_by(_level_by_proposal)
