"""A provider of OpenID Connect of the tests' own, made of Authlib's parts for providers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, Response, abort, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "tmserver", "the secret of the client"
REDIRECT_URI = "https://tmserver.example/auth/oidc/callback"


@dataclass
class Code(AuthorizationCodeMixin):
    """What a browser brings back, and what it stands for."""

    redirect_uri: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return "openid profile email"

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time


class Client(ClientMixin):
    """The server that is tested."""

    id_token_signed_response_alg = "RS256"

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self._provider.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Provider:
    """A provider at which one person is logged in, with these claims.

    Attributes
    ----------
    signed
        Claims that are put into what it signs, in place of the true ones.
    told
        Claims that it tells besides.
    keys
        The keys that it says are its own.
    key
        The one that it signs with.
    redirect_uri
        Where it sends browsers back to.
    """

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    signed: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: _new_key())
    codes: dict[str, Code] = field(default_factory=dict)
    is_broken: bool = False
    redirect_uri: str = REDIRECT_URI

    def change_key(self, *, is_told: bool) -> None:
        """Sign with another key from now on, which the provider tells of or not."""
        self.key = _new_key()
        self.keys = [self.key] if is_told else self.keys

    def visit(self, address: str) -> dict[str, str]:
        """What the browser of the person brings back from an address."""
        answer = requests.get(address, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        location = answer.headers["Location"]
        assert location.startswith(REDIRECT_URI)
        return dict(parse_qsl(urlsplit(location).query))


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers on this machine."""
    app = Flask("provider")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    provider.keys = [provider.key]
    _serve(app, provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _serve(app: Flask, provider: Provider) -> None:
    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            names = ("redirect_uri", "nonce", "code_challenge", "code_challenge_method")
            provider.codes[code] = Code(**{name: request.payload.data.get(name) for name in names})

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            provider.codes.clear()

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return provider.claims

    class Signing(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
            return user

        def encode_id_token(self, token: Any, request: Any) -> str:
            now = int(time.time())
            claims = {
                "iss": provider.url,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 300,
                "nonce": request.authorization_code.nonce,
                "sub": provider.claims["sub"],
            }
            claims |= provider.signed
            header = {"alg": "RS256", "kid": provider.key.kid}
            return jwt.encode(header, claims, provider.key)

    server = AuthorizationServer(
        app, query_client=lambda _: Client(provider), save_token=lambda token, request: None
    )
    server.register_grant(CodeGrant, [Signing(require_nonce=True), CodeChallenge(required=True)])

    @app.before_request
    def fail() -> None:
        if provider.is_broken:
            abort(500)

    @app.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        paths = {
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "userinfo_endpoint": "/userinfo",
            "jwks_uri": "/keys",
        }
        addresses = {name: provider.url + path for name, path in paths.items()}
        return jsonify({"issuer": provider.url, **addresses})

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(KeySet(list(provider.keys)).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        grant = server.get_consent_grant(end_user=provider.claims)
        return server.create_authorization_response(grant_user=provider.claims, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/userinfo")
    def userinfo() -> Response:
        assert request.headers["Authorization"].startswith("Bearer ")
        return jsonify({**provider.claims, **provider.told})
