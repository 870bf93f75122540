"""Options of the facility, with the groups of instruments."""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.facility import options
from tmlib.facility.options import GroupedInstrument, InstrumentGroupRow
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Name, Text
from tmserver.ispyb.forms import Model, Number, Sent
from tmserver.ispyb.scope import FACILITY

routes = Routes("Options", scope=FACILITY)

_GROUPS = "beam_line_groups"


class BeamLineGroupBeamLine(Sent):
    """An instrument in a group, and how it is loaded."""

    beam_line_name: Name = Field(title="Name", examples=["Microscope 1"])
    sample_changer_type: Name | None = Field(None, title="Sample Changer Type")
    sample_changer_capacity: Number | None = Field(None, title="Sample Changer Capacity")
    archived: bool = Field(False, title="Archived")

    model_config = Model.model_config | Sent.model_config


class BeamLineGroup(Sent):
    """Instruments that the same people look after: those who have the permission."""

    group_name: Name = Field(title="Group Name", examples=["Light microscopes"])
    ui_group: Name = Field(title="UI Group", examples=["light"])
    permission: Annotated[Name, Field(max_length=15)] = Field(
        title="Permission", examples=["light_staff"]
    )
    beam_lines: list[BeamLineGroupBeamLine] = Field(title="Beamlines")

    model_config = Model.model_config | Sent.model_config


class UIOptions(Model):
    """What every user may know."""

    motd: str = Field("", title="Message of the Day")
    beam_line_groups: list[BeamLineGroup] = Field([], title="Beamline Groups")


class Options(UIOptions):
    """All options."""

    query_debug: bool = Field(False, title="Query Debugging", alias="query_debug")
    enable_legacy_routes: bool = Field(False, title="Legacy Routes", alias="enable_legacy_routes")
    enable_webservice_routes: bool = Field(
        True, title="Webservice Routes", alias="enable_webservice_routes"
    )
    create_person_on_missing: bool = Field(
        False, title="Create Missing Login", alias="create_person_on_missing"
    )


class OptionChange(Sent):
    """Options that shall be different; what is not sent stays as it is."""

    motd: Text = Field("", max_length=1024)
    beam_line_groups: list[BeamLineGroup] = Field([])
    query_debug: bool = Field(False, alias="query_debug")
    enable_legacy_routes: bool = Field(False, alias="enable_legacy_routes")
    enable_webservice_routes: bool = Field(True, alias="enable_webservice_routes")
    create_person_on_missing: bool = Field(False, alias="create_person_on_missing")


@routes.get("/options/ui", permits="user")
def get_ui_options(access: UserAccess) -> UIOptions:
    """Get the options that pages show."""
    with access.database.session() as session:
        found = _read(session)
    return UIOptions(motd=found.motd, beam_line_groups=found.beam_line_groups)


@routes.get("/options", permits="manage_options")
def get_options(access: UserAccess) -> Options:
    """Get all options."""
    with access.database.session() as session:
        return _read(session)


@routes.patch("/options", permits="manage_options")
def update_options(access: UserAccess, body: OptionChange) -> Options:
    """Change options; the groups of instruments are replaced as a whole."""
    changes: dict[str, Any] = {
        name: getattr(body, name) for name in body.model_fields_set if name != _GROUPS
    }
    with access.database.transaction() as session:
        options.set_options(session, changes)
        if _GROUPS in body.model_fields_set:
            options.set_groups(session, [_row(group) for group in body.beam_line_groups])
        return _read(session)


def _read(session: Session) -> Options:
    groups = [
        BeamLineGroup(
            group_name=group.name,
            ui_group=group.ui_group,
            permission=group.permission,
            beam_lines=[
                BeamLineGroupBeamLine(
                    beam_line_name=one.name,
                    sample_changer_type=one.loader_type,
                    sample_changer_capacity=one.loader_capacity,
                    archived=one.archived,
                )
                for one in group.instruments
            ],
        )
        for group in options.list_groups(session)
    ]
    return Options(beam_line_groups=groups, **options.read_options(session))


def _row(group: BeamLineGroup) -> InstrumentGroupRow:
    instruments = [
        GroupedInstrument(
            one.beam_line_name,
            one.sample_changer_type,
            one.sample_changer_capacity,
            one.archived,
        )
        for one in group.beam_lines
    ]
    return InstrumentGroupRow(group.group_name, group.ui_group, group.permission, instruments)
