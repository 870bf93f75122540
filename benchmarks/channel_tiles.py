"""Tiles of a channel over HTTP: against their pixel work, `send_file` and large_image.

The map is cells of 16 bit. Pixel work is to read a tile from the mosaic and to encode it, in this
process. Times over HTTP are of the server's process; it has one, and so has the bare Flask
application that sends the same bytes from files. large_image makes tiles of the same pixels from
a tiled TIFF, in its own process and without HTTP.
"""

import http.client
import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.maps import WINDOW, ChannelMap, add_map, cells
from benchmarks.serving import FILES, Server, laboratory, served
from benchmarks.timing import print_header, print_row, seconds
from tmlib.images.mosaics import read_tile
from tmlib.images.tiles import lossless_tile, render_tile
from tmserver.api.tiles import TileFormat

LARGE_IMAGE = "LARGE_IMAGE_PYTHON"
"""Environment variable: the Python of an environment in which large_image is installed."""

_SIZE = 4096
_SIDE = 8  # tiles in a row, of as many rows
_REPEATED = 8  # small answers take less than the clock can tell
_PLACES = [(x, y) for y in range(_SIDE) for x in range(_SIDE)]
_FORMATS: tuple[TileFormat, ...] = ("jpeg", "png16", "png", "webp")

Request = tuple[str, dict[str, str]]

_BARE: list[Request] = [("/", {})]


def main() -> None:
    """Print what tiles cost, and how many unchanged ones are answered."""
    pixels = cells(_SIZE)
    with TemporaryDirectory() as folder, laboratory() as installation:
        shown = add_map(installation, pixels)
        work = {form: seconds(partial(_make_all, shown, form)) for form in _FORMATS}
        peer = _large_image(pixels, Path(folder), shown.deepest)
        with served("tmserver.wsgi:application", installation.environment) as server:
            headers = server.log_in()
            tiles = {form: _requests(shown, form, headers) for form in _FORMATS}
            sizes = {form: _save(server, tiles[form], Path(folder), form) for form in _FORMATS}
            made = {form: _rate(server, tiles[form], 200) for form in _FORMATS}
            unchanged = {
                form: _rate(server, _known(server, tiles[form]) * _REPEATED, 304)
                for form in ("jpeg", "png16")
            }
        with served("benchmarks.serving:bare()", {FILES: folder}) as server:
            bare = _rate(server, _BARE * len(_PLACES) * _REPEATED, 200)
            sent = {form: _rate(server, _files(form) * _REPEATED, 200) for form in _FORMATS}
            known_file = _rate(server, _known(server, _files("jpeg")) * _REPEATED, 304)
    print_header(["tile", "kB", "pixel work", "over HTTP", "ratio", "send_file", "large_image"])
    for form in _FORMATS:
        each, pixel_work = 1 / made[form], work[form] / len(_PLACES)
        durations = [_milliseconds(pixel_work), _milliseconds(each), f"{each / pixel_work:.1f}"]
        others = [_milliseconds(1 / sent[form]), _milliseconds(peer.get(form))]
        print_row([form, f"{sizes[form] / 1000:.1f}", *durations, *others])
    print_header(["answer", "per second", "ratio to bare Flask"])
    for name, rate in {
        "a bare Flask view": bare,
        "`send_file` of a JPEG": sent["jpeg"],
        "the same, unchanged (304)": known_file,
        "a tile as JPEG, unchanged (304)": unchanged["jpeg"],
        "a tile as PNG of 16 bit, unchanged (304)": unchanged["png16"],
    }.items():
        print_row([name, f"{rate:.0f}", f"{rate / bare:.2f}"])


def _milliseconds(duration: float | None) -> str:
    return "" if duration is None else f"{duration * 1000:.2f} ms"


def _make_all(shown: ChannelMap, form: TileFormat) -> None:
    for x, y in _PLACES:
        _make(shown, form, x, y)


def _make(shown: ChannelMap, form: TileFormat, x: int, y: int) -> bytes:
    pixels = read_tile(shown.mosaic, z=shown.deepest, y=y, x=x)
    if pixels is None:
        raise AssertionError("the map has a hole")
    return lossless_tile(pixels) if form == "png16" else render_tile(pixels, *WINDOW, form)


def _requests(shown: ChannelMap, form: TileFormat, headers: dict[str, str]) -> list[Request]:
    """Requests for tiles of the innermost zoom level, at the address that the layer tells."""
    more = f"&z={shown.deepest}&version={shown.version}&format={form}"
    return [(f"{shown.address}?x={x}&y={y}{more}", headers) for x, y in _PLACES]


def _files(form: TileFormat) -> list[Request]:
    return [(f"/files/{form}{number}", {}) for number in range(len(_PLACES))]


def _save(server: Server, tiles: list[Request], folder: Path, form: TileFormat) -> float:
    """Keep what is sent in files; gives the mean size."""
    contents = [content for _, content in _answers(server, tiles, 200)]
    for number, content in enumerate(contents):
        (folder / f"{form}{number}").write_bytes(content)
    return float(np.mean([len(content) for content in contents]))


def _known(server: Server, requests: list[Request]) -> list[Request]:
    """The requests of somebody who has all the answers already."""
    tags = [headers["ETag"] for headers, _ in _answers(server, requests, 200)]
    return [
        (path, {**headers, "If-None-Match": tag})
        for (path, headers), tag in zip(requests, tags, strict=True)
    ]


def _rate(server: Server, requests: list[Request], status: int) -> float:
    """Requests for every second of processor time that the server's process takes."""
    ask: Callable[[], object] = partial(_answers, server, requests, status)
    ask()
    return len(requests) / server.seconds(ask, with_client=False)


def _answers(
    server: Server, requests: list[Request], status: int
) -> list[tuple[http.client.HTTPMessage, bytes]]:
    """Headers and content of answers, which come one after the other over one connection."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    found = []
    for path, headers in requests:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found.append((answer.headers, answer.read()))
        if answer.status != status:
            raise SystemExit(f"{path}: {answer.status} {found[-1][1]!r}")
    connection.close()
    return found


def _large_image(pixels: NDArray[np.uint16], folder: Path, deepest: int) -> dict[str, float]:
    """Seconds that large_image takes for a tile in each format; nothing if it is not there."""
    python = os.environ.get(LARGE_IMAGE)
    if not python:
        print(
            "\nlarge_image is left out: install it in an environment of its own (README.md) and "
            f"give the path of that environment's Python in {LARGE_IMAGE}."
        )
        return {}
    path = folder / "pyramid.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(deepest + 1):
            writer.write(pixels, tile=(256, 256), compression="zlib", photometric="minisblack")
            halves = pixels.reshape(len(pixels) // 2, 2, len(pixels) // 2, 2)
            pixels = halves.mean((1, 3)).round().astype(np.uint16)
    program = Path(__file__).parent / "programs" / "large_image_tiles.py"
    command = [python, str(program), str(path), str(deepest), str(len(_PLACES))]
    command += map(str, WINDOW)
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    results: dict[str, float] = json.loads(done.stdout)
    return results


if __name__ == "__main__":
    main()
