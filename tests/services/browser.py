"""A real Chromium that looks at the viewer."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

WAIT_MILLISECONDS = 60_000

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def browser_page(
    width: int = 1300, height: int = 900, expected: tuple[str, ...] = ()
) -> Iterator[Page]:
    """A page in a new browser; its console must stay without errors but for those expected.

    The browser's own note that somebody is not logged in yet is always allowed.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine: install the package chromium")
    options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )
        try:
            yield page
        finally:
            browser.close()
    left = [error for error in errors if not any(part in error for part in ("401", *expected))]
    assert not left, left


def item(page: Page, name: str) -> Locator:
    """The part of the page with a test id."""
    return page.locator(f'[data-testid="{name}"]')


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Fill in the login form."""
    page.goto(url)
    form = item(page, "login-form")
    form.locator("input[name=username]").fill(user)
    form.locator("input[name=password]").fill(password)
    form.locator("button[type=submit]").click()


def map_picture(page: Page) -> NDArray[np.uint8]:
    """The map when all of it is drawn: red, green and blue of every pixel (y, x, 3)."""
    page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
    image = Image.open(io.BytesIO(item(page, "map").screenshot()))
    return np.asarray(image.convert("RGB"))
