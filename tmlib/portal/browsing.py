"""What people look for in the catalogue, and all that is shown of one thing."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.engine import Connection

from tmlib.db import texts
from tmlib.errors import NotFound
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.filters import Where, check_value
from tmlib.portal.importing import LARGEST_ID
from tmlib.portal.models import TABLES
from tmlib.portal.ordering import OrderBy
from tmlib.portal.reading import Reader
from tmlib.portal.withdrawal import check_there

MOST_WORDS = 10
MOST_ORGANISMS = 500
MOST_SHOWN = 500
"""Of the rows of one class that belong to what is shown."""

AT_ONCE = 20
DATASETS_AT_ONCE = 100
"""Of a deposition."""

RUNS_AT_ONCE = 100

Row = Mapping[str, Any]
"""Values by the names of columns."""

Rows = Sequence[Row]


@dataclass(frozen=True)
class Search:
    """What datasets are looked for.

    Attributes
    ----------
    words
        All of which have to be in a text of the dataset, its deposition or its authors.
    organism
        Its name, as it is; empty for all.
    object_name
        A part of the name of what is annotated.
    """

    words: str = ""
    organism: str = ""
    object_name: str = ""

    @property
    def words_left_out(self) -> Sequence[str]:
        """Those which are more than are looked for."""
        return self.words.split()[MOST_WORDS:]


@dataclass(frozen=True)
class Found:
    """A part of the datasets that are found, the newest first.

    Attributes
    ----------
    datasets
        Rows, each with its ``authors``, ``n_authors`` and ``n_runs``.
    total
        How many there are in all parts.
    organisms
        Names of those that the catalogue has.
    has_more_organisms
        Whether these are the first ones alone.
    """

    datasets: Rows
    total: int
    organisms: Sequence[str]
    has_more_organisms: bool


@dataclass(frozen=True)
class DepositionContent:
    """What is shown of a deposition: ``datasets`` is a part, of ``n_datasets``.

    Of the classes in ``cut`` there are more rows than are shown.
    """

    deposition: Row
    authors: Rows
    types: Sequence[str]
    datasets: Rows
    n_datasets: int
    cut: Set[str]


@dataclass(frozen=True)
class DatasetContent:
    """What is shown of a dataset: ``runs`` is a part, of ``n_runs``, and ``objects`` are names.

    Of the classes in ``cut`` there are more rows than are shown, or names of them.
    """

    dataset: Row
    deposition: Row
    authors: Rows
    funding: Rows
    runs: Rows
    n_runs: int
    objects: Sequence[str]
    cut: Set[str]


@dataclass(frozen=True)
class RunContent:
    """What is shown of a run; annotations have their ``files``, and frames are counted.

    Of the classes in ``cut`` there are more rows than are shown.
    """

    run: Row
    dataset: Row
    rows: Mapping[str, Rows]
    n_frames: int
    cut: Set[str]


class Browser:
    """Finds what is shown.

    Parameters
    ----------
    connection
        To the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = Reader(connection)

    def search(self, search: Search, page: int) -> Found:
        """A part of the datasets that are looked for.

        Parameters
        ----------
        search
            What is looked for.
        page
            Which part, counted from one.

        Raises
        ------
        BadInput
            If a text has a character that is none.
        """
        dataset = TABLES["Dataset"].c
        conditions = list(_conditions(search))
        ids = (
            select(dataset.id)
            .where(*conditions)
            .order_by(dataset.release_date.desc(), dataset.id.desc())
            .limit(AT_ONCE)
            .offset((page - 1) * AT_ONCE)
        )
        numbers = list(self._connection.scalars(ids))
        total = select(func.count()).select_from(TABLES["Dataset"]).where(*conditions)
        organisms = (
            select(dataset.organism_name)
            .where(dataset.organism_name.is_not(None))
            .distinct()
            .order_by(dataset.organism_name)
            .limit(MOST_ORGANISMS + 1)
        )
        names = list(self._connection.scalars(organisms))
        return Found(
            self._with_counts(self._rows("Dataset", {"id": {"_in": numbers}}), numbers),
            self._connection.scalar(total) or 0,
            names[:MOST_ORGANISMS],
            len(names) > MOST_ORGANISMS,
        )

    def deposition(self, number: int, page: int = 1) -> DepositionContent:
        """A deposition with a part of its datasets, counted from one.

        Raises
        ------
        NotFound
            If there is none.
        Withdrawn
            If there was one.
        """
        deposition = self._one("Deposition", number)
        of_it: Where = {"depositionId": {"_eq": number}}
        datasets = self._rows("Dataset", of_it, (), DATASETS_AT_ONCE, page)
        dataset = TABLES["Dataset"].c
        n_datasets = select(func.count()).where(dataset.deposition_id == number)
        cut: set[str] = set()
        types = self._first("DepositionType", of_it, cut)
        return DepositionContent(
            deposition,
            self._first("DepositionAuthor", of_it, cut, _IN_ORDER),
            [row["type"] for row in types if row["type"]],
            self._with_counts(datasets, [row["id"] for row in datasets]),
            self._connection.scalar(n_datasets) or 0,
            cut,
        )

    def dataset(self, number: int, page: int = 1) -> DatasetContent:
        """A dataset with a part of its runs, counted from one.

        Raises
        ------
        NotFound
            If there is none.
        Withdrawn
            If there was one.
        """
        dataset = self._one("Dataset", number)
        of_it: Where = {"datasetId": {"_eq": number}}
        run, annotation = TABLES["Run"].c, TABLES["Annotation"].c
        runs = self._rows("Run", of_it, [{"name": "asc"}], RUNS_AT_ONCE, page)
        n_runs = select(func.count()).where(run.dataset_id == number)
        objects = (
            select(annotation.object_name)
            .join(TABLES["Run"], annotation.run_id == run.id)
            .where(run.dataset_id == number)
            .distinct()
            .order_by(annotation.object_name)
            .limit(MOST_SHOWN + 1)
        )
        names = list(self._connection.scalars(objects))
        cut = {"Annotation"} if len(names) > MOST_SHOWN else set()
        return DatasetContent(
            dataset,
            self._one("Deposition", dataset["deposition_id"]),
            self._first("DatasetAuthor", of_it, cut, _IN_ORDER),
            self._first("DatasetFunding", of_it, cut),
            self._with_numbers(runs, "run_id", "Tiltseries", "Tomogram", "Annotation"),
            self._connection.scalar(n_runs) or 0,
            names[:MOST_SHOWN],
            cut,
        )

    def run(self, number: int) -> RunContent:
        """A run with what was recorded and found there.

        Raises
        ------
        NotFound
            If there is none.
        Withdrawn
            If there was one.
        """
        run = self._one("Run", number)
        of_it: Where = {"runId": {"_eq": number}}
        cut: set[str] = set()
        rows = {name: self._first(name, of_it, cut) for name in _OF_A_RUN}
        rows["Annotation"] = self._annotations(of_it, cut)
        frames = TABLES["Frame"].c
        n_frames = self._connection.scalar(select(func.count()).where(frames.run_id == number))
        return RunContent(run, self._one("Dataset", run["dataset_id"]), rows, n_frames or 0, cut)

    def _annotations(self, where: Where, cut: set[str]) -> Rows:
        annotations = self._first("Annotation", where, cut)
        shapes = self._first("AnnotationShape", {"annotation": where}, cut)
        files = self._first("AnnotationFile", {"annotationShape": {"annotation": where}}, cut)
        shape_of = {row["id"]: row for row in shapes}
        found: dict[int, list[Row]] = {row["id"]: [] for row in annotations}
        for file in files:
            shape = shape_of.get(file["annotation_shape_id"])
            if shape is not None and shape["annotation_id"] in found:
                found[shape["annotation_id"]].append({**file, "shape_type": shape["shape_type"]})
        return [{**row, "files": found[row["id"]]} for row in annotations]

    def _one(self, name: str, number: int) -> Row:
        if number <= LARGEST_ID:
            if found := self._rows(name, {"id": {"_eq": number}}):
                return found[0]
            check_there(self._connection, name, number)
        raise NotFound(f"The catalogue has no {name.lower()} {number}.")

    def _first(self, name: str, where: Where, cut: set[str], order_by: OrderBy = ()) -> Rows:
        """The rows that are shown; the class is noted where there are more."""
        found = self._rows(name, where, order_by, MOST_SHOWN + 1)
        if len(found) > MOST_SHOWN:
            cut.add(name)
        return found[:MOST_SHOWN]

    def _rows(
        self,
        name: str,
        where: Where,
        order_by: OrderBy = (),
        at_once: int = MOST_SHOWN,
        page: int = 1,
    ) -> Rows:
        entity = ENTITIES[name]
        names = list(entity.fields)
        columns = [one.column for one in entity.fields.values()]
        offset = (page - 1) * at_once
        statement = self._reader.select(entity, names, where, order_by, at_once, offset)
        rows = self._connection.execute(statement)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _with_counts(self, datasets: Rows, numbers: Sequence[int]) -> Rows:
        """Datasets in the order of their numbers, with their first authors and counts."""
        author = TABLES["DatasetAuthor"].c
        names: dict[int, list[str]] = {number: [] for number in numbers}
        told: Select[Any] = select(author.dataset_id, author.name).where(
            author.dataset_id.in_(numbers)
        )
        for number, name in self._connection.execute(
            told.order_by(author.author_list_order, author.id)
        ):
            names[number].append(name)
        by_number = {row["id"]: row for row in self._with_numbers(datasets, "dataset_id", "Run")}
        return [{**by_number[number], "authors": names[number]} for number in numbers]

    def _with_numbers(self, rows: Rows, column: str, *classes: str) -> Rows:
        """Rows with ``counts`` of what refers to them, by the names of classes."""
        numbers = [row["id"] for row in rows]
        counts: dict[int, dict[str, int]] = {
            number: dict.fromkeys(classes, 0) for number in numbers
        }
        for name in classes:
            key = TABLES[name].c[column]
            statement = select(key, func.count()).where(key.in_(numbers)).group_by(key)
            for number, count in self._connection.execute(statement):
                counts[number][name] = count
        return [{**row, "counts": counts[row["id"]]} for row in rows]


_IN_ORDER: OrderBy = [{"authorListOrder": "asc"}]
_OF_A_RUN = (
    *("Tiltseries", "Alignment", "Tomogram", "GainFile", "FrameAcquisitionFile"),
    "IdentifiedObject",
)


def _conditions(search: Search) -> Iterator[ColumnElement[bool]]:
    for text in (search.words, search.organism, search.object_name):
        check_value(text)
    dataset, run, annotation = (TABLES[name].c for name in ("Dataset", "Run", "Annotation"))
    for word in search.words.split()[:MOST_WORDS]:
        yield or_(*_places(word))
    if search.organism:
        yield dataset.organism_name == search.organism
    if search.object_name:
        yield exists().where(
            run.dataset_id == dataset.id,
            annotation.run_id == run.id,
            texts.contains(annotation.object_name, search.object_name),
        )


def _places(word: str) -> Iterator[ColumnElement[bool]]:
    """Where a word may be found."""
    dataset, deposition, author = (
        TABLES[name].c for name in ("Dataset", "Deposition", "DatasetAuthor")
    )
    named = ("title", "description", "organism_name", "cell_name", "tissue_name")
    yield from (texts.contains(dataset[name], word) for name in named)
    yield exists().where(
        deposition.id == dataset.deposition_id, texts.contains(deposition.title, word)
    )
    yield exists().where(author.dataset_id == dataset.id, texts.contains(author.name, word))
    if word.isascii() and word.isdecimal() and (number := int(word[:12])) <= LARGEST_ID:
        yield dataset.id == number
        yield dataset.deposition_id == number
