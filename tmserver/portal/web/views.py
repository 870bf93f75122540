"""Pages of the catalogue: a list with a search, and one for each deposition, dataset and run."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from flask import Response
from pydantic import Field
from sqlalchemy.engine import Connection

from tmlib.portal import citation
from tmlib.portal.addresses import Place
from tmlib.portal.browsing import AT_ONCE, DATASETS_AT_ONCE, RUNS_AT_ONCE, Browser, Rows, Search
from tmlib.portal.citation import Work
from tmlib.portal.files import FileStore
from tmlib.portal.named_files import contrasts, files_of, has_files, published
from tmserver.access import Access
from tmserver.http.documentation import declare_document
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text
from tmserver.neuroglancer.published import PUBLISHED
from tmserver.portal.web import downloads, rendering, viewers
from tmserver.portal.web.downloads import ListedFile
from tmserver.portal.web.viewers import Viewers
from tmserver.portal.web.works import reading, store, top, work_of_dataset, work_of_deposition

_HTML = "text/html"
_HOUR = 3600

Part = Annotated[int, Field(ge=1, le=100_000, examples=[1])]
"""The number of a part of a list, counted from one."""

Words = Annotated[Text, Field(max_length=200, examples=["yeast"])]


class SearchQuery(Schema):
    """What datasets are looked for."""

    q: Words = ""
    organism: Words = ""
    object: Words = ""
    page: Part = 1


class PartQuery(Schema):
    """Which part of a list is shown."""

    page: Part = 1


routes = Routes("pages of the catalogue")

declare_document(routes, "/catalogue/openapi.json")


@routes.get(
    "/catalogue",
    "/catalogue/",
    permits="public",
    raises=(503,),
    success=(200, 304),
    media=(_HTML,),
)
def search_catalogue(access: Access, query: SearchQuery) -> Response:
    """Get the page that lists datasets, the newest first, and looks for some."""
    search = Search(query.q, query.organism, query.object)
    with reading(access) as connection:
        found = Browser(connection).search(search, query.page)
    given = {"q": query.q, "organism": query.organism, "object": query.object}
    return rendering.page(
        "search.html", search=search, found=found, **_pages(query.page, found.total, AT_ONCE, given)
    )


@routes.get("/catalogue/style.css", permits="public", media=("text/css",))
def get_style(access: Access) -> Response:
    """Get what the pages look like."""
    response = Response(rendering.STYLE.read_bytes(), mimetype="text/css")
    response.headers["Cache-Control"] = f"max-age={_HOUR}"
    return response


@routes.get(
    "/catalogue/depositions/<deposition_id>",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_HTML,),
)
def get_deposition_page(access: Access, deposition_id: int, query: PartQuery) -> Response:
    """Get the page of a deposition with a part of its datasets, or of its withdrawal."""
    with reading(access) as connection:
        content = Browser(connection).deposition(deposition_id, query.page)
        pictures = _pictures(connection, [content.deposition])
    return rendering.page(
        "deposition.html",
        content=content,
        picture=pictures.get(deposition_id),
        **_cited(work_of_deposition(content)),
        **_pages(query.page, content.n_datasets, DATASETS_AT_ONCE, {}),
    )


@routes.get(
    "/catalogue/datasets/<dataset_id>",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_HTML,),
)
def get_dataset_page(access: Access, dataset_id: int, query: PartQuery) -> Response:
    """Get the page of a dataset, with a part of its runs."""
    with reading(access) as connection:
        content = Browser(connection).dataset(dataset_id, query.page)
        folder = Place.of(content.dataset["s3_prefix"])
        is_here = folder is not None and has_files(connection, folder)
        pictures = _pictures(connection, [content.dataset])
    return rendering.page(
        "dataset.html",
        content=content,
        folder=folder,
        commands=downloads.commands("Dataset", dataset_id, folder, top(), is_here),
        picture=pictures.get(dataset_id),
        **_cited(work_of_dataset(content)),
        **_pages(query.page, content.n_runs, RUNS_AT_ONCE, {}),
    )


@routes.get(
    "/catalogue/runs/<run_id>",
    permits="public",
    raises=(404, 410, 503),
    success=(200, 304),
    media=(_HTML,),
)
def get_run_page(access: Access, run_id: int) -> Response:
    """Get the page of a run, with its files."""
    with reading(access) as connection:
        content = Browser(connection).run(run_id)
        folder = Place.of(content.run["s3_prefix"])
        is_here = folder is not None and has_files(connection, folder)
        files = downloads.listed(connection, files_of(content, store()), store())
        pictures = _pictures(connection, content.rows["Tomogram"])
        shown = _viewers(access, connection, files)
    return rendering.page(
        "run.html",
        content=content,
        folder=folder,
        files=files,
        are_files_cut=bool(content.cut - {"IdentifiedObject"}),
        viewers=shown,
        napari=viewers.napari(files),
        pictures=pictures,
        commands=downloads.commands("Run", run_id, folder, top(), is_here),
    )


def _viewers(access: Access, connection: Connection, files: Sequence[ListedFile]) -> Viewers:
    """What shows files."""
    settings = access.settings
    images = {one.file.place for one in files if one.is_image and one.is_here and one.file.place}
    return Viewers(
        settings.neuroglancer_url,
        settings.vizarr_url,
        f"{top()}{PUBLISHED}",
        contrasts(connection, FileStore(settings.data_dir), images),
    )


def _cited(work: Work) -> dict[str, Any]:
    """How something is cited."""
    return {
        "work": work,
        "reference": citation.plain_text(work),
        "described": citation.schema_org(work),
    }


def _pictures(connection: Connection, rows: Rows) -> dict[int, str]:
    """Relative addresses of pictures that this server has, by ids of rows; no other is asked."""
    named = [
        (row["id"], place)
        for row in rows
        for column in ("key_photo_thumbnail_url", "key_photo_url")
        if (place := Place.at(row[column], store()))
    ]
    here = published(connection, {place for _, place in named})
    # the one in full size comes last, and counts
    return {
        number: f"{rendering.root()}s3/{place.bucket}/{place.key}"
        for number, place in named
        if place in here
    }


def _pages(page: int, total: int, at_once: int, given: Mapping[str, str]) -> dict[str, Any]:
    """Links to the parts before and after one."""
    n_pages = max(1, math.ceil(total / at_once))
    kept = {name: value for name, value in given.items() if value}

    def link(number: int) -> str | None:
        return f"?{urlencode({**kept, 'page': number})}" if 1 <= number <= n_pages else None

    return {"page": page, "n_pages": n_pages, "before": link(page - 1), "after": link(page + 1)}
