"""Settings that are there in name only."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmserver.command_line import cli


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of variables name all of them; an empty secret would let everybody in."""
    for name in ("METRICS_TOKEN", "SECRET_KEY", "BROKER_URL", "PROXIES"):
        monkeypatch.setenv(f"TM_{name}", "")
    settings = Settings()
    assert (settings.metrics_token, settings.secret_key, settings.broker_url) == (None, None, None)
    assert settings.proxies == 0


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", "only thirty-one characters long")
    with pytest.raises(ValidationError, match="31 characters"):
        Settings()
    outcome = CliRunner().invoke(cli, ["user", "list"])
    assert outcome.exit_code == 1
    assert "TM_SECRET_KEY is wrong: it has 31 characters and needs at least 32" in outcome.output
    assert "only thirty" not in outcome.output


def test_a_kept_key_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert len(settings.signing_key) >= 32
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(BadInput, match="has 0 characters"):
        _ = Settings(data_dir=tmp_path).signing_key
