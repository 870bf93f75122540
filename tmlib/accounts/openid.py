"""Asks a provider of OpenID Connect who somebody is: by way of their browser, with a code."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any, cast

from authlib.common.security import generate_token, is_secure_transport
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from requests import RequestException, Response

from tmlib.accounts.external import OIDC, ExternalPerson
from tmlib.digests import digest_of
from tmlib.errors import BadInput, NotLoggedIn, Unavailable
from tmlib.settings import Settings

CLOCKS_DIFFER_BY = 120
"""Seconds that the provider's clock may be apart."""

# of those that only the provider can make: none with a key that both know
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_AT_ONCE = 4  # of the threads of a web server, which all wait if the provider does not answer
_MOST_BYTES = 2**20
_PIECE = 2**13
_METADATA = "/.well-known/openid-configuration"
_KEPT_SECONDS = 3600.0  # what the provider tells of itself
_NEW_KEYS_SECONDS = 10.0  # at least between two looks for keys that are not known yet

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What a browser that was sent to the provider must bring back, and what shows that.

    Attributes
    ----------
    state
        Comes back with the code.
    nonce
        Comes back in what the provider signs.
    verifier
        Shows the provider that the code is asked about by who has sent the browser (PKCE).
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Question":
        """One that nobody can guess."""
        return cls(generate_token(32), generate_token(32), generate_token(64))


class OpenIdProvider:
    """The provider that the settings name.

    Parameters
    ----------
    settings
        With ``oidc_issuer``.

    Raises
    ------
    BadInput
        If the settings do not fit together.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.oidc_client_id is None or settings.oidc_redirect_uri is None:
            raise BadInput(
                "With TM_OIDC_ISSUER set TM_OIDC_CLIENT_ID and TM_OIDC_REDIRECT_URI, which "
                "the provider knows this server by."
            )
        self._issuer = str(settings.oidc_issuer).rstrip("/")
        for address in (self._issuer, settings.oidc_redirect_uri):
            if not is_secure_transport(address):
                raise BadInput(
                    f'"{address}" is not encrypted: TM_OIDC_ISSUER and TM_OIDC_REDIRECT_URI '
                    "need https://, but on this machine itself."
                )
        self._settings = settings
        self._secret = settings.oidc_secret
        self._room = BoundedSemaphore(_AT_ONCE)
        self._lock = Lock()
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    @classmethod
    def of(cls, settings: Settings) -> "OpenIdProvider | None":
        """The provider, if the settings name one."""
        return None if settings.oidc_issuer is None else cls(settings)

    def address(self, question: Question) -> str:
        """Where a browser is to go to answer a question.

        Raises
        ------
        Unavailable
            If the provider cannot be asked.
        """
        with self._session() as session:
            address, _ = session.create_authorization_url(
                self._endpoint(session, "authorization_endpoint"),
                state=question.state,
                nonce=question.nonce,
                code_verifier=question.verifier,
            )
            return str(address)

    def answer(self, question: Question, code: str) -> ExternalPerson:
        """Who has brought a code back as the answer to a question.

        Raises
        ------
        NotLoggedIn
            If the provider does not vouch for anybody.
        Unavailable
            If it cannot be asked.
        """
        with self._session() as session:
            try:
                token = session.fetch_token(
                    self._endpoint(session, "token_endpoint"),
                    code=code,
                    code_verifier=question.verifier,
                    allow_redirects=False,
                )
                claims = self._claims(session, token, question.nonce)
            except (OAuthError, JoseError) as error:
                _logger.warning("the provider %s vouches for nobody: %r", self._issuer, error)
                raise NotLoggedIn(
                    "The provider of logins does not confirm who you are: log in again."
                ) from None
        return self._person(claims)

    @contextmanager
    def _session(self) -> Iterator[OAuth2Session]:
        """What asks the provider, which is given up after a while."""
        if not self._room.acquire(timeout=self._settings.oidc_seconds):
            raise Unavailable("Too many wait for the provider of logins: try again in a minute.")
        secret = self._secret
        try:
            with OAuth2Session(
                self._settings.oidc_client_id,
                None if secret is None else secret.get_secret_value(),
                scope=self._settings.oidc_scope,
                redirect_uri=self._settings.oidc_redirect_uri,
                code_challenge_method="S256",
                default_timeout=self._settings.oidc_seconds,
            ) as session:
                session.hooks["response"].append(self._read)
                session.stream = True
                yield session
        except (RequestException, ValueError, KeyError, TypeError) as error:
            _logger.error("the provider %s failed: %r", self._issuer, error)
            raise Unavailable(
                "The provider of logins cannot be asked at the moment: try again in a minute, and "
                "tell an administrator if it stays so."
            ) from None
        finally:
            self._room.release()

    def _read(self, response: Response, *_: Any, **__: Any) -> None:
        """Read an answer, unless it is too long or takes too long."""
        until = time.monotonic() + self._settings.oidc_seconds
        content = bytearray()
        for piece in response.iter_content(_PIECE):
            content += piece
            if len(content) > _MOST_BYTES or time.monotonic() > until:
                response.close()
                raise RequestException("the answer is too long, or takes too long")
        response._content = bytes(content)  # where requests keeps it

    def _endpoint(self, session: OAuth2Session, name: str) -> str:
        address = str(self._metadata(session)[name])
        if not is_secure_transport(address):
            raise ValueError(f"its {name} is not encrypted")
        return address

    def _metadata(self, session: OAuth2Session) -> Mapping[str, Any]:
        """What the provider tells of itself."""
        found = self._fetched(session, self._issuer + _METADATA, _KEPT_SECONDS)
        if str(found["issuer"]).rstrip("/") != self._issuer:
            raise ValueError("it is another provider")
        return found

    def _fetched(
        self, session: OAuth2Session, address: str, kept_seconds: float
    ) -> Mapping[str, Any]:
        """What is at an address, or was a while ago."""
        with self._lock:
            moment, content = self._known.get(address, (0.0, {}))
        if content and time.monotonic() < moment + kept_seconds:
            return content
        response = session.get(address, withhold_token=True, allow_redirects=False)
        response.raise_for_status()
        content = _object(response.json())
        with self._lock:
            self._known[address] = (time.monotonic(), content)
        return content

    def _claims(
        self, session: OAuth2Session, token: Mapping[str, Any], nonce: str
    ) -> dict[str, Any]:
        """What the provider has signed about somebody, and what it tells besides."""
        signed = str(token.get("id_token"))
        address = self._endpoint(session, "jwks_uri")
        try:
            decoded = self._decoded(session, signed, address, _KEPT_SECONDS)
        except InvalidKeyIdError:  # it signs with a new one
            decoded = self._decoded(session, signed, address, _NEW_KEYS_SECONDS)
        options = {
            "iss": {"essential": True, "value": str(self._metadata(session)["issuer"])},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
        }
        known = {
            "nonce": nonce,
            "client_id": self._settings.oidc_client_id,
            "access_token": token.get("access_token"),
        }
        claims = CodeIDToken(decoded.claims, decoded.header, options, known)
        claims.validate(leeway=CLOCKS_DIFFER_BY)
        if "userinfo_endpoint" not in self._metadata(session):
            return dict(claims)
        response = session.get(self._endpoint(session, "userinfo_endpoint"), allow_redirects=False)
        response.raise_for_status()
        told = _object(response.json())
        if told.get("sub") != claims["sub"]:
            raise OAuthError("the provider tells of somebody else")
        return {**told, **claims}

    def _decoded(
        self, session: OAuth2Session, signed: str, address: str, kept_seconds: float
    ) -> jwt.Token:
        keys = self._fetched(session, address, kept_seconds)
        return jwt.decode(
            signed, KeySet.import_key_set(cast(KeySetSerialization, keys)), algorithms=_ALGORITHMS
        )

    def _person(self, claims: Mapping[str, Any]) -> ExternalPerson:
        settings = self._settings
        name, email = claims.get(settings.oidc_name_claim), claims.get("email")
        if not isinstance(name, str):
            raise NotLoggedIn(
                f'The provider of logins does not tell what you are called ("'
                f'{settings.oidc_name_claim}"): tell an administrator.'
            )
        # another provider may call somebody else the same
        subject = digest_of(f"{self._issuer} {claims['sub']}")
        verified = claims.get("email_verified")  # of some providers a text
        is_known = isinstance(email, str) and (verified is True or verified == "true")
        groups = None
        if settings.oidc_groups_claim is not None:
            told = claims.get(settings.oidc_groups_claim)
            groups = [str(one) for one in told] if isinstance(told, list) else []
        return ExternalPerson(
            origin=OIDC,
            subject=subject,
            name=name,
            email=str(email) if is_known else None,
            groups=groups,
        )


def _object(content: object) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError("it does not answer with an object")
    return content
