"""How bookings are called: ``MX1-2`` is the second visit for the proposal ``MX1``."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.facility.models import Booking, Proposal


def name(proposal: str, visit_number: int | None) -> str:
    """Name of the booking of a proposal."""
    return f"{proposal}-{visit_number}"


def find(session: Session, name: str) -> int | None:
    """Number of the booking of a name, whoever may see it; of several, of the first one."""
    proposal, _, visit = name.rpartition("-")
    query = (
        select(Booking.id)
        .join(Proposal, Proposal.id == Booking.proposal_id)
        .where(Proposal.name == proposal, Booking.visit_number == int(visit))
    )
    return session.scalars(query.order_by(Booking.id).limit(1)).first()


def hold_numbers(session: Session, proposal_id: int) -> None:
    """Let nobody else number bookings of a proposal before the end of the transaction.

    Who locks instruments as well locks these first, so that no two wait for each other.
    """
    query = select(Proposal.id).where(Proposal.id == proposal_id)
    # what refers to the proposal is written meanwhile
    session.execute(query.with_for_update(key_share=True))


def next_number(session: Session, proposal_id: int) -> int:
    """The number of the next booking of a proposal, which nobody else gets."""
    hold_numbers(session, proposal_id)
    last = select(func.max(Booking.visit_number)).where(Booking.proposal_id == proposal_id)
    return (session.scalar(last) or 0) + 1
