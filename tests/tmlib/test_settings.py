"""Settings that are there in name only."""

import pytest

from tmlib.settings import Settings


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of variables name all of them; an empty secret would let everybody in."""
    for name in ("METRICS_TOKEN", "SECRET_KEY", "BROKER_URL", "PROXIES"):
        monkeypatch.setenv(f"TM_{name}", "")
    settings = Settings()
    assert (settings.metrics_token, settings.secret_key, settings.broker_url) == (None, None, None)
    assert settings.proxies == 0
