"""A directory of the tests' own: OpenLDAP with some users and groups."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap3

from tests.services.postgresql import free_port

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
ROOT = f"cn=admin,{BASE}"
ROOT_PASSWORD = "the password of the server"
PASSWORD = "the password of the directory"
START_SECONDS = 30

_SCHEMA = Path("/etc/ldap/schema")

_CONFIGURATION = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
maxsize 10485760
directory {folder}/data
suffix "{base}"
rootdn "{root}"
rootpw "{password}"
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous none
"""

_ENTRIES = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Institute
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups
"""


class SlapdMissing(Exception):  # noqa: N818 - reads as what it is
    """This machine has no OpenLDAP; the message says how to get one."""


def find_program(name: str) -> str:
    """A program of OpenLDAP's server.

    Raises
    ------
    SlapdMissing
        If there is none.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))
    program = shutil.which(name, path=path)
    if program is None or not _SCHEMA.exists():
        raise SlapdMissing(f"there is no {name} on this machine: install Debian's package slapd")
    return program


class Directory:
    """An OpenLDAP that runs, and what is in it.

    Parameters
    ----------
    port, tls_port
        Where it listens, with StartTLS and with TLS.
    certificate
        Vouches for it.
    """

    def __init__(self, port: int, tls_port: int, certificate: Path) -> None:
        self.url, self.tls_url = f"ldap://127.0.0.1:{port}", f"ldaps://127.0.0.1:{tls_port}"
        self._port = port
        self.certificate = certificate
        self._connection = ldap3.Connection(
            ldap3.Server(self.url, get_info=ldap3.NONE),
            ROOT,
            ROOT_PASSWORD,
            raise_exceptions=True,
        )

    def answers(self) -> bool:
        """Whether it can be asked."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def add_person(self, name: str, mail: str | None = None) -> str:
        """Let there be a user with the password of all; its distinguished name."""
        dn = f"cn={name},{PEOPLE}"
        attributes = {"uid": name, "sn": name, "userPassword": PASSWORD}
        if mail is not None:
            attributes["mail"] = mail
        self._connection.add(dn, "inetOrgPerson", attributes)
        return dn

    def set_group(self, name: str, *members: str) -> None:
        """Let a group have these members, and no others."""
        dn = f"cn={name},{GROUPS}"
        self._connection.search(GROUPS, f"(cn={name})", attributes=ldap3.NO_ATTRIBUTES)
        if self._connection.response:
            self._connection.delete(dn)
        self._connection.add(dn, "groupOfNames", {"member": [ROOT, *members]})

    def change(self, dn: str, **values: str) -> None:
        """Replace attributes of an entry."""
        changes = {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in values.items()}
        self._connection.modify(dn, changes)

    def remove(self, dn: str) -> None:
        """Let an entry be gone."""
        self._connection.delete(dn)

    def open(self) -> None:
        """Log in, to change what is in it."""
        self._connection.bind()

    def close(self) -> None:
        """Ask it no more."""
        self._connection.unbind()


@contextmanager
def running_directory(folder: Path) -> Iterator[Directory]:
    """An OpenLDAP with no users yet, whose files are in a folder.

    Raises
    ------
    SlapdMissing
        If there is none on this machine.
    """
    slapd, slapadd = find_program("slapd"), find_program("slapadd")
    port, tls_port = free_port(), free_port()
    configuration = folder / "slapd.conf"
    (folder / "data").mkdir()
    configuration.write_text(
        _CONFIGURATION.format(
            schema=_SCHEMA, folder=folder, base=BASE, root=ROOT, password=ROOT_PASSWORD
        )
    )
    _certify(folder)
    subprocess.run([slapadd, "-f", str(configuration)], input=_ENTRIES, text=True, check=True)
    addresses = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [slapd, "-f", str(configuration), "-h", addresses, "-d", "0"], stdout=log, stderr=log
        )
    directory = Directory(port, tls_port, folder / "certificate.pem")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not directory.answers():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "OpenLDAP did not start"
            time.sleep(0.02)
        directory.open()
        yield directory
        directory.close()
    finally:
        process.terminate()
        process.wait()


def _certify(folder: Path) -> None:
    """Make a certificate for the address of this machine, and the key to it."""
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=directory"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)
