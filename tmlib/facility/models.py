"""Tables of proposals, of those who work on them, and of the instruments that they book.

Nothing is here that is known already: people are users, what they make is in experiments, and what
a user may see of both follows from one rule, `tmlib.facility.visibility`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps


def _to(table: str, **options: Any) -> Mapped[int]:
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), **options)


class Laboratory(Timestamps, Base):
    """Where people work; ``external_id`` is its number in a user portal."""

    __tablename__ = "laboratories"
    __table_args__ = (Index(None, "name", "city", "country"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(255))
    city: Mapped[str | None] = mapped_column(String(255))
    country: Mapped[str | None] = mapped_column(String(255))
    url: Mapped[str | None] = mapped_column(String(255))
    external_id: Mapped[int | None] = mapped_column(unique=True)


class PersonProfile(Base):
    """What a facility knows of a user beyond the account; users without a row are people as well.

    ``external_id`` is the user's number in a user portal, of up to 128 bits.
    """

    __tablename__ = "person_profiles"

    user_id: Mapped[int] = _to("users", primary_key=True)
    given_name: Mapped[str | None] = mapped_column(String(255))
    family_name: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[str | None] = mapped_column(String(45))
    phone_number: Mapped[str | None] = mapped_column(String(45))
    laboratory_id: Mapped[int | None] = mapped_column(
        ForeignKey("laboratories.id", ondelete="SET NULL"), index=True
    )
    external_id: Mapped[str | None] = mapped_column(String(39), unique=True)


class Proposal(Timestamps, Base):
    """What somebody was given time of instruments for; its ``name`` is code and number.

    ``user_id`` is who has proposed it, which says nothing about who may see it.
    """

    __tablename__ = "proposals"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(90), unique=True)
    code: Mapped[str] = mapped_column(String(45))
    number: Mapped[str] = mapped_column(String(45))
    type: Mapped[str | None] = mapped_column(String(45))
    title: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    external_id: Mapped[str | None] = mapped_column(String(39), unique=True)


class ProposalMember(Base):
    """A user who works on a proposal."""

    __tablename__ = "proposal_members"

    proposal_id: Mapped[int] = _to("proposals", primary_key=True)
    user_id: Mapped[int] = _to("users", primary_key=True, index=True)


class ProposalExperiment(Base):
    """An experiment that belongs to a proposal, and the specimen that is in its plates."""

    __tablename__ = "proposal_experiments"

    experiment_id: Mapped[int] = _to("experiments", primary_key=True)
    proposal_id: Mapped[int] = _to("proposals", index=True)
    specimen_id: Mapped[int | None] = mapped_column(
        ForeignKey("specimens.id", ondelete="SET NULL"), index=True
    )


class Instrument(Base):
    """A microscope, or whatever else can be booked."""

    __tablename__ = "instruments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)


class InstrumentGroup(Base):
    """Instruments that the same people look after: those who have its ``permission``."""

    __tablename__ = "instrument_groups"
    __table_args__ = (Index(None, "permission"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    ui_group: Mapped[str] = mapped_column(String(255))
    permission: Mapped[str] = mapped_column(String(15))


class InstrumentGroupMember(Base):
    """An instrument in a group, with how it is loaded; the order is that of ``position``."""

    __tablename__ = "instrument_group_members"

    group_id: Mapped[int] = _to("instrument_groups", primary_key=True)
    instrument_id: Mapped[int] = _to("instruments", primary_key=True, index=True)
    position: Mapped[int]
    loader_type: Mapped[str | None] = mapped_column(String(255))
    loader_capacity: Mapped[int | None]
    archived: Mapped[bool] = mapped_column(default=False)


class Booking(Timestamps, Base):
    """Time of an instrument for a proposal: what py-ISPyB calls a session.

    ``visit_number`` counts those of a proposal, ``setup`` describes the instrument.
    ``external_id`` and ``schedule_id`` are its numbers in a user portal.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        UniqueConstraint("proposal_id", "external_id"),
        UniqueConstraint("proposal_id", "schedule_id"),
        # that of an acquisition is looked for in this order
        Index(None, "proposal_id", "starts_at", "id"),
        Index(None, "instrument_id", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = _to("proposals")
    instrument_id: Mapped[int] = mapped_column(ForeignKey("instruments.id"))
    visit_number: Mapped[int | None]
    starts_at: Mapped[datetime | None] = mapped_column(index=True)
    ends_at: Mapped[datetime | None] = mapped_column(index=True)
    title: Mapped[str | None] = mapped_column(String(255))
    operator: Mapped[str | None] = mapped_column(String(45))
    scheduled: Mapped[bool | None]
    comments: Mapped[str | None] = mapped_column(Text)
    n_shifts: Mapped[int | None]
    n_reimbursed_dewars: Mapped[int | None]
    setup: Mapped[dict[str, Any] | None]
    external_id: Mapped[str | None] = mapped_column(String(39))
    schedule_id: Mapped[int | None]


class BookingPerson(Base):
    """A user who takes part in a booking, on site or ``remote``."""

    __tablename__ = "booking_people"

    booking_id: Mapped[int] = _to("bookings", primary_key=True)
    user_id: Mapped[int] = _to("users", primary_key=True, index=True)
    role: Mapped[str | None] = mapped_column(String(45))
    remote: Mapped[bool] = mapped_column(default=False)


class BookingType(Base):
    """What a booking is for, such as ``commissioning``."""

    __tablename__ = "booking_types"

    booking_id: Mapped[int] = _to("bookings", primary_key=True)
    name: Mapped[str] = mapped_column(String(31), primary_key=True)


class Permission(Base):
    """Something that members of a group may do; ``type`` is its name."""

    __tablename__ = "permissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(15), unique=True)
    description: Mapped[str | None] = mapped_column(String(100))


class GroupPermission(Base):
    """A permission that all members of a group have."""

    __tablename__ = "group_permissions"

    group_id: Mapped[int] = _to("groups", primary_key=True)
    permission_id: Mapped[int] = _to("permissions", primary_key=True, index=True)


class FacilityOption(Base):
    """Something that an administrator has set; what has no row is as it comes."""

    __tablename__ = "facility_options"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class OneTimeToken(Base):
    """Lets one request for ``path`` through as its user, soon; only the token's hash is kept."""

    __tablename__ = "one_time_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = _to("users", index=True)
    path: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)
