"""Sessions and proposals as the Java server of ISPyB told of them: flat rows, named by its views.

What is null is not known of microscopes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.errors import BadInput, NotFound
from tmlib.facility import bookings, options, pages
from tmlib.facility.bookings import BookingFilter, BookingRow
from tmlib.facility.models import PersonProfile, Proposal
from tmlib.facility.moments import without_zone
from tmlib.facility.pages import Entry, Page, Window
from tmlib.facility.visibility import Viewer, shows

_ALL = Window(0, 10_000)

_NONE_OF = (
    *("energyScanCount", "xrfSpectrumCount", "hplcCount", "sampleChangerCount"),
    *("calibrationCount", "testDataCollectionGroupCount", "EMdataCollectionGroupCount"),
)
_UNKNOWN = (
    *("projectCode", "usedFlag", "structureDeterminations", "dewarTransport"),
    *("databackupFrance", "databackupEurope", "operatorSiteNumber", "BLSession_protectedData"),
    *("sampleCount", "imagesCount"),
    *("lastExperimentDataCollectionGroup", "lastEndTimeDataCollectionGroup"),
)


def require_switched_on(session: Session) -> None:
    """Answer nothing unless an administrator wants these requests to be answered.

    Raises
    ------
    NotFound
        If the option is off.
    """
    if not options.read_options(session)["enable_legacy_routes"]:
        raise NotFound("The option enable_legacy_routes is off: ask an administrator.")


def list_sessions(
    session: Session,
    viewer: Viewer,
    *,
    proposal: str | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> list[dict[str, Any]]:
    """Sessions that somebody sees, as rows of `v_session` with counts.

    Parameters
    ----------
    session
        To read with.
    viewer
        Who looks.
    proposal
        Name or number of a proposal.
    span
        Two moments: only sessions that overlap the time between them, the latest number first.

    Raises
    ------
    BadInput
        If there are more than are listed at once.
    """
    which = BookingFilter(span=span)
    if proposal is not None:
        found = find_proposal(session, viewer, proposal)
        if found is None:
            return []
        which = which._replace(proposal=found.name)
    page = bookings.list_bookings(session, viewer, _ALL, which)
    rows = _whole(page, "sessions", "those of a proposal, or of some days")
    if span is not None:
        rows.sort(key=lambda row: row.booking.id, reverse=True)
    people = _proposers(session, rows)
    return [_session(row, *people[row.booking.proposal_id]) for row in rows]


def list_proposals(session: Session, viewer: Viewer) -> list[dict[str, Any]]:
    """Proposals that somebody sees, with names of columns that tell of their table.

    Raises
    ------
    BadInput
        If there are more than are listed at once.
    """
    query = select(Proposal).where(shows(viewer, Proposal.id)).order_by(Proposal.id.desc())
    return [
        {
            "Proposal_proposalId": one.id,
            "Proposal_proposalType": one.type,
            "Proposal_personId": one.user_id,
            "Proposal_title": one.title,
            "Proposal_proposalCode": one.code,
            "Proposal_proposalNumber": one.number,
        }
        for (one,) in _whole(pages.read(session, query, _ALL), "proposals", "one by its name")
    ]


def describe_proposal(session: Session, viewer: Viewer, proposal: str) -> dict[str, Any] | None:
    """A proposal that somebody sees, by its name or number; None if there is none."""
    found = find_proposal(session, viewer, proposal)
    if found is None:
        return None
    return {
        "proposalId": found.id,
        "proposalCode": found.code,
        "proposalType": found.type,
        "externalId": found.external_id,
        "personId": found.user_id,
        "title": found.title,
        "proposalNumber": found.number,
        "bltimeStamp": without_zone(found.created_at),
        "state": found.state,
    }


def find_proposal(session: Session, viewer: Viewer, proposal: str) -> Proposal | None:
    """A proposal that somebody sees, by its name or its number."""
    if "\x00" in proposal:
        return None
    is_number = proposal.isascii() and proposal.isdecimal() and len(proposal) < len("2147483647")
    same = [Proposal.name == proposal, *([Proposal.id == int(proposal)] if is_number else [])]
    return session.scalar(select(Proposal).where(or_(*same), shows(viewer, Proposal.id)).limit(1))


def _whole(page: Page[Entry], what: str, less: str) -> list[Entry]:
    """All rows; a client that asks here has no other way to know that some are left out."""
    if page.total > len(page.rows):
        raise BadInput(
            f"There are {page.total:,} {what}, and {len(page.rows):,} are listed at once: ask for "
            f"{less}, or read the pages of /{what}."
        )
    return page.rows


def _proposers(
    session: Session, rows: Sequence[BookingRow]
) -> dict[int, tuple[Proposal, PersonProfile, User | None]]:
    """Proposals of bookings by their numbers, with who has proposed them."""
    query = (
        select(Proposal, PersonProfile, User)
        .outerjoin(User, User.id == Proposal.user_id)
        .outerjoin(PersonProfile, PersonProfile.user_id == User.id)
        .where(Proposal.id.in_({row.booking.proposal_id for row in rows}))
    )
    return {
        proposal.id: (proposal, profile or PersonProfile(), user)
        for proposal, profile, user in session.execute(query)
    }


def _session(
    row: BookingRow, proposal: Proposal, profile: PersonProfile, user: User | None
) -> dict[str, Any]:
    booking = row.booking
    return {
        "sessionId": booking.id,
        "expSessionPk": booking.schedule_id,
        "beamLineSetupId": (booking.setup or {}).get("beamLineSetupId"),
        "proposalId": booking.proposal_id,
        "BLSession_startDate": booking.starts_at and without_zone(booking.starts_at),
        "BLSession_endDate": booking.ends_at and without_zone(booking.ends_at),
        "beamLineName": row.instrument,
        "scheduled": booking.scheduled,
        "nbShifts": booking.n_shifts,
        "comments": booking.comments,
        "beamLineOperator": booking.operator,
        "visit_number": booking.visit_number,
        "bltimeStamp": without_zone(booking.created_at),
        "sessionTitle": booking.title,
        "BLSession_lastUpdate": without_zone(booking.updated_at),
        "Proposal_title": proposal.title,
        "Proposal_proposalCode": proposal.code,
        "Proposal_ProposalNumber": proposal.number,
        "Proposal_ProposalType": proposal.type,
        "Person_personId": proposal.user_id,
        "Person_familyName": profile.family_name,
        "Person_givenName": profile.given_name,
        "Person_emailAddress": user and user.email,
        "dataCollectionGroupCount": row.n_collections,
        **dict.fromkeys(_NONE_OF, 0),
        **dict.fromkeys(_UNKNOWN),
    }
