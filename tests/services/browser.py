"""A real Chromium that looks at the viewer."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from tmserver import pages

WAIT_MILLISECONDS = 120_000

# a slow machine is no failure
expect.set_options(timeout=WAIT_MILLISECONDS)

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

_AXE = Path(pages.__file__).parent / "viewer" / "node_modules" / "axe-core" / "axe.min.js"

_stack = ExitStack()
_browsers: list[Browser] = []


@contextmanager
def browser_page(
    width: int = 1300, height: int = 900, expected: tuple[str, ...] = ()
) -> Iterator[Page]:
    """A page with a session of its own; its console stays without errors but for those expected.

    The browser's own note that somebody is not logged in yet is always allowed.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine: install the package chromium")
    errors: list[str] = []
    page = _started(program).new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    try:
        yield page
    finally:
        # with the cookies and the storage that only it has
        page.context.close()
    left = [error for error in errors if not any(part in error for part in ("401", *expected))]
    assert not left, left


def _started(program: str) -> Browser:
    """The browser of this process, the same one for all tests."""
    if not _browsers:
        options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        playwright = _stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=program, args=options)
        _stack.callback(browser.close)
        _browsers.append(browser)
    return _browsers[0]


def close() -> None:
    """End the browser of this process."""
    _browsers.clear()
    _stack.close()


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


def accessibility_findings(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is, of any rank, in light and in dark."""
    if not _AXE.is_file():
        pytest.skip("axe-core is missing: run make setup")
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(_AXE.read_text(encoding="utf-8"))
        result = page.evaluate("axe.run()")
        found += [
            f"{scheme}: {violation['id']}: {node['html']} {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]
    return found


@dataclass
class Held:
    """Requests that wait; those that come after their release do not."""

    routes: list[Route] = field(default_factory=list)
    is_over: bool = False

    def take(self, route: Route) -> None:
        if self.is_over:
            route.continue_()
        else:
            self.routes.append(route)

    def release(self) -> None:
        self.is_over = True
        for route in self.routes:
            route.continue_()


def hold(page: Page, pattern: str) -> Held:
    """Let requests wait from now on."""
    held = Held()
    page.route(pattern, lambda route: held.take(route))
    return held


def draw_twice(page: Page) -> None:
    """Wait until what comes of an answer that has arrived is done, and the page drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def map_picture(page: Page) -> NDArray[np.uint8]:
    """The map when all of it is drawn: red, green and blue of every pixel (y, x, 3)."""
    drawn = page.locator('[data-testid=map][data-tiles-pending="0"]')
    # what was changed just now is drawn in one of the next frames
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    while True:
        drawn.wait_for()
        # what told that tiles were loading fades away
        content = item(page, "map").screenshot(animations="disabled")
        if drawn.count():
            return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
