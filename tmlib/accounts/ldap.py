"""Asks a directory by LDAP whether a name and a password belong together, and who that is."""

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import Any, Literal

import ldap3
from ldap3.core import exceptions
from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED, RESULT_SUCCESS
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from tmlib.accounts.external import LDAP, MOST_GROUPS, ExternalPerson
from tmlib.accounts.service import MAX_PASSWORD_LENGTH, WRONG, check_name
from tmlib.errors import BadInput, NotLoggedIn, Unavailable
from tmlib.settings import Settings

_AT_ONCE = 4  # of the threads of a web server, which all wait if the directory does not answer

# what a directory says to a wrong name or password, and to an account that it has locked
_REFUSALS = (
    exceptions.LDAPInvalidCredentialsResult,
    exceptions.LDAPNoSuchObjectResult,
    exceptions.LDAPInvalidDNSyntaxResult,
    exceptions.LDAPInappropriateAuthenticationResult,
    exceptions.LDAPUnwillingToPerformResult,
    exceptions.LDAPConstraintViolationResult,
    exceptions.LDAPInsufficientAccessRightsResult,
)

_logger = logging.getLogger(__name__)


class LdapDirectory:
    """The directory that the settings name.

    Parameters
    ----------
    settings
        With ``ldap_url``.

    Raises
    ------
    BadInput
        If the settings do not fit together.
    """

    def __init__(self, settings: Settings) -> None:
        if (settings.ldap_user_base is None) == (settings.ldap_user_dn is None):
            raise BadInput(
                "With TM_LDAP_URL set either TM_LDAP_USER_BASE, below which users are searched, or "
                "TM_LDAP_USER_DN, which makes their names, and not both."
            )
        if settings.ldap_user_dn is not None and "ldap_user_filter" in settings.model_fields_set:
            raise BadInput(
                "TM_LDAP_USER_FILTER is for users that are searched, and says nothing of those "
                "whose names TM_LDAP_USER_DN makes: leave it out, or set TM_LDAP_USER_BASE instead "
                "of TM_LDAP_USER_DN."
            )
        password = settings.ldap_password
        if (settings.ldap_bind_dn is None) != (password is None):
            raise BadInput(
                "Set TM_LDAP_BIND_DN together with TM_LDAP_BIND_PASSWORD or "
                "TM_LDAP_BIND_PASSWORD_FILE, or none of them."
            )
        self._settings = settings
        self._password = password
        self._room = BoundedSemaphore(_AT_ONCE)
        ca_file = settings.ldap_ca_file
        try:
            self._tls = ldap3.Tls(
                validate=ssl.CERT_REQUIRED, ca_certs_file=None if ca_file is None else str(ca_file)
            )
        except exceptions.LDAPException:
            raise BadInput(f'TM_LDAP_CA_FILE names "{ca_file}", which cannot be read.') from None

    @classmethod
    def of(cls, settings: Settings) -> "LdapDirectory | None":
        """The directory, if the settings name one."""
        return None if settings.ldap_url is None else cls(settings)

    def authenticate(self, name: str, password: str) -> ExternalPerson:
        """Who has this name and password.

        Raises
        ------
        BadInput
            If the directory has several names for the user.
        NotLoggedIn
            If the directory does not accept them.
        Unavailable
            If it cannot be asked.
        """
        try:
            check_name(name)
        except BadInput:
            raise NotLoggedIn(WRONG) from None
        # a directory takes a login without a password for one that proves nothing, and accepts it
        if not 0 < len(password) <= MAX_PASSWORD_LENGTH:
            raise NotLoggedIn(WRONG)
        if not self._room.acquire(timeout=self._settings.ldap_seconds):
            raise Unavailable("Too many wait for the directory: try again in a minute.")
        try:
            with self._opened() as connection:
                return self._authenticate(connection, name, password)
        except (exceptions.LDAPException, OSError) as error:
            _logger.error("the directory %s failed: %s", self._settings.ldap_url, error)
            raise Unavailable(
                "The directory that knows the users cannot be asked at the moment: try again in a "
                "minute, and tell an administrator if it stays so."
            ) from None
        finally:
            self._room.release()

    @contextmanager
    def _opened(self) -> Iterator[ldap3.Connection]:
        """A connection that is encrypted, unless the settings do without, and not logged in."""
        settings = self._settings
        server = ldap3.Server(
            str(settings.ldap_url),
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=settings.ldap_seconds,
        )
        connection = ldap3.Connection(
            server,
            raise_exceptions=True,
            read_only=True,
            auto_referrals=False,
            check_names=False,
            receive_timeout=settings.ldap_seconds,
        )
        try:
            connection.open(read_server_info=False)
            if settings.ldap_encryption == "required" and not server.ssl:
                connection.start_tls(read_server_info=False)
            yield connection
        finally:
            with suppress(exceptions.LDAPException, OSError):
                connection.unbind()
            if connection.socket is not None:  # what could not be opened is left so
                connection.socket.close()

    def _authenticate(
        self, connection: ldap3.Connection, name: str, password: str
    ) -> ExternalPerson:
        settings = self._settings
        if settings.ldap_user_dn is None:
            self._log_in(connection)
            dn = self._find(connection, name)
        else:
            dn = settings.ldap_user_dn.replace("{name}", escape_rdn(name))
        try:
            _bind(connection, dn, password)
        except _REFUSALS:
            raise NotLoggedIn(WRONG) from None
        if settings.ldap_user_dn is None or settings.ldap_bind_dn is not None:
            self._log_in(connection)
        return self._describe(connection, dn)

    def _log_in(self, connection: ldap3.Connection) -> None:
        """Log in as the server itself, which may look for others."""
        dn, password = self._settings.ldap_bind_dn, self._password
        if dn is None:
            _bind(connection)
        else:
            assert password is not None  # noqa: S101 - checked at the start
            _bind(connection, dn, password.get_secret_value())

    def _find(self, connection: ldap3.Connection, name: str) -> str:
        """The distinguished name of the one user of this name."""
        base = str(self._settings.ldap_user_base)
        query = _filled(self._settings.ldap_user_filter, name=name)
        found = self._search(
            connection, base, query, ldap3.NO_ATTRIBUTES, limit=2, may_be_more=True
        )
        if len(found) != 1:
            if found:
                _logger.warning("the directory has several users %r: none gets in", name)
            raise NotLoggedIn(WRONG)
        return str(found[0]["dn"])

    def _describe(self, connection: ldap3.Connection, dn: str) -> ExternalPerson:
        settings = self._settings
        attributes = [settings.ldap_name_attribute, settings.ldap_email_attribute]
        found = self._search(
            connection, dn, "(objectClass=*)", attributes, limit=1, scope=ldap3.BASE
        )
        names, addresses = (
            [value for entry in found for value in _values(entry, attribute)]
            for attribute in attributes
        )
        if not names:
            raise exceptions.LDAPException(
                f"the attribute {settings.ldap_name_attribute} of {dn} cannot be read"
            )
        if len(names) > 1:  # of which users may be able to add one, that of somebody else
            _logger.warning("the directory has several names for %s: %r", dn, names)
            raise BadInput(
                f'The directory calls you by several names ("{settings.ldap_name_attribute}"): ask '
                "its administrator to leave one."
            )
        # as the directory writes it: it takes others for the same, of other case for example
        name = names[0]
        return ExternalPerson(
            origin=LDAP,
            subject=name,
            name=name,
            email=min(addresses, default=None),
            groups=self._groups(connection, dn, name),
        )

    def _groups(self, connection: ldap3.Connection, dn: str, name: str) -> list[str] | None:
        settings = self._settings
        if settings.ldap_group_base is None:
            return None
        query = _filled(settings.ldap_group_filter, dn=dn, name=name)
        attribute = settings.ldap_group_name_attribute
        found = self._search(
            connection, settings.ldap_group_base, query, [attribute], limit=MOST_GROUPS
        )
        groups = []
        for entry in found:
            names = _values(entry, attribute)
            if len(names) == 1:
                groups += names
            elif names:
                _logger.warning("the group %s is left out: it has the names %r", entry["dn"], names)
        return groups

    def _search(
        self,
        connection: ldap3.Connection,
        base: str,
        query: str,
        attributes: Sequence[str] | str,
        *,
        limit: int,
        scope: Literal["BASE", "SUBTREE"] = ldap3.SUBTREE,
        may_be_more: bool = False,
    ) -> list[Mapping[str, Any]]:
        """All that is found, or as many as the limit says if there may be more."""
        connection.search(
            base,
            query,
            scope,
            attributes=attributes,
            size_limit=limit,
            time_limit=self._settings.ldap_seconds,
        )
        # what else there may be points to other directories
        found = [one for one in connection.response or () if one["type"] == "searchResEntry"]
        code = connection.result["result"]
        is_enough = may_be_more and code == RESULT_SIZE_LIMIT_EXCEEDED and len(found) >= limit
        if code != RESULT_SUCCESS and not is_enough:  # of these, ldap3 only says so
            raise exceptions.LDAPException(
                f'a search below {base} ended with "{connection.result["description"]}" after '
                f"{len(found)} entries"
            )
        return found


def _bind(connection: ldap3.Connection, dn: str | None = None, password: str | None = None) -> None:
    """Log in, as nobody in particular without a name."""
    method = ldap3.ANONYMOUS if dn is None else ldap3.SIMPLE
    # of some answers that are no success, as referrals, ldap3 only says so
    if not connection.rebind(dn, password, method, read_server_info=False):
        raise exceptions.LDAPBindError(f'the answer to a login is "{connection.last_error}"')


def _filled(pattern: str, **values: str) -> str:
    """A filter with values in the places of their names."""
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", escape_filter_chars(value))
    return pattern


def _values(entry: Mapping[str, Any], attribute: str) -> list[str]:
    """The texts that an entry has for an attribute, whose name may be spelled in any case."""
    return [
        value.decode(errors="replace")
        for name, values in entry["raw_attributes"].items()
        if name.lower() == attribute.lower()
        for value in values
    ]
