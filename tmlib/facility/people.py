"""People: users, with what a facility knows of them."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.accounts.external import NAMING
from tmlib.accounts.models import User
from tmlib.errors import BadInput
from tmlib.facility import lab_contacts, pages
from tmlib.facility.models import Booking, BookingPerson, PersonProfile, Proposal, ProposalMember
from tmlib.facility.pages import Page, Window
from tmlib.facility.visibility import Viewer, shows


class Person(NamedTuple):
    """A user; the rest is only known of people in a booking."""

    user_id: int
    given_name: str | None
    family_name: str | None
    n_bookings: int | None = None
    last_booking: datetime | None = None
    role: str | None = None
    remote: bool | None = None


def called(session: Session, login: str) -> User | None:
    """The user whom a portal, or a facility that moves in, calls so; None if there is none yet.

    Raises
    ------
    BadInput
        If the account of this name may be that of somebody else, who has chosen it.
    """
    user = session.scalar(select(User).where(User.name == login))
    if user is not None and user.origin is not None and user.origin not in NAMING:
        raise BadInput(
            f'"{login}" is the name of an account that comes from a provider of logins '
            f"({user.origin}), where somebody else may have chosen it: ask an administrator to "
            "rename that account."
        )
    return user


def profile(session: Session, user_id: int) -> Person:
    """A user as a facility knows them."""
    found = session.get(PersonProfile, user_id) or PersonProfile()
    return Person(user_id, found.given_name, found.family_name)


def list_people(
    session: Session,
    viewer: Viewer,
    window: Window,
    *,
    everybody: bool = False,
    proposal: str | None = None,
    booking_id: int | None = None,
) -> Page[Person]:
    """Members of the proposals that somebody sees, and who takes part in their bookings.

    Parameters
    ----------
    session
        To read with.
    viewer
        Who looks.
    window
        Which part of the list.
    everybody
        List all users instead, without the accounts that only stand for lab contacts.
    proposal
        Name of a proposal: only those who work on it.
    booking_id
        Number of a booking: only those who take part in it, with what they do there.
    """
    query = (
        select(User.id, PersonProfile.given_name, PersonProfile.family_name)
        .outerjoin(PersonProfile, PersonProfile.user_id == User.id)
        .where(~lab_contacts.is_nobody())
        .order_by(User.id)
    )
    members = select(ProposalMember.user_id).join(
        Proposal, Proposal.id == ProposalMember.proposal_id
    )
    in_bookings = (
        select(BookingPerson.user_id)
        .join(Booking, Booking.id == BookingPerson.booking_id)
        .join(Proposal, Proposal.id == Booking.proposal_id)
    )
    if proposal is not None:
        members = members.where(Proposal.name == proposal)
        in_bookings = in_bookings.where(Proposal.name == proposal)
    visible = shows(viewer, Proposal.id)
    if proposal is not None or not everybody:
        ways = members.where(visible).union(in_bookings.where(visible))
        query = query.where(User.id.in_(ways))
    if booking_id is not None:
        here = in_bookings.where(visible, Booking.id == booking_id)
        query = query.where(User.id.in_(here))
    page = pages.read(session, query, window)
    people = [Person(*row) for row in page.rows]
    if booking_id is not None:
        people = _with_bookings(session, viewer, people, booking_id)
    return Page(people, page.total)


def _with_bookings(
    session: Session, viewer: Viewer, people: list[Person], booking_id: int
) -> list[Person]:
    ids = [person.user_id for person in people]
    of_all = (
        select(BookingPerson.user_id, func.count(), func.max(Booking.starts_at))
        .join(Booking, Booking.id == BookingPerson.booking_id)
        .where(BookingPerson.user_id.in_(ids), shows(viewer, Booking.proposal_id))
        .group_by(BookingPerson.user_id)
    )
    numbers = {user_id: (n, last) for user_id, n, last in session.execute(of_all)}
    here = select(BookingPerson).where(BookingPerson.booking_id == booking_id)
    parts = {part.user_id: part for part in session.scalars(here)}
    return [
        person._replace(
            n_bookings=numbers[person.user_id][0],
            last_booking=numbers[person.user_id][1],
            role=parts[person.user_id].role,
            remote=parts[person.user_id].remote,
        )
        for person in people
    ]
