"""The timeline: what happened in the order of time, acquisitions and what was done with them."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from tmlib.experiments.models import Acquisition, Experiment
from tmlib.facility import acquisitions, jobs
from tmlib.facility.acquisitions import Collection, CollectionFilter
from tmlib.facility.jobs import Processing
from tmlib.facility.models import Proposal, ProposalExperiment
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer
from tmlib.ledger.models import Submission
from tmlib.workflow.models import WORKFLOW

COLLECTION, ACTION = "dc", "robot"

ACTIONS_ARE_CALLED = "Sample Actions"

_NO_ACTIONS = ("processed", "processerror")
_ARE_NO_COLLECTIONS = (ACTION, "es", "xrf")


class EventFilter(NamedTuple):
    """Which events are asked for.

    ``type`` is that of an event, or what kind of experiment was done.
    """

    collections: CollectionFilter = CollectionFilter()
    type: str | None = None


class Event(NamedTuple):
    """Something that happened: data collections of a plate, or a processing."""

    collections: list[Collection]
    processing: Processing | None = None
    workflow: Processing | None = None

    @property
    def starts_at(self) -> datetime:
        """When it began."""
        if self.processing is not None:
            return self.processing.started_at or self.processing.submitted_at
        return min(one.starts_at for one in self.collections)


def list_events(
    session: Session, viewer: Viewer, window: Window, which: EventFilter
) -> Page[Event]:
    """What happened, the latest first.

    Data collections of a plate are one event, unless those of a group are asked for.
    """
    parts = []
    if which.type not in _ARE_NO_COLLECTIONS:
        parts.append(_collections(session, viewer, which))
    if _may_be_actions(which):
        parts.append(_actions(session, viewer, which))
    if not parts:
        return Page([], 0)
    found = union_all(*parts).subquery()
    order = (found.c.at.desc(), found.c.kind, found.c.number.desc())
    # counted while they are read: grouping all acquisitions twice would take twice as long
    shown = select(found, func.count().over().label("total")).order_by(*order)
    rows = session.execute(shown.offset(window.skip).limit(window.limit)).all()
    total = rows[0].total if rows else 0
    if not rows and window.skip:
        total = session.scalar(select(func.count()).select_from(found)) or 0
    return Page(_read(session, viewer, which, rows), total)


def list_types(session: Session, viewer: Viewer, which: CollectionFilter) -> list[tuple[str, str]]:
    """Names and types of the events that there are."""
    query = acquisitions.visible(viewer, Experiment.workflow_type).distinct()
    query = query.where(*acquisitions.conditions(session, which))
    types = sorted(session.scalars(query))
    found = [(type_, type_) for type_ in types]
    actions = _actions(session, viewer, EventFilter(which)).limit(1)
    if session.execute(actions).first() is not None:
        found.append((ACTIONS_ARE_CALLED, ACTION))
    return found


def _may_be_actions(which: EventFilter) -> bool:
    of = which.collections
    return (
        which.type in (None, ACTION)
        and of.collection_id is None
        and of.group_id is None
        and of.subsample_id is None
        and of.status not in _NO_ACTIONS
    )


def _collections(session: Session, viewer: Viewer, which: EventFilter) -> Query:
    one_by_one = which.collections.group_id is not None
    key = Acquisition.id if one_by_one else Acquisition.plate_id
    query = acquisitions.visible(
        viewer,
        literal(COLLECTION).label("kind"),
        key.label("number"),
        func.min(Acquisition.created_at).label("at"),
    )
    return query.where(*_conditions(session, which)).group_by(key)


def _actions(session: Session, viewer: Viewer, which: EventFilter) -> Query:
    at = func.coalesce(jobs.WHOLE.started_at, Submission.created_at).label("at")
    columns = (literal(ACTION).label("kind"), Submission.id.label("number"), at)
    query = jobs.visible(viewer, *columns)
    of = which.collections
    if any(given is not None for given in (of.booking_id, of.booking, of.instrument, of.sample_id)):
        # those of the experiments whose acquisitions are of that booking, instrument or sample
        whenever = of._replace(status=None)
        owners = acquisitions.visible(viewer, Acquisition.experiment_id)
        owners = owners.where(*acquisitions.conditions(session, whenever))
        query = query.where(Submission.owner_id.in_(owners))
    if of.proposal is not None:
        query = query.where(Proposal.name == of.proposal)
    if of.proposal_id is not None:
        query = query.where(Proposal.id == of.proposal_id)
    if of.specimen_id is not None:
        query = query.where(ProposalExperiment.specimen_id == of.specimen_id)
    if of.status is not None:
        query = query.where(jobs.ended(of.status))
    return query


def _conditions(session: Session, which: EventFilter) -> list[Any]:
    of = which.collections
    if which.type is not None:
        of = of._replace(experiment_type=which.type)
    return acquisitions.conditions(session, of)


def _read(session: Session, viewer: Viewer, which: EventFilter, rows: Any) -> list[Event]:
    numbers = [row.number for row in rows if row.kind == COLLECTION]
    one_by_one = which.collections.group_id is not None
    key = Acquisition.id if one_by_one else Acquisition.plate_id
    groups: dict[int, list[Collection]] = {}
    if numbers:
        conditions = _conditions(session, which)
        for one in acquisitions.describe(session, viewer, key.in_(numbers), *conditions):
            groups.setdefault(one.id if one_by_one else one.group_id, []).append(one)
    experiments = {one.experiment_id for group in groups.values() for one in group}
    workflows: dict[int, Processing] = {}
    submissions = [row.number for row in rows if row.kind == ACTION]
    actions = {}
    if experiments:
        of_these = Submission.owner_id.in_(experiments), Submission.program == WORKFLOW
        for run in jobs.describe(session, viewer, *of_these):
            workflows.setdefault(run.experiment_id, run)
    if submissions:
        found = jobs.describe(session, viewer, Submission.id.in_(submissions))
        actions = {processing.id: processing for processing in found}
    return [
        Event([], actions[row.number])
        if row.kind == ACTION
        else Event(groups[row.number], workflow=workflows.get(groups[row.number][0].experiment_id))
        for row in rows
        # on PostgreSQL it may be gone between the two statements
        if row.number in (actions if row.kind == ACTION else groups)
    ]
