"""Neuroglancer, as its authors publish it, on a page that is served here."""

import fcntl
import functools
import io
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page

from tests.services import environments
from tests.services.browser import WAIT_MILLISECONDS

SOURCES = Path(__file__).with_name("neuroglancer_page")
NPM = Path(__file__).parents[2] / "scripts" / "npm.py"
VITE = NPM.parents[1] / "tmserver" / "viewer" / "node_modules" / "vite"
_UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT")


@contextmanager
def served(config: pytest.Config) -> Iterator[str]:
    """The address of Neuroglancer for as long as the context lasts.

    The package is installed and built once, and kept for later runs of the tests.
    """
    if not VITE.is_dir():
        pytest.skip("vite is missing: run make setup")
    folder = environments.or_skip(lambda: _built(config.cache.mkdir("neuroglancer")))
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def wait_until_drawn(page: Page) -> list[dict[str, Any]]:
    """The layers when all that can be seen of them is drawn, none of which may have failed."""
    page.wait_for_function("neuroglancer.isDrawn()", timeout=WAIT_MILLISECONDS)
    layers: list[dict[str, Any]] = page.evaluate("neuroglancer.layers()")
    assert [one["errors"] for one in layers] == [[] for _ in layers]
    chunks = page.evaluate("neuroglancer.chunks()")
    assert chunks["drawn"] > 0
    assert chunks["failed"] == 0
    return layers


def picture(page: Page) -> NDArray[np.uint8]:
    """What is seen of the layers: red, green and blue of every pixel (y, x, 3)."""
    content = page.locator(".neuroglancer-rendered-data-panel").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the library
        """Print nothing."""


def _built(folder: Path) -> Path:
    sources = sorted(path for path in SOURCES.rglob("*") if path.is_file())
    wanted = "\n".join(path.read_text() for path in sources)
    built = folder / "built"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.is_file() or built.read_text() != wanted:
            page = folder / "page"
            shutil.copytree(SOURCES, page, dirs_exist_ok=True)
            _npm("--prefix", page, "install", "--ignore-scripts", "--no-audit", "--no-fund")
            _npm("exec", "--", "vite", "build", "--config", page / "vite.config.js")
            built.write_text(wanted)
    return folder / "page" / "dist"


def _npm(*arguments: str | Path) -> None:
    command = [sys.executable, NPM, *arguments]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode:
        if any(word in outcome.stderr for word in _UNREACHABLE):
            raise environments.RegistryUnreachable("The registry of npm cannot be reached.")
        raise RuntimeError(f"npm failed:\n{outcome.stdout}\n{outcome.stderr}")
