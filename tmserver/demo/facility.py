"""The demo facility: a week of two instruments, filled by plates that are shipped and imaged.

A facility's programs do the same over the interface of py-ISPyB: its user portal tells of
proposals and bookings, labs announce what they send, and the timeline fills itself.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tmclient import TmClient
from tmclient.commands.workflow import describe_failure
from tmclient.errors import RequestError
from tmclient.progress import watch_workflow
from tmlib.ids import decode_id
from tmlib.jterator.project import Project
from tmserver.demo import sample_plate
from tmserver.demo.plate import Plate
from tmserver.demo.run import submit

_PREFIX = "/ispyb/api/v1"
_INSTRUMENTS = ("Spinning disk", "Confocal")


@dataclass(frozen=True)
class _Proposal:
    """A proposal, who leads it, and the days on which it has its instrument; today is 0."""

    code: str
    number: int
    title: str
    login: str
    given_name: str
    family_name: str
    instrument: str
    days: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.code}{self.number}"


_STRESS = _Proposal(
    "LM", 1, "Nuclei under stress", "mara", "Mara", "Lind", _INSTRUMENTS[0], (-2, 0, 2)
)
_GROWTH = _Proposal(
    "LM", 2, "How cells grow", "ole", "Ole", "Berg", _INSTRUMENTS[1], (-3, -1, 0, 1, 3)
)


@dataclass(frozen=True)
class _Sent:
    """A plate that is sent to the facility, and whether one of its images will be damaged."""

    proposal: _Proposal
    name: str
    is_damaged: bool = False


_SENT = (
    _Sent(_STRESS, "Plate 1"),
    _Sent(_STRESS, "Plate 2"),
    _Sent(_GROWTH, "Plate 3", is_damaged=True),
)


def simulate(folder: Path, n_wells: int, rows: int, columns: int, seed: int) -> list[Path]:
    """Write the images of the plates that are sent; one file of the last is cut off."""
    folders = []
    for number, sent in enumerate(_SENT):
        folders.append(folder / sent.name)
        sample_plate.simulate(folders[-1], n_wells, rows, columns, seed + number)
        if sent.is_damaged:
            os.truncate(min(folders[-1].glob("*.tif")), 100)
    return folders


def run(
    client: TmClient, plates: Sequence[Plate], project: Project, user: str, console: Console
) -> int:
    """Fill the facility, and show what it then knows.

    Returns
    -------
    int
        Number of the session in which the first plates were imaged.
    """
    facility = _Facility(client)
    if not facility.is_there(_STRESS.name):
        _tell(facility, user, datetime.now(UTC).replace(tzinfo=None, second=0, microsecond=0))
    for sent, plate in zip(_SENT, plates, strict=True):
        console.print(
            f"{sent.name} of proposal {sent.proposal.name}, at the {sent.proposal.instrument}:",
            highlight=False,
        )
        add = partial(facility.add, sent.proposal)
        submit(client, plate, project, console, sent.name, add)
        status = watch_workflow(client, console)
        if status["failed"]:
            console.print(
                f"This is meant to fail, since one image was cut off: {describe_failure(status)}",
                highlight=False,
                markup=False,
            )
    sessions = facility.sessions()
    _print_report(facility, sessions, console)
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    begun = [one for one in sessions if one["proposal"] == _STRESS.name and one["startDate"] <= now]
    number: int = max(begun, key=lambda one: one["startDate"])["sessionId"]
    return number


class _Facility:
    """Requests to the facility's interface, as the client's user."""

    def __init__(self, client: TmClient) -> None:
        self._client = client

    def get(self, path: str, **parameters: Any) -> Any:
        """What a path answers."""
        return self._client.connection.request(
            "GET", f"{_PREFIX}/{path}", parameters=parameters
        ).json()

    def post(self, path: str, content: Any) -> Any:
        """What comes back for some JSON."""
        return self._client.connection.post(f"{_PREFIX}/{path}", content)

    def set_options(self, options: Any) -> None:
        """Change options of the facility."""
        self._client.connection.request("PATCH", f"{_PREFIX}/options", json=options)

    def is_there(self, proposal: str) -> bool:
        """Whether there is a proposal of this name."""
        try:
            self.get(f"proposals/{proposal}")
        except RequestError as error:
            if error.status_code == 404:
                return False
            raise
        return True

    def add(self, proposal: _Proposal) -> None:
        """Put the client's experiment into a proposal."""
        experiment = decode_id(self._client.experiment_id)
        path = f"{_PREFIX}/experiments/{experiment}/proposal"
        self._client.connection.put(path, {"proposal": proposal.name})

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions of a week around the present day, by instrument and start."""
        now = datetime.now(UTC)
        week = {"since": now - timedelta(days=4), "until": now + timedelta(days=4)}
        moments = {name: moment.isoformat() for name, moment in week.items()}
        found = self.get("sessions", limit=100, **moments)["results"]
        return sorted(found, key=lambda one: (one["beamLineName"], one["startDate"]))


def _tell(facility: _Facility, user: str, now: datetime) -> None:
    """Tell the facility of its instruments, proposals, bookings, and what is sent."""
    instruments = [{"beamLineName": name} for name in _INSTRUMENTS]
    group = {
        "groupName": "Light microscopes",
        "uiGroup": "light",
        "permission": "light_staff",
        "beamLines": instruments,
    }
    facility.set_options({"motd": "A demo facility", "beamLineGroups": [group]})
    for proposal in (_STRESS, _GROWTH):
        facility.post(
            "webservices/userportalsync/sync_proposal",
            {
                "proposal": {
                    "proposalCode": proposal.code,
                    "proposalNumber": proposal.number,
                    "title": proposal.title,
                    "state": "Open",
                    "persons": [
                        {
                            "login": proposal.login,
                            "givenName": proposal.given_name,
                            "familyName": proposal.family_name,
                        },
                        {"login": user, "givenName": "Demo", "familyName": "User"},
                    ],
                },
                "sessions": [
                    _booking(proposal, number, day, now)
                    for number, day in enumerate(proposal.days, start=1)
                ],
            },
        )
        _announce(facility, proposal)


def _booking(proposal: _Proposal, number: int, day: int, now: datetime) -> dict[str, Any]:
    """A session, as a user portal tells of it: eight hours from nine, and today from now on."""
    begin = now if day == 0 else now.replace(hour=9, minute=0) + timedelta(days=day)
    return {
        "externalId": 100 * proposal.number + number,
        "visit_number": number,
        "beamLineName": proposal.instrument,
        "scheduled": True,
        "startDate": begin.isoformat(),
        "endDate": (begin + timedelta(hours=8)).isoformat(),
        "persons": [
            {"login": proposal.login, "session_options": {"role": "Team Leader", "remote": False}}
        ],
    }


def _announce(facility: _Facility, proposal: _Proposal) -> None:
    """Announce the plates of a proposal: a shipment with one box."""
    number = facility.get(f"proposals/{proposal.name}")["proposalId"]
    person = {"givenName": proposal.given_name, "familyName": proposal.family_name}
    card = {"cardName": f"{proposal.given_name} at the bench", "Person": person}
    contact = facility.post("labcontacts", {"proposalId": number} | card)["labContactId"]
    shipment = {
        "proposalId": number,
        "shippingName": f"Plates of {proposal.name}",
        "sendingLabContactId": contact,
        "returnLabContactId": contact,
    }
    shipping = facility.post("shippings", shipment)["shippingId"]
    dewar = facility.post("dewars", {"shippingId": shipping, "code": "Box 1"})["dewarId"]
    for sent in _SENT:
        if sent.proposal is proposal:
            facility.post(
                "containers", {"dewarId": dewar, "code": sent.name, "containerType": "96"}
            )


def _print_report(
    facility: _Facility, sessions: Sequence[dict[str, Any]], console: Console
) -> None:
    """Show the week."""
    table = Table(box=box.SIMPLE)
    for heading in ("Instrument", "Session", "From (UTC)", "Hours", "Plates", "Failed runs"):
        table.add_column(heading)
    for session in sessions:
        name = session["session"]
        failed = facility.get("events", session=name, eventType="robot", status="failed")
        begin, end = (datetime.fromisoformat(session[f"{edge}Date"]) for edge in ("start", "end"))
        table.add_row(
            session["beamLineName"],
            name,
            f"{begin:%a %d %b %H:%M}",
            f"{(end - begin).total_seconds() / 3600:g}",
            str(session["_metadata"]["datacollections"] or ""),
            str(failed["total"] or ""),
        )
    console.print(table, highlight=False, markup=False)
