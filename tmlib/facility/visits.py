"""How bookings are called: ``MX1-2`` is the second visit for the proposal ``MX1``."""

from sqlalchemy import select
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
