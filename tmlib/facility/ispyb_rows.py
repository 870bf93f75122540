"""Rows of an ISPyB database: the tables and columns that are taken over from one."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json
from pydantic.alias_generators import to_camel

from tmlib.facility.portal import Line, Moment, Name, Text


def _read_number(value: Any) -> Any:
    """A number of a user portal, which is 16 bytes in the database, as its digits."""
    if not isinstance(value, dict):
        return value
    try:
        content = base64.b64decode(value["b64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise ValueError('binary values have the form {"b64": ...}') from None
    if len(content) > 16:
        raise ValueError("it has more than 16 bytes")
    return str(int.from_bytes(content))


def _without_zero_dates(value: Any) -> Any:
    return None if isinstance(value, str) and value.startswith("0000-00-00") else value


Id = Annotated[int, Field(ge=0, lt=2**31)]
"""A number of a row."""

_Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]
_ExternalId = Annotated[Line, Field(pattern=r"^\d{1,39}$"), BeforeValidator(_read_number)]
_Moment = Annotated[Moment | None, BeforeValidator(_without_zero_dates)]
_Long = Annotated[Text, Field(max_length=1_000_000)]


class IspybRow(BaseModel):
    """A row; columns that nothing is known of here are passed over."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class LaboratoryRow(IspybRow):
    """Where people work."""

    laboratory_id: Id
    name: Name
    address: Name | None = None
    city: Name | None = None
    country: Name | None = None
    url: Name | None = None
    laboratory_ext_pk: Id | None = None


class PersonRow(IspybRow):
    """Somebody."""

    person_id: Id
    laboratory_id: Id | None = None
    login: Name | None = None
    given_name: Name | None = None
    family_name: Name | None = None
    title: Line | None = None
    email_address: Name | None = None
    phone_number: Line | None = None
    external_id: _ExternalId | None = None


class UserGroupRow(IspybRow):
    """A group of people."""

    user_group_id: Id
    name: Name


class UserGroupPersonRow(IspybRow):
    """Somebody in a group."""

    user_group_id: Id
    person_id: Id


class PermissionRow(IspybRow):
    """Something that members of a group may do."""

    permission_id: Id
    type: Annotated[Text, Field(min_length=1, max_length=15)]
    description: Annotated[Text, Field(max_length=100)] | None = None


class UserGroupPermissionRow(IspybRow):
    """A permission of a group."""

    user_group_id: Id
    permission_id: Id


class BeamLine(IspybRow):
    """An instrument in a group of instruments."""

    beam_line_name: Name
    sample_changer_type: Name | None = None
    sample_changer_capacity: Id | None = None
    archived: bool = False


class BeamLineGroup(IspybRow):
    """A group of instruments."""

    group_name: Name
    ui_group: Name
    permission: Annotated[Text, Field(min_length=1, max_length=15)]
    beam_lines: list[BeamLine]


class AdminVarRow(IspybRow):
    """An option; groups of instruments are one, as JSON."""

    var_id: Id
    name: Name
    value: _Long | None = None


BeamLineGroups = Json[list[BeamLineGroup]]


class ProposalRow(IspybRow):
    """A proposal."""

    proposal_id: Id
    person_id: Id | None = None
    proposal_code: Annotated[Line, Field(min_length=1)]
    proposal_number: Annotated[Line, Field(min_length=1)]
    proposal_type: Line | None = None
    title: Annotated[Text, Field(max_length=200)] | None = None
    state: Annotated[str, Field(pattern="^(Open|Closed|Cancelled)$")] | None = None
    external_id: _ExternalId | None = None


class ProposalPersonRow(IspybRow):
    """Somebody who works on a proposal."""

    proposal_id: Id
    person_id: Id


class BeamLineSetupRow(IspybRow):
    """How an instrument was set up."""

    beam_line_setup_id: Id
    synchrotron_mode: Name | None = None
    undulator_type1: Name | None = Field(None, alias="undulatorType1")
    undulator_type2: Name | None = Field(None, alias="undulatorType2")
    undulator_type3: Name | None = Field(None, alias="undulatorType3")
    focal_spot_size_at_sample: float | None = None
    focusing_optic: Name | None = None
    beam_divergence_horizontal: float | None = None
    beam_divergence_vertical: float | None = None
    polarisation: float | None = None
    monochromator_type: Name | None = None
    setup_date: _Moment = None
    synchrotron_name: Name | None = None
    max_exp_time_per_data_collection: float | None = None
    min_exposure_time_per_image: float | None = None
    goniostat_max_oscillation_speed: float | None = None
    goniostat_min_oscillation_width: float | None = None
    min_transmission: float | None = None
    cs: float | None = Field(None, alias="CS")


class SessionRow(IspybRow):
    """Time of an instrument for a proposal."""

    session_id: Id
    proposal_id: Id
    beam_line_setup_id: Id | None = None
    beam_line_name: Name
    visit_number: Id | None = Field(None, alias="visit_number")
    start_date: _Moment = None
    end_date: _Moment = None
    scheduled: bool | None = None
    session_title: Name | None = None
    beam_line_operator: Line | None = None
    comments: _Long | None = None
    nb_shifts: _Number | None = None
    nb_reimb_dewars: _Number | None = None
    exp_session_pk: Id | None = None
    external_id: _ExternalId | None = None


class SessionTypeRow(IspybRow):
    """What a session is for."""

    session_id: Id
    type_name: Annotated[Text, Field(min_length=1, max_length=31)]


class SessionPersonRow(IspybRow):
    """Somebody who takes part in a session."""

    session_id: Id
    person_id: Id
    role: Line | None = None
    remote: bool | None = None


class LabContactRow(IspybRow):
    """Whom to write to."""

    lab_contact_id: Id
    proposal_id: Id
    person_id: Id
    card_name: Name
    default_courrier_company: Name | None = None
    courier_account: Name | None = None
    billing_reference: Name | None = None
    dewar_avg_customs_value: Id | None = None
    dewar_avg_transport_value: Id | None = None


class ShippingRow(IspybRow):
    """A shipment."""

    shipping_id: Id
    proposal_id: Id
    shipping_name: Name
    sending_lab_contact_id: Id | None = None
    return_lab_contact_id: Id | None = None
    safety_level: Annotated[str, Field(pattern="^(GREEN|YELLOW|RED)$")] | None = None
    comments: _Long | None = None


class DewarRow(IspybRow):
    """A box of a shipment."""

    dewar_id: Id
    shipping_id: Id
    code: Name
    type: Line | None = None


class ContainerRow(IspybRow):
    """What holds samples."""

    container_id: Id
    dewar_id: Id
    code: Name
    container_type: Line | None = None
    sample_changer_location: Line | None = None
    beamline_location: Name | None = None


class ComponentTypeRow(IspybRow):
    """A kind of specimens."""

    component_type_id: Id
    name: Line


class ProteinRow(IspybRow):
    """A specimen."""

    protein_id: Id
    proposal_id: Id
    name: Name | None = None
    acronym: Name
    sequence: _Long | None = None
    density: float | None = None
    molecular_mass: float | None = None
    containment_level: Line | None = None
    hazard_group: Line | None = None
    safety_level: Line | None = None
    component_type_id: Id | None = None
    external_id: _ExternalId | None = None


class RunRow(IspybRow):
    """A period in which time is counted."""

    run_id: Id
    run: Line
    start_date: Moment
    end_date: Moment
