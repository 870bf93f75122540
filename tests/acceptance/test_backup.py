"""A backup as the documentation tells it, and an installation that is made from it."""

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services import postgresql
from tests.services.installation import Installation, running_installation
from tmclient import TmClient

DOCUMENT = Path(__file__).parents[2] / "docs" / "deploying.md"

on_postgresql = pytest.mark.parametrize("installation", ["postgresql"], indirect=True)


def commands(first: str) -> str:
    """The block of commands of the section on backups that begins with this word."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index("## Backup and restore") : text.index("## Upgrade")]
    [found] = [
        block
        for block in re.findall(r"(?:^    .+\n)+", section, re.M)
        if block.strip().startswith(first)
    ]
    return found


def run(script: str, **variables: str) -> None:
    folders = (Path(sys.executable).parent, postgresql.find_binaries())
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    environment = os.environ | {"PATH": path} | variables
    subprocess.run(["sh", "-euc", script], env=environment, check=True, timeout=120)


def service_file(path: Path, url: URL) -> str:
    """What the documentation has in `~/.pg_service.conf`, for another database."""
    text = DOCUMENT.read_text(encoding="utf-8")
    [example] = re.findall(r"```ini\n(\[tmserver\].*?)```", text, re.S)
    values = {"host": url.host, "dbname": url.database, "user": url.username}
    for name, value in (values | {"password": url.password or "none"}).items():
        example, n_changed = re.subn(rf"^{name}=.*", f"{name}={value}", example, flags=re.M)
        assert n_changed == 1, name
    path.write_text(f"{example}port={url.port or 5432}\n", encoding="utf-8")
    return str(path)


@on_postgresql
def test_an_installation_comes_back_from_its_backup(
    installation: Installation, finished: Finished, postgresql_server: URL, tmp_path: Path
) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("there is no rsync on this machine, with which files are backed up")
    backup = str(tmp_path / "backup")
    name = f"tm_restored_{secrets.token_hex(4)}"
    url = postgresql_server.set(database=name).render_as_string(hide_password=False)
    data_dir = tmp_path / "restored"
    run(
        commands("mkdir"),
        BACKUP=backup,
        PGSERVICEFILE=service_file(tmp_path / "old.conf", make_url(installation.database_url)),
        TM_DATA_DIR=str(installation.data_dir),
    )
    postgresql.execute(postgresql_server, f"CREATE DATABASE {name}")
    try:
        run(
            commands("pg_restore"),
            BACKUP=backup,
            PGSERVICEFILE=service_file(tmp_path / "new.conf", make_url(url)),
            TM_DATABASE_URL=url,
            TM_DATA_DIR=str(data_dir),
        )
        with (
            running_installation(data_dir, url, processes=1, is_new=False) as restored,
            restored.client(finished.client.get_experiment()["name"]) as client,
        ):
            assert_same(client, finished.client)
    finally:
        postgresql.execute(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


def assert_same(restored: TmClient, original: TmClient) -> None:
    """Pixels of the map, outlines, values and the ledger are those of the original."""
    sample.assert_same(sample.feature_values(restored), sample.feature_values(original))
    assert sample.outlines(restored, "Cells") == sample.outlines(original, "Cells")
    assert restored.get_workflow_status() == original.get_workflow_status()
    for channel in original.get_channels():
        [layer] = channel["layers"]
        tiles = {
            client.download_channel_tile(layer["id"], x=0, y=0, z=layer["max_zoom"])
            for client in (restored, original)
        }
        assert len(tiles) == 1
