"""Logging in to the web application by way of a provider of OpenID Connect."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from werkzeug.serving import make_server

from tests.services.browser import accessibility_findings, browser_page, item
from tests.services.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tmlib.db import Database
from tmlib.settings import Settings
from tmserver.application import create_app


@contextmanager
def served(settings: Settings, provider: Provider) -> Iterator[str]:
    """The address of a web server that knows the provider, and is known to it."""
    server = make_server("127.0.0.1", 0, lambda *request: app(*request), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    provider.redirect_uri = f"{url}/auth/oidc/callback"
    known = {
        "oidc_issuer": provider.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_redirect_uri": provider.redirect_uri,
        "oidc_title": "the institute",
    }
    app = create_app(settings.model_copy(update=known))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield url
    finally:
        app.extensions["tmserver"].live.close()
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["tmserver"].database.close()


def test_a_button_leads_to_the_provider_and_back(settings: Settings, database: Database) -> None:
    with running_provider() as provider, served(settings, provider) as url, browser_page() as page:
        provider.claims = {"sub": "1", "preferred_username": "noor"}
        page.goto(f"{url}/?account")
        button = item(page, "login-provider")
        assert button.inner_text() == "Log in with the institute"
        assert accessibility_findings(page) == []
        button.click()
        # back to the page that was asked for
        item(page, "account").wait_for()
        page.get_by_text("noor").first.wait_for()
        assert page.url == f"{url}/?account"
        page.goto(url)
        item(page, "experiment-list").wait_for()
        assert page.url == f"{url}/"
