"""Image, containers, units and job script name what there is."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import psutil
import pytest
import redis
import yaml

from tests.services.postgresql import free_port
from tests.test_docs import DOCUMENTS, ROOT, VARIABLES
from tmserver.command_line import cli

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
FILES = [
    ROOT / "Dockerfile",
    ROOT / "compose.yaml",
    ROOT / "tmserver" / "slurm" / "worker.sbatch",
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
]

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
each_unit = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def assert_runs(words: list[str]) -> None:
    """The ``tm`` command knows these words and options."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context("tm", words)


@each_file
def test_variables_exist(path: Path) -> None:
    assert set(re.findall(r"\bTM_[A-Z_]+\b", path.read_text(encoding="utf-8"))) <= VARIABLES


@each_unit
def test_commands_of_units_exist(path: Path) -> None:
    [words] = re.findall(r"^ExecStart=/opt/tmserver/bin/tm (.*)$", path.read_text(), re.M)
    assert_runs(words.split())


@each_unit
def test_systemd_understands_units(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine")
    unit = tmp_path / path.name
    # a command that is there: this machine need not be one that the product is installed on
    unit.write_text(path.read_text().replace("/opt/tmserver/bin/tm", sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_commands_of_containers_exist() -> None:
    services = compose()["services"]
    of_product = [service for service in services.values() if service.get("image") == "tmserver"]
    assert len(of_product) == 3
    for service in of_product:
        assert_runs(service["command"])
    [entry, default] = re.findall(r'^(?:ENTRYPOINT|CMD) \["(.*)"\]$', dockerfile(), re.M)
    assert entry == "tm"
    assert_runs(default.split('", "'))


def test_containers_wait_for_what_there_is() -> None:
    services = compose()["services"]
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert name in services
            if condition["condition"] == "service_healthy":
                assert "test" in services[name]["healthcheck"]


@pytest.mark.parametrize("path", [*DOCUMENTS, *FILES], ids=lambda path: path.name)
def test_no_command_line_has_a_password(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(
        r"^.*\b(?:pg_dump|pg_restore|psql|redis-cli|redis-server|curl) .*$", text, re.M
    )
    for line in lines:
        # what stands before the command is its environment, which others do not see
        command = re.sub(r"\b[A-Z_]+=(?:\S+|\".*?\") ", "", line)
        assert not re.search(r"_URL\b|passw|requirepass| -a ", command, re.IGNORECASE), line


def test_redis_in_its_container_hides_its_password(tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on this machine")
    shell, option, script = compose()["services"]["redis"]["command"]
    port, password = free_port(), "correct horse"
    # as Compose reads it; the container has a port for itself
    script = script.replace("$$", "$").replace('save ""', f'save ""\nport {port}')
    process = subprocess.Popen(
        [shell, option, script],
        env=os.environ | {"REDIS_PASSWORD": password},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(port=port, password=password) as client:
            deadline = time.monotonic() + 60
            while not answers(client):
                assert process.poll() is None
                assert time.monotonic() < deadline, "Redis does not answer"
                time.sleep(0.02)
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        assert not any(password in " ".join(one.cmdline()) for one in family)
    finally:
        process.kill()
        process.wait()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_every_secret_of_the_containers_is_in_the_example() -> None:
    example = (ROOT / "deploy" / "compose.env.example").read_text(encoding="utf-8")
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+):", text))
    assert wanted == set(re.findall(r"^(\w+)=", example, re.M))


def test_the_image_has_a_user_of_its_own_and_all_packages() -> None:
    text = dockerfile()
    assert re.search(r"^USER tmserver$", text, re.M)
    for name in ("tmclient", "tmlib", "tmserver", "workers"):
        assert f"COPY {name}/ {name}/" in text
        assert f"!{name}\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")
