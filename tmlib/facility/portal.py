"""What a user portal tells of a proposal: the form in which it is sent."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from tmlib.db.base import in_utc


def _refuse_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it contains a NUL character")
    return text


Moment = Annotated[datetime, AfterValidator(in_utc)]
"""A point in time, of UTC if it says nothing else."""

ExternalId = Annotated[int, Field(ge=0, lt=2**128)]
"""A number of the portal."""

Integer = Annotated[int, Field(ge=0, lt=2**31)]
"""A number that has a column."""

Text = Annotated[str, AfterValidator(_refuse_nul)]
Name = Annotated[Text, Field(max_length=255)]
Line = Annotated[Text, Field(max_length=45)]


class _Sent(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class UPLaboratory(_Sent):
    """Where somebody works."""

    name: Name
    address: Name
    city: Name
    country: Name
    url: Name | None = None
    laboratory_ext_pk: Integer | None = None


class UPPerson(_Sent):
    """Somebody, whom the login or the number in the portal tells apart."""

    login: Name | None = None
    external_id: ExternalId | None = None
    given_name: Name | None = None
    family_name: Name | None = None
    title: Line | None = None
    email_address: Name | None = None
    phone_number: Line | None = None
    laboratory: UPLaboratory | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.login and self.external_id is None:
            raise ValueError("one of login and externalId is needed")
        return self


class UPSessionOptions(_Sent):
    """What somebody does in a session."""

    role: Line | None = None
    remote: bool | None = None


class UPSessionPerson(UPPerson):
    """Somebody who takes part in a session."""

    session_options: UPSessionOptions | None = Field(None, alias="session_options")


class UPSession(_Sent):
    """A session, which one of two numbers of the portal tells apart."""

    exp_session_pk: Integer | None = None
    external_id: ExternalId | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    beam_line_name: Name | None = None
    beam_line_operator: Line | None = None
    scheduled: bool | None = None
    nb_shifts: Integer | None = None
    visit_number: Integer | None = Field(None, alias="visit_number")
    session_title: Name | None = None
    nb_reimb_dewars: Integer | None = None
    comments: Annotated[Text, Field(max_length=20_000)] | None = None
    persons: list[UPSessionPerson] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.exp_session_pk is None and self.external_id is None:
            raise ValueError("one of expSessionPk and externalId is needed")
        return self


class UPProposal(_Sent):
    """A proposal and its members."""

    proposal_code: Annotated[Line, Field(min_length=1, pattern=r"^[\w-]+$")]
    proposal_number: Annotated[Line, Field(min_length=1, pattern=r"^[\w-]*\d+$")]
    title: Annotated[Text, Field(max_length=200)] | None = None
    proposal_type: Line | None = None
    state: Annotated[str, Field(pattern="^(Open|Closed|Cancelled)$")] | None = None
    external_id: ExternalId | None = None
    persons: Annotated[list[UPPerson], Field(min_length=1)]


class UserPortalProposalSync(_Sent):
    """All that a portal tells of a proposal."""

    proposal: UPProposal
    sessions: list[UPSession] | None = None
