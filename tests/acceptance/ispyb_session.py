"""Asks for a facility with the published client of py-ISPyB; runs where that is installed.

Usage: ispyb_session.py URL NAME PASSWORD EXPERIMENT NUMBER
"""

import json
import sys

import ispyb_client
import urllib3
from ispyb_client.apis.tags.admin_api import AdminApi
from ispyb_client.apis.tags.authentication_api import AuthenticationApi
from ispyb_client.apis.tags.current_user_api import CurrentUserApi
from ispyb_client.apis.tags.data_collections_api import DataCollectionsApi
from ispyb_client.apis.tags.events_api import EventsApi
from ispyb_client.apis.tags.lab_contacts_api import LabContactsApi
from ispyb_client.apis.tags.legacy_with_token_in_path_only_for_compatibility_api import (
    LegacyWithTokenInPathOnlyForCompatibilityApi,
)
from ispyb_client.apis.tags.options_api import OptionsApi
from ispyb_client.apis.tags.proposals_api import ProposalsApi
from ispyb_client.apis.tags.proteins_api import ProteinsApi
from ispyb_client.apis.tags.samples_api import SamplesApi
from ispyb_client.apis.tags.sessions_api import SessionsApi
from ispyb_client.apis.tags.sessions_legacy_with_header_token_api import (
    SessionsLegacyWithHeaderTokenApi,
)
from ispyb_client.apis.tags.webservices_user_portal_sync_api import WebservicesUserPortalSyncApi
from ispyb_client.exceptions import ApiException

URL, NAME, PASSWORD, EXPERIMENT, NUMBER = sys.argv[1:]
TOLD = {
    "proposal": {
        "proposalCode": "MX",
        "proposalNumber": "1",
        "title": "Nuclei under stress",
        "state": "Open",
        "externalId": 71,
        "persons": [{"login": NAME, "givenName": "Mara", "familyName": "Lind"}],
    },
    "sessions": [
        {
            "externalId": 4711,
            "startDate": "2026-03-14T09:00:00",
            "endDate": "2026-03-14T17:00:00",
            "beamLineName": "Spinning disk",
            "beamLineOperator": "Ada",
            "comments": "First plates",
            "nbReimbDewars": 0,
            "scheduled": 1,
            "visit_number": 1,
        }
    ],
}


def main():
    """What the client can ask for and the server has."""
    configuration = ispyb_client.Configuration(host=URL)
    configuration.access_token = "none yet"
    client = ispyb_client.ApiClient(configuration)
    log_in(client, configuration)
    options(client)
    proposals(client)
    sessions(client)
    put_experiment(configuration.access_token)
    events(client)
    lab_contacts(client)
    specimens(client)
    legacy(client, configuration.access_token)
    [*actions] = (str(one["action"]) for one in AdminApi(client).get_activity().body["results"])
    assert "synchronise_proposal" in actions


def log_in(client, configuration):
    """Refused with a wrong password, let in with the right one."""
    authentication = AuthenticationApi(client)
    [plugin] = authentication.config_ispyb_api_v1_auth_config_get().body["plugins"]
    given = {"plugin": str(plugin["name"]), "login": NAME, "password": "wrong"}
    log_in = authentication.login_ispyb_api_v1_auth_login_post
    assert refused(log_in, body=given) == 401
    assert refused(CurrentUserApi(client).current_user) == 401
    answer = log_in(body={**given, "password": PASSWORD})
    configuration.access_token = str(answer.body["token"])
    assert str(CurrentUserApi(client).current_user().body["login"]) == NAME


def options(client):
    """Changed, and told to all."""
    options = OptionsApi(client)
    changed = options.update_options(body={"motd": "Confocal is down"}).body
    assert str(changed["motd"]) == "Confocal is down"
    assert str(options.get_ui_options().body["motd"]) == "Confocal is down"
    assert str(options.get_options().body["motd"]) == "Confocal is down"


def proposals(client):
    """Taken over from a portal, and found."""
    told = WebservicesUserPortalSyncApi(client).sync_proposal(body=TOLD).body["message"]
    assert "MX-1" in str(told)
    page = ProposalsApi(client).get_proposals(query_params={"search": "nuclei"}).body
    assert [str(one["proposal"]) for one in page["results"]] == ["MX1"]
    one = ProposalsApi(client).get_proposal(path_params={"proposal": "MX1"}).body
    assert int(one["_metadata"]["sessions"]) == 1
    assert refused(ProposalsApi(client).get_proposal, path_params={"proposal": "MX9"}) == 404


def sessions(client):
    """Found by the month, and asked for one by one."""
    which = {"year": "2026", "month": "3", "proposal": "MX1"}
    [one] = SessionsApi(client).get_sessions(query_params=which).body["results"]
    number = int(one["sessionId"])
    same = SessionsApi(client).get_session(path_params={"sessionId": number}).body
    assert str(same["session"]) == "MX1-1"
    group = {"beamLineGroup": "none"}
    found = SessionsApi(client).get_sessions_for_beamline_group(query_params=group).body
    assert int(found["total"]) == 0


def put_experiment(token):
    """What the client has no method for."""
    answer = urllib3.PoolManager().request(
        "PUT",
        f"{URL}/ispyb/api/v1/experiments/{NUMBER}/proposal",
        body=json.dumps({"proposal": "MX1"}),
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status == 200, answer.data


def events(client):
    """The acquisition of the experiment that was put into the proposal."""
    # it has no end yet, and the client's schemas know of no nulls
    answer = EventsApi(client).get_events(
        query_params={"proposal": "MX1"}, skip_deserialization=True
    )
    [event] = json.loads(answer.response.data)["results"]
    assert event["Item"]["imageDirectory"] == f"{EXPERIMENT}/Plate 1"
    types = EventsApi(client).get_event_types().body["results"]
    assert "canonical" in [str(one["eventType"]) for one in types]
    collection = {"dataCollectionId": event["id"]}
    data = DataCollectionsApi(client)
    assert int(data.get_datacollection_attachments(query_params=collection).body["total"]) == 0
    assert int(data.get_workflow_steps(query_params={"workflowId": 1}).body["total"]) == 0


def lab_contacts(client):
    """Added, changed, found."""
    contacts = LabContactsApi(client)
    [proposal] = ProposalsApi(client).get_proposals().body["results"]
    person = {
        "givenName": "Mara",
        "familyName": "Lind",
        "Laboratory": {"name": "Cell Biology", "address": "1", "city": "Oslo", "country": "Norway"},
    }
    new = {
        "proposalId": int(proposal["proposalId"]),
        "cardName": "Mara",
        "Person": person,
        "defaultCourrierCompany": "Fast & Cold",
        "courierAccount": "4711",
        "billingReference": "MX-1",
        "dewarAvgCustomsValue": 0,
        "dewarAvgTransportValue": 0,
    }
    made = contacts.create_lab_contact(body=new).body
    number = {"labContactId": int(made["labContactId"])}
    changed = contacts.update_lab_contact(path_params=number, body={"cardName": "Bench"}).body
    assert str(changed["cardName"]) == "Bench"
    assert str(contacts.get_lab_contact(path_params=number).body["cardName"]) == "Bench"
    found = contacts.get_lab_contacts(query_params={"proposal": "MX1"}).body
    assert [str(one["cardName"]) for one in found["results"]] == ["Bench"]
    assert refused(contacts.get_lab_contact, path_params={"labContactId": 999}) == 404


def specimens(client):
    """That of the experiment, which has no samples and images yet."""
    # nobody has told what it consists of, and the client's schemas know of no nulls
    answer = ProteinsApi(client).get_proteins(skip_deserialization=True)
    [specimen] = json.loads(answer.response.data)["results"]
    assert specimen["acronym"] == EXPERIMENT
    assert refused(ProteinsApi(client).get_protein, path_params={"proteinId": 999}) == 404
    of_specimen = {"proteinId": specimen["proteinId"]}
    assert int(SamplesApi(client).get_samples(query_params=of_specimen).body["total"]) == 0
    assert int(SamplesApi(client).get_sample_images().body["total"]) == 0
    image = DataCollectionsApi(client).get_datacollection_image
    assert refused(image, path_params={"dataCollectionId": 999}) == 404


def legacy(client, token):
    """Answered as soon as the option is on, with the token in either place."""
    sessions = SessionsLegacyWithHeaderTokenApi(client)
    assert refused(sessions.get_sessions) == 404
    OptionsApi(client).update_options(body={"enable_legacy_routes": True})
    answers = (
        sessions.get_sessions(skip_deserialization=True),
        LegacyWithTokenInPathOnlyForCompatibilityApi(client).get_sessions_legacy_token(
            path_params={"token": token}, skip_deserialization=True
        ),
    )
    for answer in answers:
        [session] = json.loads(answer.response.data)
        assert session["Proposal_title"] == "Nuclei under stress"
    OptionsApi(client).update_options(body={"enable_legacy_routes": False})


def refused(request, **arguments):
    """The status of an answer that refuses."""
    try:
        request(**arguments)
    except ApiException as error:
        return error.status
    raise AssertionError("It was answered.")


main()
