"""The client's namespaces, and the names that published programs call."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import tmclient.api
from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import TmClient
from tmclient.former_names import FormerNames
from tmclient.resources import Namespace

PUBLISHED = (Path(__file__).parent / "published_signatures.txt").read_text().splitlines()
DELEGATES = sorted(name for name in vars(FormerNames) if not name.startswith("_"))


def signature(function: Callable[..., object]) -> str:
    found = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


@pytest.mark.parametrize("line", PUBLISHED)
def test_what_was_published_is_called_as_before(line: str) -> None:
    name = line.partition("(")[0]
    member = TmClient if name == "TmClient" else getattr(TmClient, name)
    assert name + signature(member) == line


@pytest.mark.parametrize("name", DELEGATES)
def test_former_names_tell_the_present_ones(name: str, client: TmClient) -> None:
    member = getattr(client, name)
    told = re.match(r"Former name of ``client\.(\w+)\.(\w+)``\.\n\n.", member.__doc__)
    assert told
    namespace, method = told.groups()
    assert getattr(getattr(client, namespace), method).__func__ is member.__wrapped__


def test_every_method_of_a_namespace_that_is_not_new_has_its_former_name() -> None:
    assert {line.partition("(")[0] for line in PUBLISHED} - {"TmClient", "close"} == set(DELEGATES)


def test_a_former_name_asks_what_the_namespace_asks(
    server: ScriptedServer, client: TmClient
) -> None:
    experiment, wells = Answer({"data": [{"id": "MQ==", "name": "e"}]}), Answer({"data": []})
    server.script(experiment, wells, wells)
    assert client.get_wells("p") == client.wells.list("p") == []
    former, present = server.requests[-2:]
    assert former.path == present.path


def test_the_documents_list_all_namespaces(client: TmClient) -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "client.md").read_text()
    table = text.partition("| namespace |")[2].partition("\n\n")[0]
    listed = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(
        name for name, member in vars(client).items() if isinstance(member, Namespace)
    )


def test_published_programs_import_the_client_from_its_module() -> None:
    assert tmclient.api.TmClient is TmClient


def test_another_experiment_may_be_named_at_any_time(
    server: ScriptedServer, client: TmClient
) -> None:
    server.script(
        Answer({"data": [{"id": "MQ==", "name": "e"}]}),
        Answer({"data": [{"id": "Mg==", "name": "other"}]}),
    )
    assert client.experiment_id == "MQ=="
    client.experiment_name = "e"
    assert client.experiment_id == "MQ=="
    client.experiment_name = "other"
    assert client.experiment_id == "Mg=="
