"""Proposals, the experiments in them, and people."""

from typing import Literal

from pydantic import Field

from tmlib.facility import people, permissions, proposals
from tmlib.facility.people import Person as PersonRow
from tmlib.facility.proposals import ProposalRow
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Moment, Number, PageQuery, ProposalName, Sent
from tmserver.ispyb.looking import looking, viewer_of
from tmserver.scopes import EXPERIMENT

routes = Routes("Proposals")
of_experiment = routes.within(EXPERIMENT, "/experiments/<experiment_id>")
persons = Routes("People")


class ProposalMetaData(Model):
    """What belongs to a proposal."""

    persons: int
    sessions: int
    beam_lines: list[str]
    ui_groups: list[str]


class Proposal(Model):
    """What time of instruments is given for."""

    proposal_code: str
    proposal_number: str
    proposal: str = Field(examples=["MX1"])
    title: str | None
    state: Literal["Open", "Closed", "Cancelled"] | None
    metadata: ProposalMetaData = Field(alias="_metadata")
    proposal_id: int


class WhichProposals(PageQuery):
    """Asks for proposals by a part of their title or name, or the name of an instrument."""

    search: Text | None = None


class ProposalOfExperiment(Sent):
    """The name of the proposal that an experiment belongs to; null for none."""

    proposal: ProposalName | None = Field(examples=["MX1"])

    model_config = Model.model_config | Sent.model_config


class ExperimentInProposal(Model):
    """An experiment that belongs to a proposal."""

    experiment_id: int
    name: str
    description: str


class PersonMetaData(Model):
    """What somebody does in the session that is asked for, and in how many others."""

    sessions: int | None
    last_session: Moment | None
    role: str | None
    remote: bool | None


class Person(Model):
    """Somebody who works on a proposal."""

    person_id: int
    given_name: str | None
    family_name: str | None
    metadata: PersonMetaData = Field(alias="_metadata")


class WhichPersons(PageQuery):
    """Asks for people by the proposal or the session in which they take part."""

    show_all: bool = False
    proposal: ProposalName | None = None
    session_id: Number | None = None


@routes.get("/proposals", permits="user")
def get_proposals(access: UserAccess, query: WhichProposals) -> Part[Proposal]:
    """List proposals, the latest first."""
    with looking(access) as (session, viewer):
        found = proposals.list_proposals(session, viewer, query.window, search=query.search)
    return Part([_proposal(row) for row in found.rows], found.total)


@routes.get("/proposals/<proposal>", permits="user", raises=(404,))
def get_proposal(access: UserAccess, proposal: str) -> Proposal:
    """Get a proposal by its name."""
    with looking(access) as (session, viewer):
        return _proposal(proposals.get_proposal(session, viewer, proposal))


@routes.get("/proposals/<proposal>/experiments", permits="user", raises=(404,))
def get_experiments_of_proposal(
    access: UserAccess, proposal: str, query: PageQuery
) -> Part[ExperimentInProposal]:
    """List the experiments of a proposal, the latest first."""
    with looking(access) as (session, viewer):
        found = proposals.list_experiments(session, viewer, query.window, proposal)
        rows = [
            ExperimentInProposal(experiment_id=one.id, name=one.name, description=one.description)
            for one in found.rows
        ]
    return Part(rows, found.total)


@of_experiment.get("/proposal", permits="read")
def get_proposal_of_experiment(access: ExperimentAccess) -> ProposalOfExperiment:
    """Tell which proposal an experiment belongs to."""
    with access.database.session() as session:
        found = proposals.proposal_of_experiment(session, access.experiment_id)
    return ProposalOfExperiment(proposal=found and found.name)


@of_experiment.put("/proposal", permits="owner")
def put_experiment_into_proposal(
    access: ExperimentAccess, body: ProposalOfExperiment
) -> ProposalOfExperiment:
    """Let an experiment belong to a proposal, whose members then see and change it."""
    with access.database.transaction() as session:
        if body.proposal is None:
            proposals.take_out_experiment(session, access.experiment_id)
        else:
            viewer = viewer_of(access, session)
            proposal = proposals.find_proposal(session, viewer, body.proposal)
            proposals.put_experiment(session, access.experiment_id, proposal)
    return body


@persons.get("/persons", permits="user")
def get_persons(access: UserAccess, query: WhichPersons) -> Part[Person]:
    """List who works on the proposals that you see; who manages people may ask for everybody."""
    with looking(access) as (session, viewer):
        everybody = query.show_all and (
            access.proof.is_admin
            or permissions.MANAGE_PERSONS in permissions.held_by(session, access.user.id)
        )
        found = people.list_people(
            session,
            viewer,
            query.window,
            everybody=everybody,
            proposal=query.proposal,
            booking_id=query.session_id,
        )
    return Part([_person(row) for row in found.rows], found.total)


def _proposal(row: ProposalRow) -> Proposal:
    one = row.proposal
    return Proposal.model_validate(
        {
            "proposal_code": one.code,
            "proposal_number": one.number,
            "proposal": one.name,
            "title": one.title,
            "state": one.state,
            "proposal_id": one.id,
            "metadata": {
                "persons": row.n_people,
                "sessions": row.n_bookings,
                "beam_lines": row.instruments,
                "ui_groups": row.ui_groups,
            },
        }
    )


def _person(row: PersonRow) -> Person:
    return Person(
        person_id=row.user_id,
        given_name=row.given_name,
        family_name=row.family_name,
        metadata=PersonMetaData(
            sessions=row.n_bookings,
            last_session=row.last_booking,
            role=row.role,
            remote=row.remote,
        ),
    )
