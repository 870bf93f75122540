"""The client that was published for py-ISPyB asks this server for a facility, unmodified."""

from pathlib import Path

import pytest

from tests.services import environments, ispyb_client
from tests.services.installation import Installation
from tmclient import TmClient
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.ids import decode_id

SESSION = Path(__file__).with_name("ispyb_session.py")
NAME, PASSWORD = "facility", "a long password"

# the first run also installs the client
pytestmark = pytest.mark.timeout(900)


def test_the_client_of_py_ispyb(installation: Installation, pytestconfig: pytest.Config) -> None:
    python = ispyb_client.python(pytestconfig)
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, NAME, PASSWORD, "facility@example.org", is_admin=True)
    database.close()
    name = "Timeline"
    with TmClient(
        url=installation.url, username=NAME, password=PASSWORD, experiment_name=name
    ) as client:
        client.experiments.create("canonical", "cellvoyager", 96, "basic")
        client.plates.create("Plate 1")
        client.acquisitions.create("Plate 1", "Run 1")
        number = decode_id(client.experiment_id)
        environments.run(python, SESSION, installation.url, NAME, PASSWORD, name, number)
        client.experiments.delete()
