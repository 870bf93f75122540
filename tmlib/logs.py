"""What the programs of the product log: text or JSON, with what each line belongs to, no secrets.

A line can tell the request, user or job that it belongs to; `context` and `note` say which.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from pydantic import SecretStr
from pythonjsonlogger.json import JsonFormatter

from tmlib.errors import BadInput
from tmlib.settings import Settings

HIDDEN = "***"
"""Stands in place of a secret."""

_SECRETS = re.compile(
    r"(?<=signature=)[^&\s\"']+"  # of signed URLs
    r"|(?<=token=)[^&\s\"']+"  # in addresses
    r"|(?<=[?&]code=)[^&\s\"']+"  # that providers of logins send
    r"|(?<=onetime=)[^&\s\"']+"
    r"|(?<=bearer )[^\s\"']+"
    r"|(?<=jwt )[^\s\"']+"
    r"|\btm_[\w-]{40,}"  # personal tokens
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # logins
    r"|(?<![\w.-])(?-i:Wz|\.eJ)[\w-]+\.[\w-]{43}(?![\w-])"  # signatures in paths
    r"|(?<=://)[^/\s@]*:[^\s@]+(?=@)",  # passwords in URLs
    re.IGNORECASE,
)

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

_context: ContextVar[dict[str, int | str]] = ContextVar("context")


@contextmanager
def context(**fields: int | str) -> Iterator[None]:
    """Let lines that are logged inside tell what they belong to, and nothing from outside."""
    token = _context.set(fields)
    try:
        yield
    finally:
        _context.reset(token)


def begin(**fields: int | str) -> None:
    """Let lines from now on tell what they belong to, and nothing from before."""
    _context.set(fields)


def note(**fields: int | str) -> None:
    """Let lines tell more, for as long as they tell what they belong to now."""
    _context.set(_context.get({}) | fields)


def configure(settings: Settings, level: int = logging.INFO) -> None:
    """Let this process log to standard error, in the form that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings))
    # also of what a logger lets through for another handler, as that of a job's log
    handler.setLevel(level)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # a new database is brought through all revisions that there were
    logging.getLogger("alembic").setLevel(max(level, logging.WARNING))


def formatter(settings: Settings) -> logging.Formatter:
    """Makes lines of what is logged, in the form that the settings name."""
    secrets = [secret.get_secret_value() for secret in _secrets_of(settings)]
    return _Json(secrets) if settings.log_format == "json" else _Text(secrets)


def _secrets_of(settings: Settings) -> Iterator[SecretStr]:
    """All that is set, but for what whoever needs it will find missing."""
    for name in type(settings).model_fields:
        if isinstance(value := getattr(settings, name), SecretStr):
            yield value
    for name in ("ldap_password", "oidc_secret"):
        with suppress(BadInput):
            if (secret := getattr(settings, name)) is not None:
                yield secret


def _hide(line: str, secrets: list[str]) -> str:
    for secret in secrets:
        if secret:
            line = line.replace(secret, HIDDEN)
    return _SECRETS.sub(HIDDEN, line)


def _on_one_line(text: str) -> str:
    """The text with escapes in place of what begins a new line, or commands a terminal."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _set_in(text: str) -> str:
    return "\n".join(f"  | {_on_one_line(line)}" for line in text.split("\n"))


class _Text(logging.Formatter):
    """A line for each record, so that what comes from outside cannot pretend to be another one.

    Tracebacks follow on lines that are set in.
    """

    def __init__(self, secrets: list[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._secrets = secrets

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = " ".join(f"{name}={value}" for name, value in _context.get({}).items())
        return _on_one_line(super().formatMessage(record) + (f" [{fields}]" if fields else ""))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        return _set_in(super().formatStack(stack_info))

    def format(self, record: logging.LogRecord) -> str:
        # another formatter may have left its form of the traceback there
        record.exc_text = None
        return _hide(super().format(record), self._secrets)


class _Json(JsonFormatter):
    def __init__(self, secrets: list[str]) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            timestamp="time",
        )
        self._secrets = secrets

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(_context.get({}))

    def format(self, record: logging.LogRecord) -> str:
        return _hide(super().format(record), self._secrets)
