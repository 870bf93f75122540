"""Takes over what a user portal tells of a proposal; what it does not tell of stays as it is.

Everything is looked up by what tells it apart there, changed if it is found and else added, so that
sending the same again changes nothing. Nothing is removed.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.accounts.service import NO_PASSWORD, check_name, make_up_name
from tmlib.errors import BadInput
from tmlib.facility import people, visits
from tmlib.facility.models import (
    Booking,
    BookingPerson,
    Laboratory,
    PersonProfile,
    Proposal,
    ProposalMember,
)
from tmlib.facility.options import instrument_of, wait_for_turn
from tmlib.facility.portal import (
    UPLaboratory,
    UPPerson,
    UPProposal,
    UPSession,
    UPSessionPerson,
    UserPortalProposalSync,
)

_NOWHERE = "portal.invalid"

_OF_PROFILE = ("given_name", "family_name", "title", "phone_number")
_OF_SESSION = {
    "start_date": "starts_at",
    "end_date": "ends_at",
    "beam_line_operator": "operator",
    "scheduled": "scheduled",
    "nb_shifts": "n_shifts",
    "visit_number": "visit_number",
    "session_title": "title",
    "nb_reimb_dewars": "n_reimbursed_dewars",
    "comments": "comments",
}


class Synchronisation:
    """One proposal that is taken over; `report` counts what was added and changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.report: Counter[str] = Counter()

    def run(self, sent: UserPortalProposalSync) -> Proposal:
        """Take over all that was sent.

        Raises
        ------
        BadInput
            If a session lacks what it needs, a login cannot be used, or is that of an account whose
            name was chosen elsewhere, or another proposal has the same name.
        """
        wait_for_turn(self._session)
        members = [self._person(person) for person in sent.proposal.persons]
        proposal = self._proposal(sent.proposal, members[0])
        for member in members:
            self._link(ProposalMember, proposal_id=proposal.id, user_id=member)
        if sent.sessions:
            visits.hold_numbers(self._session, proposal.id)
        for booking in sent.sessions or ():
            self._booking(proposal, booking)
        return proposal

    def _person(self, sent: UPPerson) -> int:
        """Number of the user, who cannot log in with a password if it is a new one."""
        session = self._session
        profile: PersonProfile | None = None
        if sent.external_id is not None:
            query = select(PersonProfile).where(PersonProfile.external_id == str(sent.external_id))
            profile = session.scalar(query)
        user = session.get(User, profile.user_id) if profile else None
        if user is None:
            name = check_name(sent.login or make_up_name("person", str(sent.external_id)))
            found = people.called(session, name)
            user = found if sent.login else None
        if user is None:
            user = User(name=name, email=f"{name}@{_NOWHERE}", password_hash=NO_PASSWORD)
            session.add(user)
            session.flush()
            profile = PersonProfile(user_id=user.id)
        elif profile is None:
            profile = session.merge(PersonProfile(user_id=user.id))
        self._keep_email(user, sent.email_address)
        changes = _sent(sent, {name: name for name in _OF_PROFILE})
        if sent.external_id is not None:
            changes["external_id"] = str(sent.external_id)
        if sent.laboratory is not None:
            changes["laboratory_id"] = self._laboratory(sent.laboratory)
        self._update(profile, changes, "persons")
        return user.id

    def _keep_email(self, user: User, address: str | None) -> None:
        """Use an address that nobody else has, for users who have not given one themselves."""
        if not address or not user.email.endswith(f"@{_NOWHERE}"):
            return
        if self._session.scalar(select(User.id).where(User.email == address)) is None:
            user.email = address

    def _laboratory(self, sent: UPLaboratory) -> int:
        same = and_(
            Laboratory.name == sent.name,
            Laboratory.city == sent.city,
            Laboratory.country == sent.country,
        )
        found = None
        if sent.laboratory_ext_pk is not None:
            found = self._first(Laboratory, Laboratory.external_id == sent.laboratory_ext_pk)
            same = and_(same, Laboratory.external_id.is_(None))
        found = found or self._first(Laboratory, same) or Laboratory()
        changes = {name: getattr(sent, name) for name in ("name", "address", "city", "country")}
        changes |= _sent(sent, {"url": "url", "laboratory_ext_pk": "external_id"})
        self._update(found, changes, "laboratories")
        number: int = found.id
        return number

    def _proposal(self, sent: UPProposal, first_person: int) -> Proposal:
        name = f"{sent.proposal_code}{sent.proposal_number}"
        found: Proposal | None = None
        if sent.external_id is not None:
            found = self._first(Proposal, Proposal.external_id == str(sent.external_id))
        is_same = (Proposal.code == sent.proposal_code, Proposal.number == sent.proposal_number)
        found = found or self._first(Proposal, *is_same)
        if found is not None:
            self._update(found, _sent(sent, {"title": "title"}), "proposals")
            return found
        other = self._first(Proposal, Proposal.name == name)
        if other is not None:
            raise BadInput(
                f'"{name}" is already the name of the proposal with the code "{other.code}" and '
                f'the number "{other.number}": give this one another code or number.'
            )
        proposal = Proposal(
            name=name,
            code=sent.proposal_code,
            number=sent.proposal_number,
            user_id=first_person,
            external_id=None if sent.external_id is None else str(sent.external_id),
        )
        changes = _sent(sent, {"title": "title", "proposal_type": "type", "state": "state"})
        self._update(proposal, changes, "proposals")
        return proposal

    def _booking(self, proposal: Proposal, sent: UPSession) -> None:
        found: Booking | None = None
        of_proposal = Booking.proposal_id == proposal.id
        if sent.external_id is not None:
            found = self._first(Booking, of_proposal, Booking.external_id == str(sent.external_id))
        if found is None and sent.exp_session_pk is not None:
            found = self._first(Booking, of_proposal, Booking.schedule_id == sent.exp_session_pk)
        changes = _sent(sent, _OF_SESSION)
        if sent.beam_line_name:
            changes["instrument_id"] = instrument_of(self._session, sent.beam_line_name).id
        elif found is None:
            number = sent.external_id if sent.exp_session_pk is None else sent.exp_session_pk
            raise BadInput(f"Session {number} is new and has no beamLineName: say what it books.")
        if sent.external_id is not None:
            changes["external_id"] = str(sent.external_id)
        if sent.exp_session_pk is not None:
            changes["schedule_id"] = sent.exp_session_pk
        booking = found or Booking(proposal_id=proposal.id)
        self._update(booking, changes, "sessions")
        self._make_way(booking)
        for person in sent.persons or ():
            self._take_part(booking, person)

    def _make_way(self, booking: Booking) -> None:
        """Give the next number to what was booked here and has that of a visit of the portal."""
        same = select(Booking).where(
            Booking.proposal_id == booking.proposal_id,
            Booking.visit_number == booking.visit_number,
            Booking.external_id.is_(None),
            Booking.schedule_id.is_(None),
        )
        for other in self._session.scalars(same.with_for_update(key_share=True)).all():
            other.visit_number = visits.next_number(self._session, booking.proposal_id)
            self._session.flush()
            self.report["sessions renumbered"] += 1

    def _take_part(self, booking: Booking, sent: UPSessionPerson) -> None:
        user_id = self._person(sent)
        options = sent.session_options
        changes = {} if options is None else _sent(options, {"role": "role", "remote": "remote"})
        part = self._link(BookingPerson, booking_id=booking.id, user_id=user_id)
        for name, value in changes.items():
            setattr(part, name, bool(value) if name == "remote" else value)

    def _link(self, model: type[Any], **keys: int) -> Any:
        found = self._session.get(model, keys)
        if found is None:
            found = model(**keys)
            self._session.add(found)
            self._session.flush()
        return found

    def _first(self, model: type[Any], *conditions: ColumnElement[bool]) -> Any:
        query = select(model).where(*conditions).order_by(model.id).limit(1)
        return self._session.scalars(query).first()

    def _update(self, row: Any, changes: Mapping[str, Any], what: str) -> None:
        """Change a row, or add it, and count that."""
        is_new = row not in self._session
        changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
        for name, value in changed.items():
            setattr(row, name, value)
        if is_new:
            self._session.add(row)
        if is_new or changed:
            self.report[f"{what} {'added' if is_new else 'changed'}"] += 1
        self._session.flush()


def _sent(sent: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """What was sent of some fields, by the names of columns."""
    given = sent.model_fields_set
    return {column: getattr(sent, name) for name, column in names.items() if name in given}
