"""Lab contacts: whom to write to about what is sent to a facility."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.facility import lab_contacts, shipping
from tmlib.facility.shipping import LAB_CONTACTS
from tmserver.http.routing import Routes
from tmserver.http.schemas import MAX_INT
from tmserver.ispyb.forms import Line, Model, Moment, Name, Number, Sent, Word
from tmserver.ispyb.records import Records

routes = Routes("Lab Contacts")

_Money = Annotated[int, Field(ge=0, le=MAX_INT)]


class LaboratoryCreate(Sent):
    """Where somebody works."""

    name: Name = Field(examples=["Cell Biology"])
    address: Name
    city: Name
    country: Name
    url: Word | None = None
    laboratory_ext_pk: Number | None = Field(None, examples=[31])


class LaboratoryUpdate(Sent):
    """What is different of where somebody works."""

    name: Name | None = Field(None, examples=["Cell Biology"])
    address: Name | None = None
    city: Name | None = None
    country: Name | None = None
    url: Word | None = None


class PersonCreate(Sent):
    """Whom to write to."""

    given_name: Name
    family_name: Name
    email_address: Word | None = None
    phone_number: Line | None = None
    laboratory: LaboratoryCreate | None = Field(None, alias="Laboratory")


class PersonUpdate(Sent):
    """What is different of whom to write to."""

    given_name: Name | None = None
    family_name: Name | None = None
    email_address: Word | None = None
    phone_number: Line | None = None
    laboratory: LaboratoryUpdate | None = Field(None, alias="Laboratory")


class _Courier(Sent):
    default_courrier_company: Word | None = Field(None, examples=["Fast & Cold"])
    courier_account: Word | None = Field(None, examples=["4711"])
    billing_reference: Word | None = Field(None, examples=["MX-1"])
    dewar_avg_customs_value: _Money | None = None
    dewar_avg_transport_value: _Money | None = None


class LabContactCreate(_Courier):
    """Somebody to write to, and where to send things."""

    proposal_id: Number
    card_name: Name = Field(examples=["Mara at the bench"])
    person: PersonCreate = Field(alias="Person")


class LabContactUpdate(_Courier):
    """What shall be different of a lab contact."""

    card_name: Name | None = Field(None, examples=["Mara at the bench"])
    person: PersonUpdate | None = Field(None, alias="Person")


class Laboratory(Model):
    """Where somebody works."""

    name: str = Field(examples=["Cell Biology"])
    address: str | None
    city: str | None
    country: str | None
    url: str | None
    laboratory_ext_pk: int | None = Field(examples=[31])
    laboratory_id: int
    record_time_stamp: Moment | None


class ContactPerson(Model):
    """Whom to write to."""

    given_name: str | None
    family_name: str | None
    email_address: str | None
    phone_number: str | None
    laboratory: Laboratory | None = Field(alias="Laboratory")


class LabContact(Model):
    """Somebody to write to, and where to send things."""

    proposal_id: int
    card_name: str = Field(examples=["Mara at the bench"])
    default_courrier_company: str | None = Field(examples=["Fast & Cold"])
    courier_account: str | None = Field(examples=["4711"])
    billing_reference: str | None = Field(examples=["MX-1"])
    dewar_avg_customs_value: int | None
    dewar_avg_transport_value: int | None
    person: ContactPerson = Field(alias="Person")
    lab_contact_id: int
    person_id: int | None
    record_time_stamp: Moment


def _contact_columns(
    session: Session, body: Any, row: shipping.LabContact | None
) -> Mapping[str, Any]:
    columns: dict[str, Any] = body.model_dump(exclude_unset=row is not None)
    person = columns.pop("person", None) or {}
    told = person.pop("laboratory", None)
    if row is None:
        columns["user"] = lab_contacts.nobody()
    if told is not None:
        told["external_id"] = told.pop("laboratory_ext_pk", None)
        columns["laboratory"] = lab_contacts.laboratory(session, told, row)
    return columns | person


def _contacts(session: Session, rows: Sequence[shipping.LabContact]) -> list[LabContact]:
    courier = _Courier.model_fields.keys()
    return [
        LabContact(
            proposal_id=row.proposal_id,
            card_name=row.card_name,
            **{name: getattr(row, name) for name in courier},
            person=ContactPerson(
                given_name=row.given_name,
                family_name=row.family_name,
                email_address=row.email_address,
                phone_number=row.phone_number,
                laboratory=_laboratory(row),
            ),
            lab_contact_id=row.id,
            person_id=row.user_id,
            record_time_stamp=row.created_at,
        )
        for row in rows
    ]


def _laboratory(row: shipping.LabContact) -> Laboratory | None:
    found = row.laboratory
    if found is None:
        return None
    names = ("name", "address", "city", "country", "url")
    return Laboratory(
        **{name: getattr(found, name) for name in names},
        laboratory_ext_pk=found.external_id,
        laboratory_id=found.id,
        record_time_stamp=found.created_at,
    )


Records(
    LAB_CONTACTS, "/labcontacts", "lab_contact_id", ("lab_contact", "lab_contacts"),
    LabContact, LabContactCreate, LabContactUpdate, _contacts, _contact_columns,
).declare(routes)  # fmt: skip
