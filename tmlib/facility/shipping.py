"""What is sent to a facility: shipments of a proposal, the dewars in them, containers in these.

A container is a plate as it travels, and has no other link to it than its code: the plate of that
name in an experiment of the proposal.
"""

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from tmlib.accounts.models import User
from tmlib.db import Base, Timestamps
from tmlib.errors import BadInput
from tmlib.facility.models import Laboratory
from tmlib.facility.records import Kind


def _of(table: str) -> Mapped[int]:
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True)


class LabContact(Timestamps, Base):
    """Whom to write to and where to send things.

    What is told of somebody here is the contact's own, so that it changes no account of others. The
    ``user`` of a contact that was added here is an account that nobody can use; that of one from an
    ISPyB database is the person there.
    """

    __tablename__ = "lab_contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = _of("proposals")
    card_name: Mapped[str] = mapped_column(String(255))
    given_name: Mapped[str | None] = mapped_column(String(255))
    family_name: Mapped[str | None] = mapped_column(String(255))
    email_address: Mapped[str | None] = mapped_column(String(255))
    phone_number: Mapped[str | None] = mapped_column(String(45))
    default_courrier_company: Mapped[str | None] = mapped_column(String(255))
    courier_account: Mapped[str | None] = mapped_column(String(255))
    billing_reference: Mapped[str | None] = mapped_column(String(255))
    dewar_avg_customs_value: Mapped[int | None]
    dewar_avg_transport_value: Mapped[int | None]
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    laboratory_id: Mapped[int | None] = mapped_column(
        ForeignKey("laboratories.id", ondelete="SET NULL"), index=True
    )

    user: Mapped[User | None] = relationship()
    laboratory: Mapped[Laboratory | None] = relationship(lazy="joined")


class Shipping(Timestamps, Base):
    """A shipment."""

    __tablename__ = "shippings"

    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = _of("proposals")
    shipping_name: Mapped[str] = mapped_column(String(255))
    safety_level: Mapped[str | None] = mapped_column(String(45))
    comments: Mapped[str | None] = mapped_column(Text)
    sending_lab_contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("lab_contacts.id", ondelete="SET NULL"), index=True
    )
    return_lab_contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("lab_contacts.id", ondelete="SET NULL"), index=True
    )

    sender: Mapped[LabContact | None] = relationship(
        lazy="joined", foreign_keys=[sending_lab_contact_id]
    )
    recipient: Mapped[LabContact | None] = relationship(
        lazy="joined", foreign_keys=[return_lab_contact_id]
    )


class Dewar(Timestamps, Base):
    """A box of a shipment."""

    __tablename__ = "dewars"

    id: Mapped[int] = mapped_column(primary_key=True)
    shipping_id: Mapped[int] = _of("shippings")
    code: Mapped[str] = mapped_column(String(255))
    dewar_type: Mapped[str | None] = mapped_column(String(45))

    shipping: Mapped[Shipping] = relationship(lazy="joined", innerjoin=True)


class Container(Timestamps, Base):
    """What holds samples in a dewar, a plate for example, and where it is at an instrument."""

    __tablename__ = "containers"

    id: Mapped[int] = mapped_column(primary_key=True)
    dewar_id: Mapped[int] = _of("dewars")
    code: Mapped[str] = mapped_column(String(255), index=True)
    container_type: Mapped[str | None] = mapped_column(String(45))
    sample_changer_location: Mapped[str | None] = mapped_column(String(45))
    beamline_location: Mapped[str | None] = mapped_column(String(255), index=True)

    dewar: Mapped[Dewar] = relationship(lazy="joined", innerjoin=True)


def _refuse_contacts_of_others(session: Session, shipping: Shipping) -> None:
    """Refuse lab contacts of another proposal, which its members may not be meant to see."""
    for number in (shipping.sending_lab_contact_id, shipping.return_lab_contact_id):
        if number is None:
            continue
        of_proposal = select(LabContact.proposal_id).where(LabContact.id == number)
        if session.scalar(of_proposal) != shipping.proposal_id:
            raise BadInput(
                f"The proposal of the shipment has no lab contact {number}: "
                "use one that the list of its contacts has."
            )


LAB_CONTACTS = Kind(LabContact, "Lab contact", "proposal_id")
SHIPPINGS = Kind(Shipping, "Shipment", "proposal_id", check=_refuse_contacts_of_others)
DEWARS = Kind(Dewar, "Dewar", "shipping_id", SHIPPINGS)
CONTAINERS = Kind(Container, "Container", "dewar_id", DEWARS)
