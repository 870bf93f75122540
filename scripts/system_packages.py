"""Install what the machine itself has to bring, where that is possible: Debian or Ubuntu, as root.

Usage: ``system_packages.py [venv] [postgresql] [redis] [chromium] [slurm] [slapd] [shell]``

Whatever is already there is left alone. What cannot be installed is named together with what
that means; this never fails, the tests that need it say again why they are skipped.
Runs before anything else is installed, with nothing but Python's own library.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

KNOWN = ("venv", "postgresql", "redis", "chromium", "slurm", "slapd", "shell")

# /usr/sbin is not on the path of everybody
SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(wanted: list[str]) -> None:
    """Install each of the wanted things that is missing."""
    if unknown := set(wanted) - set(KNOWN):
        raise SystemExit(f"There is no {min(unknown)}; there are: {', '.join(KNOWN)}.")
    if "venv" in wanted:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        install([f"python{version}-venv"], "virtual environments can be created")
    if "postgresql" in wanted and not (os.environ.get("TM_TEST_POSTGRES_URL") or has_postgis()):
        install_postgis()
    if "postgresql" in wanted and shutil.which("pgbouncer") is None:
        install(["pgbouncer"], "the database is used by way of a pooler as well")
    if "redis" in wanted and shutil.which("redis-server") is None:
        install(["redis-server"], "a cluster's queue is tested on a real Redis")
    if "chromium" in wanted and not any(map(shutil.which, BROWSERS)):
        # Ubuntu's package only points to a snap, which needs a running snap service
        install(["chromium"], "the viewer is tested in a real browser")
    if "slurm" in wanted and not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        install(["slurm-wlm", "munge"], "pools of workers are tested on a real Slurm")
    if "slapd" in wanted and shutil.which("slapd", path=SYSTEM_PATH) is None:
        install(["slapd"], "logging in with a directory is tested on a real OpenLDAP")
    missing = [name for name in ("curl", "jq", "rsync") if shutil.which(name) is None]
    if "shell" in wanted and missing:
        install(missing, "the examples of the documentation are run as they stand there")


def has_postgis() -> bool:
    """Whether PostgreSQL with PostGIS is installed, where Debian puts it or on the PATH."""
    if any(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        return any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        return False
    answer = subprocess.run([pg_config, "--sharedir"], capture_output=True, text=True, check=False)
    return Path(answer.stdout.strip(), "extension", "postgis.control").exists()


def install_postgis() -> None:
    """Install the newest PostgreSQL that the distribution has PostGIS for."""
    reason = "everything is tested on PostgreSQL too"
    if not install(["postgresql"], reason):
        return
    found = subprocess.run(
        ["apt-cache", "search", "--names-only", r"^postgresql-[0-9]+-postgis-3$"],
        capture_output=True,
        text=True,
        check=False,
    )
    versions = [int(v) for v in re.findall(r"^postgresql-(\d+)-postgis-3 ", found.stdout, re.M)]
    servers = [int(p.name) for p in Path("/usr/lib/postgresql").iterdir() if p.name.isdecimal()]
    matching = sorted(set(versions) & set(servers))
    if matching:
        install([f"postgresql-{matching[-1]}-postgis-3"], reason)
    else:
        print("There is no PostGIS package for the PostgreSQL of this machine.")


def install(packages: list[str], reason: str) -> bool:
    """Install packages with apt and say what happens; False if that is not possible."""
    names = " ".join(packages)
    prefix = become_root()
    if shutil.which("apt-get") is None or prefix is None:
        print(f"Not installed: {names}. With it {reason}.")
        return False
    print(f"Installing {names}, so that {reason} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt_get = [*prefix, "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    quietly = {"env": environment, "stdout": subprocess.DEVNULL, "check": False}
    subprocess.run([*apt_get, "update"], **quietly)
    command = [*apt_get, "install", "--yes", "--no-install-recommends", *packages]
    outcome = subprocess.run(command, **quietly)
    if outcome.returncode:
        print(f"apt-get could not install {names}.")
    return outcome.returncode == 0


def become_root() -> list[str] | None:
    """What to put before a command to run it as root; None if that takes a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    probe = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if probe.returncode == 0 else None


if __name__ == "__main__":
    main(sys.argv[1:])
