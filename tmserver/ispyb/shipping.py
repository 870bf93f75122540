"""What is sent to a facility: shipments, dewars and containers."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.facility import pages, shipping
from tmlib.facility.shipping import CONTAINERS, DEWARS, SHIPPINGS
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Line, Model, Moment, Name, Number, Sent, Word
from tmserver.ispyb.records import OfProposal, Records

shippings = Routes("Shipping")
dewars = Routes("Dewars")
containers = Routes("Containers")

_Comments = Annotated[Text, Field(max_length=20_000)]
_Level = Literal["GREEN", "YELLOW", "RED"]


class ShippingCreate(Sent):
    """A shipment, with the lab contacts who send it and to whom it is sent back."""

    proposal_id: Number
    shipping_name: Name = Field(examples=["Plates of March"])
    sending_lab_contact_id: Number
    return_lab_contact_id: Number
    safety_level: _Level = Field("GREEN", examples=["GREEN"])
    comments: _Comments | None = None


class ShippingUpdate(Sent):
    """What shall be different of a shipment."""

    proposal_id: Number | None = None
    shipping_name: Name | None = Field(None, examples=["Plates of March"])
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
    code: Name = Field(examples=["Box 1"])
    dewar_type: Line | None = Field(None, examples=["Toolbox"])


class DewarUpdate(Sent):
    """What shall be different of a box."""

    code: Name | None = Field(None, examples=["Box 1"])
    dewar_type: Line | None = Field(None, examples=["Toolbox"])


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
    sample_changer_location: Line | None = Field(None, examples=["3"])
    beamline_location: Word | None = Field(None, examples=["Spinning disk"])


class ContainerCreate(_Places):
    """What holds samples, such as a plate."""

    code: Name = Field(examples=["Plate 1"])
    dewar_id: Number
    container_type: Line = Field(examples=["96"])


class ContainerUpdate(_Places):
    """What shall be different of a container."""

    code: Name | None = Field(None, examples=["Plate 1"])
    dewar_id: Number | None = None
    container_type: Line | None = Field(None, examples=["96"])


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
