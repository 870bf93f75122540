from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from tmlib.settings import Settings
from tmserver.command_line import cli

Tm = Callable[..., Result]


@pytest.fixture
def tm(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tm:
    """Runs the ``tm`` command on the test's database; keywords are environment variables."""
    monkeypatch.setenv("TM_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TM_DATABASE_URL", settings.resolved_database_url)

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=environment)

    return run
