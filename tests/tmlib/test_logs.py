"""Lines that are logged: their form, what they belong to, and that no secret is in them."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Literal

import pytest
from itsdangerous import URLSafeSerializer

from tmlib import logs
from tmlib.settings import Settings

FORMS: tuple[Literal["text", "json"], ...] = ("text", "json")
_SIGNER = URLSafeSerializer("key", signer_kwargs={"digest_method": hashlib.sha256})
OF_SETTINGS = {
    "facility_key": "sign with this for all the facility",
    "ldap_bind_password": "search with this",
    "oidc_client_secret": "ask with this",
}
SECRETS = [
    "sign with this, which is long enough",
    "scrape with this",
    "tm_" + "a-Z_9" * 9,
    "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjF9.c2lnbmF0dXJl",
    "hunter2",
    "WzEsMCwxXQ.c2ln",
    *(_SIGNER.dumps([number, 0, 1769860800, "login"]) for number in (7, 10**99)),
    "0123456789abcdef" * 2,
    "SplxlOBeZQQYbYS6WxSbIA",
    *OF_SETTINGS.values(),
]


def line(form: Literal["text", "json"], message: str, *values: object, fails: bool = False) -> str:
    secrets = OF_SETTINGS | {"secret_key": SECRETS[0], "metrics_token": SECRETS[1]}
    settings = Settings.model_validate({"log_format": form, **secrets})
    error = None
    if fails:
        try:
            raise ValueError(message % values)
        except ValueError as caught:
            error = (ValueError, caught, caught.__traceback__)
    record = logging.LogRecord("tmlib.x", logging.WARNING, __file__, 1, message, values, error)
    return logs.formatter(settings).format(record)


def parsed(message: str, *values: object, fails: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line("json", message, *values, fails=fails))
    return found


def test_a_line_of_json_tells_when_where_and_what() -> None:
    found = parsed("%d jobs\nare lost", 3)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "WARNING", "logger": "tmlib.x", "message": "3 jobs\nare lost"}
    assert "ValueError: broken" in parsed("broken", fails=True)["traceback"]


def test_a_line_tells_what_it_belongs_to() -> None:
    with logs.context(request_id="a1"):
        logs.note(user_id=7)
        assert parsed("-")["request_id"] == "a1"
        assert parsed("-")["user_id"] == 7
        assert line("text", "lost").endswith("WARNING lost [request_id=a1 user_id=7]")
        with logs.context(job_id=3):
            assert {"job_id"} == parsed("-").keys() & {"job_id", "request_id", "user_id"}
        assert parsed("-")["user_id"] == 7
    assert not parsed("-").keys() & {"job_id", "request_id", "user_id"}
    assert line("text", "lost").endswith("WARNING lost")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fails", [False, True])
def test_no_secret_is_logged(form: Literal["text", "json"], fails: bool) -> None:
    key, monitoring, token, login, password, signature, plain, packed, digits, code, *_ = SECRETS
    assert (plain[:2], packed[:3]) == ("Wz", ".eJ")
    for text in (
        f"key {key}",
        f"Authorization: Bearer {monitoring}",
        f"Authorization: JWT {login}",
        f"{{'access_token': '{login}'}}",
        f"token {token}.",
        f"redis://:{password}@127.0.0.1:6379/0 and postgresql://tm:{password}@db/tm",
        f"/api/experiments/MQ==/tiles?x=1&signature={signature}&y=0",
        f"GET /precomputed/cells_1/cells/pt/1769860800000000/{plain}/info",
        f"GET /precomputed/cells_1/cells/pt/1769860800000000/{packed}",
        f"GET /auth/oidc/callback?code={code}&state=1 and /auth/oidc/callback?state=1&code={code}",
        *(f"it was {secret}, to no avail" for secret in OF_SETTINGS.values()),
        f"/info?middle_auth_token={digits}&a=1 /legacy/a?token={digits} /movies?onetime={digits}",
    ):
        found = line(form, "%s", text, fails=fails)
        assert "***" in found
        assert not [secret for secret in SECRETS if secret in found], found


def test_secrets_that_files_keep_are_not_logged(tmp_path: Path) -> None:
    secret, missing = tmp_path / "secret", tmp_path / "missing"
    secret.write_text("search with this\n")
    settings = Settings(ldap_bind_password_file=secret, oidc_client_secret_file=missing)
    record = logging.LogRecord("tmlib.x", logging.WARNING, "", 1, "not: search with this", (), None)
    assert logs.formatter(settings).format(record).endswith("WARNING not: ***")


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_secret_stays(form: Literal["text", "json"]) -> None:
    text = (
        "database tm_installation at postgresql://tm@db/tm, job metaextract_run_0000001, "
        "exitcode=1, /api/plates?barcode=7"
    )
    assert text in line(form, text)


FORGED = "x\n2026-01-01 00:00:00,000 WARNING all is well\r\x1b[2J\x85\u2028y"


@pytest.mark.parametrize("fails", [False, True])
def test_what_comes_from_outside_begins_no_line(fails: bool) -> None:
    with logs.context(request_id=FORGED):
        lines = line("text", "The file %s", FORGED, fails=fails).splitlines()
    assert "\\n2026-01-01 00:00:00,000 WARNING all is well\\r\\x1b[2J" in lines[0]
    assert all(one.startswith("  | ") for one in lines[1:])
    assert len(lines) > 1 if fails else len(lines) == 1
