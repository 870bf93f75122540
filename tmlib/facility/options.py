"""What administrators of a facility set, and which instruments there are in which groups."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.facility.models import (
    FacilityOption,
    Instrument,
    InstrumentGroup,
    InstrumentGroupMember,
)
from tmlib.facility.visibility import Viewer, holds

DEFAULTS: dict[str, Any] = {
    "motd": "",
    "query_debug": False,
    "enable_legacy_routes": False,
    "enable_webservice_routes": True,
    "create_person_on_missing": False,
}
"""Options and what they are unless somebody sets them."""

_LOCK_KEY = 4_770_215_386  # of PostgreSQL; any number that nothing else takes


class GroupedInstrument(NamedTuple):
    """An instrument in a group."""

    name: str
    loader_type: str | None = None
    loader_capacity: int | None = None
    archived: bool = False


class InstrumentGroupRow(NamedTuple):
    """A group of instruments."""

    name: str
    ui_group: str
    permission: str
    instruments: Sequence[GroupedInstrument]


def read_options(session: Session) -> dict[str, Any]:
    """All options."""
    rows = session.execute(select(FacilityOption.name, FacilityOption.value))
    return DEFAULTS | {name: value for name, value in rows if name in DEFAULTS}


def wait_for_turn(session: Session) -> None:
    """Let one who sets the facility up after the other through, each until its end.

    What two add, such as an instrument, is then there for the second one. SQLite has one writer at
    a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))


def set_options(session: Session, changes: dict[str, Any]) -> None:
    """Set some options."""
    wait_for_turn(session)
    for name, value in changes.items():
        session.merge(FacilityOption(name=name, value=value))
    session.flush()


def list_groups(session: Session, viewer: Viewer | None = None) -> list[InstrumentGroupRow]:
    """Groups of instruments in the order in which they were set, or those of a user."""
    query = select(InstrumentGroup).order_by(InstrumentGroup.id)
    if viewer is not None and not viewer.sees_all:
        query = query.where(holds(viewer.user_id, InstrumentGroup.permission))
    groups = list(session.scalars(query))
    members: dict[int, list[GroupedInstrument]] = {group.id: [] for group in groups}
    rows = session.execute(
        select(
            InstrumentGroupMember.group_id,
            Instrument.name,
            InstrumentGroupMember.loader_type,
            InstrumentGroupMember.loader_capacity,
            InstrumentGroupMember.archived,
        )
        .join(Instrument, Instrument.id == InstrumentGroupMember.instrument_id)
        .where(InstrumentGroupMember.group_id.in_(members))
        .order_by(InstrumentGroupMember.group_id, InstrumentGroupMember.position)
    )
    for number, name, loader_type, capacity, archived in rows:
        members[number].append(GroupedInstrument(name, loader_type, capacity, archived))
    return [
        InstrumentGroupRow(group.name, group.ui_group, group.permission, members[group.id])
        for group in groups
    ]


def set_groups(session: Session, groups: Sequence[InstrumentGroupRow]) -> None:
    """Replace all groups of instruments; the instruments themselves stay.

    Raises
    ------
    BadInput
        If two groups have the same name, or an instrument is in a group twice.
    """
    _refuse_twice([group.name for group in groups], "groups of instruments")
    wait_for_turn(session)
    session.execute(delete(InstrumentGroupMember))
    session.execute(delete(InstrumentGroup))
    for group in groups:
        names = [instrument.name for instrument in group.instruments]
        _refuse_twice(names, f'instruments in the group "{group.name}"')
        row = InstrumentGroup(name=group.name, ui_group=group.ui_group, permission=group.permission)
        session.add(row)
        session.flush()
        session.add_all(
            InstrumentGroupMember(
                group_id=row.id,
                instrument_id=instrument_of(session, instrument.name).id,
                position=position,
                loader_type=instrument.loader_type,
                loader_capacity=instrument.loader_capacity,
                archived=instrument.archived,
            )
            for position, instrument in enumerate(group.instruments)
        )
    session.flush()


def instrument_of(session: Session, name: str) -> Instrument:
    """The instrument of a name, which is added if there is none; see `wait_for_turn`."""
    found = session.scalar(select(Instrument).where(Instrument.name == name))
    if found is None:
        found = Instrument(name=name)
        session.add(found)
        session.flush()
    return found


def _refuse_twice(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f'There are several {what} named "{twice[0]}": give each one a name.')
