"""Runs, and a distribution that only beamlines have."""

from typing import Literal

from pydantic import Field

from tmlib.facility import runs
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.ispyb.forms import Model, Moment, PageQuery
from tmserver.ispyb.looking import looking
from tmserver.ispyb.statistics import NothingSelectedError, WhichSession

routes = Routes("Stats")


class RunRow(Model):
    """A period in which time is counted."""

    run: str = Field(examples=["2026-01"])
    run_id: int
    start_date: Moment
    end_date: Moment


class ParameterBins(Model):
    """How often values of a parameter were used at an instrument."""

    beam_line_name: str
    bin: list[float]
    frequency: list[int]


class ParameterHistogram(Model):
    """How often values of a parameter were used, by instruments that have it."""

    parameter: Literal["energy"] = "energy"
    unit: Literal["eV"] = "eV"
    beam_lines: list[ParameterBins] = Field(examples=[[]])


class WhichHistogram(WhichSession):
    """Asks for a session, or for a run at an instrument."""

    def check(self) -> None:
        """Refuse to answer for nothing.

        Raises
        ------
        NothingSelectedError
            If neither is given.
        """
        is_run = self.beam_line_name is not None and self.run_id is not None
        if self.session is None and self.session_id is None and not is_run:
            raise NothingSelectedError("Please provide either `session` or `runId`")


@routes.get("/stats/runs", permits="user")
def get_runs(access: UserAccess, query: PageQuery) -> Part[RunRow]:
    """List runs, the latest first."""
    with looking(access) as (session, _):
        found = runs.list_runs(session, query.window)
        return Part(
            [
                RunRow(run=one.name, run_id=one.id, start_date=one.starts_at, end_date=one.ends_at)
                for one in found.rows
            ],
            found.total,
        )


@routes.get("/stats/parameters/histogram", permits="user")
def get_parameter_histogram(access: UserAccess, query: WhichHistogram) -> ParameterHistogram:
    """Tell the energies that instruments have used; microscopes set none."""
    query.check()
    return ParameterHistogram(beam_lines=[])
