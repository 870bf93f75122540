"""Run the README's two commands on a machine that has nothing: ``make fresh ARGS="trixie"``.

Makes a minimal Debian in a folder, with what the README asks for and an ordinary user in it,
clones what is committed here, and runs ``make demo`` and ``make test`` there, as root and as that
user. Needs root, debootstrap and the Debian mirror of this machine's own apt. The commands run in
namespaces of their own, so that nothing stays mounted and no process alive, whatever way they end.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RELEASES = ("bookworm", "trixie", "sid")
PACKAGES = ("ca-certificates", "make", "python3", "python3-venv")
USERS = ("root", "newcomer")
NUMBER = 1000

SOURCE = Path(__file__).resolve().parent.parent
CERTIFICATES = Path("usr/local/share/ca-certificates")

# what says how the network is reached, in the environment and to apt
PASSED = re.compile(r"(PIP_.*|NPM_CONFIG_.*|.*_PROXY|.*_CA_(CERTS|BUNDLE)|SSL_CERT_FILE)", re.I)
APT_PASSED = re.compile(r"Acquire::.*(Proxy|CaInfo|Verify).*", re.I)

# refuses the start of services, which Debian's packages want when they are installed
NO_SERVICES = "#!/bin/sh\nexit 101\n"

ENTER = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/dev/shm"
shift
exec "$@"
"""


def main(arguments: list[str]) -> int:
    """Make the machines and run the commands; 0 if all of them ended well."""
    options = parse(arguments)
    missing = [name for name in ("debootstrap", "unshare", "git") if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        print(f"A fresh machine can only be made by root, with debootstrap; missing: {missing}.")
        return 2
    outcomes: list[tuple[str, bool]] = []
    for release in options.release:
        with_release = options.folder / release
        make_machine(with_release, release)
        for user in options.user or USERS:
            home = clone(with_release, user)
            for target in [options.only] if options.only else ["demo", "test"]:
                given = "--exit --port 0" if target == "demo" else options.tests
                command = ["make", target, f"ARGS={given}"]
                outcomes.append(run(with_release, user, home, command))
                if target == "demo" and not outcomes[-1][1]:
                    break
            if not options.keep:
                shutil.rmtree(home / "tmserver")
        if not options.keep:
            shutil.rmtree(with_release)
    for text, is_good in outcomes:
        print(f"{'good' if is_good else 'BAD ':<5} {text}")
    return 0 if all(is_good for _, is_good in outcomes) else 1


def parse(arguments: list[str]) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(prog="fresh_machine.py", description=__doc__)
    parser.add_argument("release", nargs="+", choices=RELEASES, help="Debian's releases")
    parser.add_argument(
        "--user", action="append", choices=USERS, help="only as this user, not as both"
    )
    parser.add_argument("--only", choices=("demo", "test"), help="only this of the two commands")
    parser.add_argument("--tests", default="", help="arguments of pytest, as in make test ARGS=...")
    parser.add_argument("--keep", action="store_true", help="leave the machine in its folder")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tmserver-fresh",
        help="where machines are made; one that is there is used again",
    )
    return parser.parse_args(arguments)


def make_machine(folder: Path, release: str) -> None:
    """Install a minimal Debian, unless it is there already."""
    if (folder / "made").exists():
        print(f"The machine in {folder} is used again.", flush=True)
        return
    print(f"Making a machine with {release} in {folder} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = f"--include={','.join(PACKAGES)}"
    command = ["debootstrap", "--variant=minbase", packages, release, str(folder), mirror()]
    with tempfile.TemporaryFile("w+") as output:
        outcome = subprocess.run(command, stdout=output, stderr=output, check=False)
        if outcome.returncode:
            output.seek(0)
            sys.exit(f"debootstrap failed:\n{output.read()[-3000:]}")
    for file in ("etc/resolv.conf", "etc/hosts"):
        shutil.copyfile(Path("/", file), folder / file)
    (folder / "etc/apt/apt.conf.d/99network").write_text("".join(apt_settings()))
    service_policy = folder / "usr/sbin/policy-rc.d"
    service_policy.write_text(NO_SERVICES)
    service_policy.chmod(0o755)
    shutil.copytree(Path("/", CERTIFICATES), folder / CERTIFICATES, dirs_exist_ok=True)
    subprocess.run(
        ["chroot", folder, "update-ca-certificates"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    with (folder / "etc/passwd").open("a") as users:
        users.write(f"newcomer:x:{NUMBER}:{NUMBER}::/home/newcomer:/bin/bash\n")
    with (folder / "etc/group").open("a") as groups:
        groups.write(f"newcomer:x:{NUMBER}:\n")
    (folder / "made").touch()


def mirror() -> str:
    """The Debian mirror that this machine's apt is configured for."""
    for file in [*sorted(Path("/etc/apt").glob("sources.list.d/*")), Path("/etc/apt/sources.list")]:
        if file.is_file():
            lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
            found = re.search(r"https?://\S+/debian/?(?=\s|$)", "\n".join(lines))
            if found:
                return found[0]
    return "http://deb.debian.org/debian"


def apt_settings() -> Iterator[str]:
    """How apt reaches its mirror from here."""
    shown = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    for line in shown.stdout.splitlines():
        if APT_PASSED.match(line):
            yield f"{line}\n"


def clone(machine: Path, user: str) -> Path:
    """Give a user what is committed here; gives the user's home."""
    home = machine / ("root" if user == "root" else f"home/{user}")
    target = home / "tmserver"
    shutil.rmtree(target, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(SOURCE), str(target)], check=True
    )
    if user != "root":
        subprocess.run(["chown", "-R", f"{NUMBER}:{NUMBER}", str(home)], check=True)
    return home


def environment(machine: Path, home: str) -> dict[str, str]:
    """A login's environment, with what says how the network is reached.

    Files that it names are copied to the same place. Folders that it names are not there.
    """
    passed = {
        "HOME": home,
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
    }
    for name, value in os.environ.items():
        if not PASSED.fullmatch(name):
            continue
        outer = Path(value)
        if outer.is_absolute() and outer.exists():
            inner = machine / value.lstrip("/")
            if outer.is_dir():
                continue
            if not inner.exists():
                inner.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(outer, inner)
        passed[name] = value
    return passed


def run(machine: Path, user: str, home: Path, command: list[str]) -> tuple[str, bool]:
    """Run a command in the user's clone; gives what was run where, and whether it ended well."""
    text = f"{machine.name}, {user}: {shlex.join(command)}"
    print(f"\n=== {text}", flush=True)
    inner_home = f"/{home.relative_to(machine)}"
    number = 0 if user == "root" else NUMBER
    started = time.monotonic()
    outcome = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("sh", "-c", ENTER, "enter", str(machine)),
            *("chroot", f"--userspec={number}:{number}", str(machine)),
            *("sh", "-c", 'cd "$HOME/tmserver" && exec "$@"', "run", *command),
        ],
        env=environment(machine, inner_home),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    minutes = (time.monotonic() - started) / 60
    return f"{text} ({minutes:.0f} min)", outcome.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
