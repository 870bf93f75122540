"""Tables of an ISPyB database, and what their rows become here.

Rows keep their numbers. Two kinds are told apart by their names, since every installation has some
of them already: people by their login, and permissions by their type.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import Group, GroupMember, User
from tmlib.accounts.service import NO_PASSWORD, check_name, make_up_name
from tmlib.db import Base
from tmlib.errors import BadInput
from tmlib.facility import ispyb_rows as rows
from tmlib.facility import options, people
from tmlib.facility.ispyb_rows import IspybRow
from tmlib.facility.models import (
    Booking,
    BookingPerson,
    BookingType,
    GroupPermission,
    Laboratory,
    Permission,
    PersonProfile,
    Proposal,
    ProposalMember,
)
from tmlib.facility.options import GroupedInstrument, InstrumentGroupRow
from tmlib.facility.runs import Run
from tmlib.facility.shipping import Container, Dewar, LabContact, Shipping
from tmlib.facility.specimens import Specimen

_NOWHERE = "imported.invalid"

Rows = Mapping[str, list[Any]]
"""Rows by the names of their tables."""


@dataclass
class Import:
    """One document that is taken over."""

    session: Session
    rows: Rows
    people: dict[int, int] = field(default_factory=dict)
    permissions: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = {
            name: {getattr(row, TABLES[name].key): row for row in found}
            for name, found in self.rows.items()
            if TABLES[name].key
        }

    def find(self, table: str, number: int | None) -> Any:
        """The row of a table in the document that has a number, if there is one."""
        return None if number is None else self.known[table].get(number)

    def number_for(self, model: Any, table: str, number: int) -> int:
        """A number for a row: its own, or one that no other row has if that is taken."""
        if self.session.get(model, number) is None:
            return number
        highest = self.session.scalar(select(func.max(model.id))) or 0
        return int(max(highest, *self.known[table])) + 1


class Table(NamedTuple):
    """A table that is taken over.

    ``key`` is the field with a row's number, if it has one; ``refers`` says to which tables other
    fields refer, and ``make`` makes rows of this product.
    """

    row: type[IspybRow]
    make: Callable[[Import, Any], Base | None]
    key: str = ""
    refers: Mapping[str, str] = {}

    def name_of(self, table: str, row: Any) -> str:
        """How a row is named in messages: by its number, or by what it refers to."""
        fields = (self.key,) if self.key else self.refers
        return f"{table} {', '.join(str(getattr(row, name)) for name in fields)}"


def _laboratory(_: Import, row: rows.LaboratoryRow) -> Laboratory:
    return Laboratory(
        id=row.laboratory_id,
        external_id=row.laboratory_ext_pk,
        **_same(row, "name", "address", "city", "country", "url"),
    )


def _person(work: Import, row: rows.PersonRow) -> PersonProfile:
    """Somebody, as the user of that login; one who is new has no password."""
    session = work.session
    name = check_name(row.login or make_up_name("person", row.person_id))
    user = people.called(session, name)
    if user is None:
        email = row.email_address
        is_free = email and session.scalar(select(User.id).where(User.email == email)) is None
        user = User(
            id=work.number_for(User, "Person", row.person_id),
            name=name,
            email=email if is_free else f"person-{row.person_id}@{_NOWHERE}",
            password_hash=NO_PASSWORD,
        )
        session.add(user)
        session.flush()
    work.people[row.person_id] = user.id
    profile = session.get(PersonProfile, user.id) or PersonProfile(user_id=user.id)
    names = ("given_name", "family_name", "title", "phone_number", "external_id", "laboratory_id")
    for column, value in _same(row, *names).items():
        if value is not None:
            setattr(profile, column, value)
    session.add(profile)
    return profile


def _permission(work: Import, row: rows.PermissionRow) -> Permission | None:
    session = work.session
    found = session.scalar(select(Permission).where(Permission.type == row.type))
    if found is None:
        number = work.number_for(Permission, "Permission", row.permission_id)
        found = Permission(id=number, type=row.type, description=row.description)
        session.add(found)
        session.flush()
    work.permissions[row.permission_id] = found.id
    return None


def _group(_: Import, row: rows.UserGroupRow) -> Group:
    return Group(id=row.user_group_id, name=check_name(row.name, "group"))


def _group_person(work: Import, row: rows.UserGroupPersonRow) -> GroupMember:
    return GroupMember(group_id=row.user_group_id, user_id=work.people[row.person_id])


def _group_permission(work: Import, row: rows.UserGroupPermissionRow) -> GroupPermission:
    number = work.permissions[row.permission_id]
    return GroupPermission(group_id=row.user_group_id, permission_id=number)


def _option(work: Import, row: rows.AdminVarRow) -> None:
    if row.value is None:
        return
    if row.name == "motd":
        options.set_options(work.session, {"motd": _text(row.value)})
    elif row.name == "beamLineGroups":
        _groups(work.session, row.value)


def _text(value: str) -> str:
    """The text of an option, which is a string of JSON, or else as it is."""
    try:
        text = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return text if isinstance(text, str) else value


def _groups(session: Session, value: str) -> None:
    if options.list_groups(session):
        raise BadInput(
            "there are groups of instruments here already, which would be lost: take them away "
            "first, or leave out AdminVar"
        )
    try:
        groups = TypeAdapter(rows.BeamLineGroups).validate_python(value)
    except ValidationError as error:
        raise BadInput(
            f"the groups of instruments cannot be read: {error.errors()[0]['msg']}"
        ) from None
    options.set_groups(
        session,
        [
            InstrumentGroupRow(
                group.group_name,
                group.ui_group,
                group.permission,
                [
                    GroupedInstrument(
                        one.beam_line_name,
                        one.sample_changer_type,
                        one.sample_changer_capacity,
                        one.archived,
                    )
                    for one in group.beam_lines
                ],
            )
            for group in groups
        ],
    )


def _proposal(work: Import, row: rows.ProposalRow) -> Proposal:
    return Proposal(
        id=row.proposal_id,
        name=f"{row.proposal_code}{row.proposal_number}",
        code=row.proposal_code,
        number=row.proposal_number,
        type=row.proposal_type,
        user_id=None if row.person_id is None else work.people[row.person_id],
        **_same(row, "title", "state", "external_id"),
    )


def _proposal_person(work: Import, row: rows.ProposalPersonRow) -> ProposalMember:
    return ProposalMember(proposal_id=row.proposal_id, user_id=work.people[row.person_id])


def _session(work: Import, row: rows.SessionRow) -> Booking:
    setup = work.find("BeamLineSetup", row.beam_line_setup_id)
    return Booking(
        id=row.session_id,
        proposal_id=row.proposal_id,
        instrument_id=options.instrument_of(work.session, row.beam_line_name).id,
        visit_number=row.visit_number,
        starts_at=row.start_date,
        ends_at=row.end_date,
        title=row.session_title,
        operator=row.beam_line_operator,
        n_shifts=row.nb_shifts,
        n_reimbursed_dewars=row.nb_reimb_dewars,
        setup=setup and setup.model_dump(mode="json", by_alias=True),
        schedule_id=row.exp_session_pk,
        **_same(row, "scheduled", "comments", "external_id"),
    )


def _session_type(_: Import, row: rows.SessionTypeRow) -> BookingType:
    return BookingType(booking_id=row.session_id, name=row.type_name)


def _session_person(work: Import, row: rows.SessionPersonRow) -> BookingPerson:
    return BookingPerson(
        booking_id=row.session_id,
        user_id=work.people[row.person_id],
        role=row.role,
        remote=bool(row.remote),
    )


def _lab_contact(work: Import, row: rows.LabContactRow) -> LabContact:
    person = work.find("Person", row.person_id)
    of_person = ("given_name", "family_name", "email_address", "phone_number", "laboratory_id")
    courier = ("default_courrier_company", "courier_account", "billing_reference")
    values = ("dewar_avg_customs_value", "dewar_avg_transport_value")
    return LabContact(
        id=row.lab_contact_id,
        user_id=work.people[row.person_id],
        **_same(person, *of_person),
        **_same(row, "proposal_id", "card_name", *courier, *values),
    )


def _shipping(_: Import, row: rows.ShippingRow) -> Shipping:
    contacts = ("sending_lab_contact_id", "return_lab_contact_id")
    names = ("proposal_id", "shipping_name", "safety_level", "comments")
    return Shipping(id=row.shipping_id, **_same(row, *names, *contacts))


def _dewar(_: Import, row: rows.DewarRow) -> Dewar:
    return Dewar(id=row.dewar_id, dewar_type=row.type, **_same(row, "shipping_id", "code"))


def _container(_: Import, row: rows.ContainerRow) -> Container:
    places = ("sample_changer_location", "beamline_location")
    return Container(
        id=row.container_id, **_same(row, "dewar_id", "code", "container_type", *places)
    )


def _protein(work: Import, row: rows.ProteinRow) -> Specimen:
    kind = work.find("ComponentType", row.component_type_id)
    levels = ("containment_level", "hazard_group", "safety_level")
    names = ("proposal_id", "acronym", "sequence", "density", "molecular_mass", "external_id")
    return Specimen(
        id=row.protein_id,
        name=row.name or row.acronym,
        component_type_id=row.component_type_id,
        component_type=kind and kind.name,
        **_same(row, *names, *levels),
    )


def _run(_: Import, row: rows.RunRow) -> Run:
    return Run(id=row.run_id, name=row.run, starts_at=row.start_date, ends_at=row.end_date)


def _told_with_others(_: Import, __: Any) -> None:
    """Rows that are taken with those that refer to them."""


def _same(row: Any, *names: str) -> dict[str, Any]:
    """Values of columns that have the same names here."""
    return {name: getattr(row, name) for name in names}


_PROPOSAL = {"proposal_id": "Proposal"}
_SESSION = {"session_id": "BLSession"}
_PERSON = {"person_id": "Person"}
_GROUP = {"user_group_id": "UserGroup"}
_CONTACTS = dict.fromkeys(("sending_lab_contact_id", "return_lab_contact_id"), "LabContact")
_KIND = {"component_type_id": "ComponentType"}
_SETUP = {"beam_line_setup_id": "BeamLineSetup"}

TABLES: dict[str, Table] = {
    "Laboratory": Table(rows.LaboratoryRow, _laboratory, "laboratory_id"),
    "Person": Table(rows.PersonRow, _person, "person_id", {"laboratory_id": "Laboratory"}),
    "UserGroup": Table(rows.UserGroupRow, _group, "user_group_id"),
    "UserGroup_has_Person": Table(
        rows.UserGroupPersonRow, _group_person, refers={**_GROUP, **_PERSON}
    ),
    "Permission": Table(rows.PermissionRow, _permission, "permission_id"),
    "UserGroup_has_Permission": Table(
        rows.UserGroupPermissionRow,
        _group_permission,
        refers={**_GROUP, "permission_id": "Permission"},
    ),
    "AdminVar": Table(rows.AdminVarRow, _option, "var_id"),
    "Proposal": Table(rows.ProposalRow, _proposal, "proposal_id", _PERSON),
    "ProposalHasPerson": Table(
        rows.ProposalPersonRow, _proposal_person, refers={**_PROPOSAL, **_PERSON}
    ),
    "BeamLineSetup": Table(rows.BeamLineSetupRow, _told_with_others, "beam_line_setup_id"),
    "BLSession": Table(rows.SessionRow, _session, "session_id", {**_PROPOSAL, **_SETUP}),
    "SessionType": Table(rows.SessionTypeRow, _session_type, refers=_SESSION),
    "Session_has_Person": Table(
        rows.SessionPersonRow, _session_person, refers={**_SESSION, **_PERSON}
    ),
    "LabContact": Table(
        rows.LabContactRow, _lab_contact, "lab_contact_id", {**_PROPOSAL, **_PERSON}
    ),
    "Shipping": Table(rows.ShippingRow, _shipping, "shipping_id", {**_PROPOSAL, **_CONTACTS}),
    "Dewar": Table(rows.DewarRow, _dewar, "dewar_id", {"shipping_id": "Shipping"}),
    "Container": Table(rows.ContainerRow, _container, "container_id", {"dewar_id": "Dewar"}),
    "ComponentType": Table(rows.ComponentTypeRow, _told_with_others, "component_type_id"),
    "v_run": Table(rows.RunRow, _run, "run_id"),
    "Protein": Table(rows.ProteinRow, _protein, "protein_id", {**_PROPOSAL, **_KIND}),
}
"""What is taken over, in an order in which rows come after those to which they refer."""

NUMBERED = (
    *(User, Permission, Laboratory, Group, Proposal, Booking),
    LabContact,
    Shipping,
    Dewar,
    Container,
    Specimen,
    Run,
)
"""Tables whose new rows must have other numbers than those that were taken over."""
