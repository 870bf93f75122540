"""What is sent to a facility: lab contacts, shipments, dewars and containers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.facility import lab_contacts, pages, shipping
from tmlib.facility.shipping import CONTAINERS, DEWARS, LAB_CONTACTS, SHIPPINGS
from tmserver.http.routing import Routes
from tmserver.http.schemas import MAX_INT, Text
from tmserver.ispyb.forms import Model, Moment, Number, Sent
from tmserver.ispyb.records import OfProposal, Records

labcontacts = Routes("Lab Contacts")
shippings = Routes("Shipping")
dewars = Routes("Dewars")
containers = Routes("Containers")

_Name = Annotated[Text, Field(min_length=1, max_length=255)]
_Word = Annotated[Text, Field(max_length=255)]
_Line = Annotated[Text, Field(max_length=45)]
_Comments = Annotated[Text, Field(max_length=20_000)]
_Money = Annotated[int, Field(ge=0, le=MAX_INT)]
_Level = Literal["GREEN", "YELLOW", "RED"]


class LaboratoryCreate(Sent):
    """Where somebody works."""

    name: _Name = Field(examples=["Cell Biology"])
    address: _Name
    city: _Name
    country: _Name
    url: _Word | None = None
    laboratory_ext_pk: Number | None = Field(None, examples=[31])


class LaboratoryUpdate(Sent):
    """What is different of where somebody works."""

    name: _Name | None = Field(None, examples=["Cell Biology"])
    address: _Name | None = None
    city: _Name | None = None
    country: _Name | None = None
    url: _Word | None = None


class PersonCreate(Sent):
    """Whom to write to."""

    given_name: _Name
    family_name: _Name
    email_address: _Word | None = None
    phone_number: _Line | None = None
    laboratory: LaboratoryCreate | None = Field(None, alias="Laboratory")


class PersonUpdate(Sent):
    """What is different of whom to write to."""

    given_name: _Name | None = None
    family_name: _Name | None = None
    email_address: _Word | None = None
    phone_number: _Line | None = None
    laboratory: LaboratoryUpdate | None = Field(None, alias="Laboratory")


class _Courier(Sent):
    default_courrier_company: _Word | None = Field(None, examples=["Fast & Cold"])
    courier_account: _Word | None = Field(None, examples=["4711"])
    billing_reference: _Word | None = Field(None, examples=["MX-1"])
    dewar_avg_customs_value: _Money | None = None
    dewar_avg_transport_value: _Money | None = None


class LabContactCreate(_Courier):
    """Somebody to write to, and where to send things."""

    proposal_id: Number
    card_name: _Name = Field(examples=["Mara at the bench"])
    person: PersonCreate = Field(alias="Person")


class LabContactUpdate(_Courier):
    """What shall be different of a lab contact."""

    card_name: _Name | None = Field(None, examples=["Mara at the bench"])
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


class ShippingCreate(Sent):
    """A shipment, with the lab contacts who send it and to whom it is sent back."""

    proposal_id: Number
    shipping_name: _Name = Field(examples=["Plates of March"])
    sending_lab_contact_id: Number
    return_lab_contact_id: Number
    safety_level: _Level = Field("GREEN", examples=["GREEN"])
    comments: _Comments | None = None


class ShippingUpdate(Sent):
    """What shall be different of a shipment."""

    proposal_id: Number | None = None
    shipping_name: _Name | None = Field(None, examples=["Plates of March"])
    sending_lab_contact_id: Number | None = None
    return_lab_contact_id: Number | None = None
    safety_level: _Level | None = Field(None, examples=["GREEN"])
    comments: _Comments | None = None


class ShippingPerson(Model):
    """The name of a lab contact."""

    given_name: str | None
    family_name: str | None


class ShippingLabContact(Model):
    """A lab contact of a shipment."""

    card_name: str = Field(examples=["Mara at the bench"])
    person: ShippingPerson = Field(alias="Person")


class ShippingMetaData(Model):
    """How many dewars are in a shipment."""

    dewars: int


class Shipping(Model):
    """A shipment; ``LabContact`` is to whom it is sent back, ``LabContact1`` who sends it."""

    proposal_id: int
    shipping_name: str = Field(examples=["Plates of March"])
    sending_lab_contact_id: int | None
    return_lab_contact_id: int | None
    safety_level: _Level | None = Field(examples=["GREEN"])
    comments: str | None
    shipping_id: int
    bltime_stamp: Moment | None
    metadata: ShippingMetaData = Field(alias="_metadata")
    lab_contact: ShippingLabContact | None = Field(alias="LabContact")
    lab_contact1: ShippingLabContact | None = Field(alias="LabContact1")


class DewarCreate(Sent):
    """A box in a shipment."""

    shipping_id: Number
    code: _Name = Field(examples=["Box 1"])
    dewar_type: _Line | None = Field(None, examples=["Toolbox"])


class DewarUpdate(Sent):
    """What shall be different of a box."""

    code: _Name | None = Field(None, examples=["Box 1"])
    dewar_type: _Line | None = Field(None, examples=["Toolbox"])


class WhichDewars(OfProposal):
    """Asks for the dewars of a proposal, or of a shipment."""

    shipping_id: Number | None = None

    def parent_id(self) -> int | None:
        """The shipment."""
        return self.shipping_id


class DewarShipping(Model):
    """The shipment of a dewar."""

    proposal_id: int
    shipping_name: str = Field(examples=["Plates of March"])


class Dewar(Model):
    """A box in a shipment."""

    shipping_id: int
    code: str = Field(examples=["Box 1"])
    dewar_type: str | None = Field(examples=["Toolbox"])
    dewar_id: int
    shipping: DewarShipping = Field(alias="Shipping")


class _Places(Sent):
    sample_changer_location: _Line | None = Field(None, examples=["3"])
    beamline_location: _Word | None = Field(None, examples=["Spinning disk"])


class ContainerCreate(_Places):
    """What holds samples, such as a plate."""

    code: _Name = Field(examples=["Plate 1"])
    dewar_id: Number
    container_type: _Line = Field(examples=["96"])


class ContainerUpdate(_Places):
    """What shall be different of a container."""

    code: _Name | None = Field(None, examples=["Plate 1"])
    dewar_id: Number | None = None
    container_type: _Line | None = Field(None, examples=["96"])


class ContainerDewar(Model):
    """The box of a container."""

    code: str = Field(examples=["Box 1"])
    shipping: DewarShipping = Field(alias="Shipping")


class Container(Model):
    """What holds samples, such as a plate."""

    code: str = Field(examples=["Plate 1"])
    dewar_id: int
    container_type: str | None = Field(examples=["96"])
    sample_changer_location: str | None = Field(examples=["3"])
    beamline_location: str | None = Field(examples=["Spinning disk"])
    container_id: int
    dewar: ContainerDewar = Field(alias="Dewar")


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


def _shippings(session: Session, rows: Sequence[shipping.Shipping]) -> list[Shipping]:
    of_these = shipping.Dewar.shipping_id.in_([row.id for row in rows])
    counted = select(shipping.Dewar.shipping_id, func.count()).where(of_these)
    n_dewars = pages.by_number(session, counted.group_by(shipping.Dewar.shipping_id))
    return [
        Shipping(
            **{name: getattr(row, name) for name in ShippingUpdate.model_fields},
            shipping_id=row.id,
            bltime_stamp=row.updated_at,
            metadata=ShippingMetaData(dewars=n_dewars.get(row.id, 0)),
            lab_contact=_name_of(row.recipient),
            lab_contact1=_name_of(row.sender),
        )
        for row in rows
    ]


def _name_of(contact: shipping.LabContact | None) -> ShippingLabContact | None:
    if contact is None:
        return None
    person = ShippingPerson(given_name=contact.given_name, family_name=contact.family_name)
    return ShippingLabContact(card_name=contact.card_name, person=person)


def _dewars(session: Session, rows: Sequence[shipping.Dewar]) -> list[Dewar]:
    return [
        Dewar(
            shipping_id=row.shipping_id,
            code=row.code,
            dewar_type=row.dewar_type,
            dewar_id=row.id,
            shipping=DewarShipping.model_validate(row.shipping),
        )
        for row in rows
    ]


def _containers(session: Session, rows: Sequence[shipping.Container]) -> list[Container]:
    return [
        Container(
            **{name: getattr(row, name) for name in ContainerUpdate.model_fields},
            container_id=row.id,
            dewar=ContainerDewar(
                code=row.dewar.code, shipping=DewarShipping.model_validate(row.dewar.shipping)
            ),
        )
        for row in rows
    ]


Records(
    LAB_CONTACTS, "/labcontacts", "lab_contact_id", ("lab_contact", "lab_contacts"),
    LabContact, LabContactCreate, LabContactUpdate, _contacts, _contact_columns,
).declare(labcontacts)  # fmt: skip
Records(
    SHIPPINGS, "/shippings", "shipping_id", ("shipping", "shippings"),
    Shipping, ShippingCreate, ShippingUpdate, _shippings,
).declare(shippings)  # fmt: skip
Records(
    DEWARS, "/dewars", "dewar_id", ("dewar", "dewars"),
    Dewar, DewarCreate, DewarUpdate, _dewars, query=WhichDewars,
).declare(dewars)  # fmt: skip
Records(
    CONTAINERS, "/containers", "container_id", ("container", "containers"),
    Container, ContainerCreate, ContainerUpdate, _containers,
).declare(containers)  # fmt: skip
