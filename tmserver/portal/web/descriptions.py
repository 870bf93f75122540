"""What programs read about datasets: BibTeX, Croissant, and lists of files for curl."""

import json
import mimetypes
from collections.abc import Callable, Iterator

from flask import Response

from tmlib.digests import digest_of
from tmlib.errors import NotFound, Unavailable
from tmlib.portal import citation
from tmlib.portal.addresses import Place
from tmlib.portal.browsing import Browser, Row
from tmlib.portal.citation import File
from tmlib.portal.files import FoundFile, files_after, summary_of
from tmlib.portal.named_files import single_files_below
from tmserver.access import Access
from tmserver.http.routing import Routes
from tmserver.portal.web import downloads, rendering
from tmserver.portal.web.works import reading, store, top, work_of_dataset, work_of_deposition

MOST_FILES = 5000
"""Files that a description in Croissant lists."""

_TEXT = "text/plain"
_LINKED_DATA = "application/ld+json"
_FILES_AT_ONCE = 1000

routes = Routes("descriptions of the catalogue")


@routes.get(
    "/catalogue/datasets/<dataset_id>/citation.bib",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_TEXT,),
)
def get_dataset_bibtex(access: Access, dataset_id: int) -> Response:
    """Get an entry of BibTeX for a dataset."""
    with reading(access) as connection:
        content = Browser(connection).dataset(dataset_id)
    return rendering.conditional(citation.bibtex(work_of_dataset(content)), _TEXT)


@routes.get(
    "/catalogue/depositions/<deposition_id>/citation.bib",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_TEXT,),
)
def get_deposition_bibtex(access: Access, deposition_id: int) -> Response:
    """Get an entry of BibTeX for a deposition."""
    with reading(access) as connection:
        content = Browser(connection).deposition(deposition_id)
    return rendering.conditional(citation.bibtex(work_of_deposition(content)), _TEXT)


@routes.get(
    "/catalogue/datasets/<dataset_id>/croissant.json",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_LINKED_DATA,),
)
def get_croissant(access: Access, dataset_id: int) -> Response:
    """Get a description of a dataset and its single files in Croissant, the format for programs."""
    with reading(access) as connection:
        content = Browser(connection).dataset(dataset_id)
        folder = Place.of(content.dataset["s3_prefix"])
        # one more tells whether these are all
        found = single_files_below(connection, folder, MOST_FILES + 1) if folder else []
        listed = found[:MOST_FILES]
        files = (
            [_described(file, f"{store()}/{folder.bucket}") for file in listed] if folder else []
        )
    described = citation.croissant(
        work_of_dataset(content), files, are_all=len(found) == len(files)
    )
    told = json.dumps(described, indent=2, ensure_ascii=False)
    return rendering.conditional(told, _LINKED_DATA)


@routes.get(
    "/catalogue/datasets/<dataset_id>/curl.txt",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_TEXT,),
)
def get_dataset_files(access: Access, dataset_id: int) -> Response:
    """Get what tells curl to get all files of a dataset."""
    return _for_curl(access, lambda browser: browser.dataset(dataset_id).dataset)


@routes.get(
    "/catalogue/runs/<run_id>/curl.txt",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_TEXT,),
)
def get_run_files(access: Access, run_id: int) -> Response:
    """Get what tells curl to get all files of a run."""
    return _for_curl(access, lambda browser: browser.run(run_id).run)


def _described(file: FoundFile, bucket: str) -> File:
    media_type = mimetypes.guess_type(file.key)[0] or "application/octet-stream"
    return File(file.key, f"{bucket}/{file.key}", media_type, file.size, file.digest)


def _for_curl(access: Access, find: Callable[[Browser], Row]) -> Response:
    """What tells curl to get all files of a dataset or a run.

    Raises
    ------
    NotFound
        If this server has none of them.
    """
    with reading(access) as connection:
        folder = Place.of(find(Browser(connection))["s3_prefix"])
        found = summary_of(connection, folder.bucket, folder.key) if folder else None
    if folder is None or found is None or not found.n_files:
        raise NotFound("This server has none of these files: see where the page says they are.")
    form = downloads.curl_lines(folder.bucket, folder.key, top())
    version = digest_of(f"{form}{found.n_files} {found.published_at}".encode())
    parts = _lines(access, folder, found.n_files, top())
    return rendering.conditional_stream(parts, version, _TEXT)


def _lines(access: Access, folder: Place, n_files: int, top: str) -> Iterator[bytes]:
    """Lines for some files after the other; nobody who reads slowly holds a connection.

    Raises
    ------
    Unavailable
        If files come or go meanwhile.
    """
    n_told, after = 0, ""
    while n_told < n_files:
        with reading(access) as connection:
            found = files_after(connection, folder.bucket, folder.key, after, _FILES_AT_ONCE)
        if not found:
            break
        yield "".join(downloads.curl_lines(folder.bucket, file.key, top) for file in found).encode()
        n_told, after = n_told + len(found), found[-1].key
    if n_told != n_files:
        # the answer breaks off, and is not taken for a whole one
        raise Unavailable("The files have changed while they were listed: list them again.")
