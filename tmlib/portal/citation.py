"""How a dataset or a deposition is cited: as text, as BibTeX, and in words that machines know."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tmlib.portal import moments

# what search engines take of a description
_FEWEST, _MOST = 50, 5000

_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s,;\"<>{}|\\^`]+)")
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}


@dataclass(frozen=True)
class File:
    """A single file of what is cited, at an address, with its SHA-256."""

    name: str
    address: str
    media_type: str
    size: int
    digest: str


@dataclass(frozen=True)
class Work:
    """What is cited.

    Attributes
    ----------
    kind, number
        ``dataset`` or ``deposition``, and which.
    title, description
        Of it.
    authors
        Rows of their class, in order.
    published, modified
        When.
    publications
        Texts with DOIs of what was written about it.
    address
        Of its page.
    publisher
        Who shows it.
    keywords
        What it is about.
    has_more_authors
        Whether these authors are the first ones alone.
    """

    kind: str
    number: int
    title: str
    description: str
    authors: Sequence[Mapping[str, Any]]
    published: datetime
    modified: datetime
    publications: str | None
    address: str
    publisher: str
    keywords: Sequence[str] = ()
    has_more_authors: bool = False

    @property
    def names(self) -> list[str]:
        """The authors' names."""
        return [str(author["name"]) for author in self.authors]

    @property
    def dois(self) -> list[str]:
        """DOIs of its publications."""
        return dois(self.publications)


def dois(text: str | None) -> list[str]:
    """The DOIs in a text, each once."""
    return list(dict.fromkeys(found.rstrip(".)]") for found in _DOI.findall(text or "")))


def plain_text(work: Work) -> str:
    """One sentence for a list of references."""
    others = ["and others"] if work.has_more_authors else []
    names = "; ".join([*work.names, *others]) or work.publisher
    what = f"{work.kind.capitalize()} {work.number}"
    return (
        f"{names} ({work.published.year}). {work.title}. {what}, {work.publisher}. {work.address}"
    )


def bibtex(work: Work) -> str:
    """An entry of BibTeX."""
    authors = [f"{{{_escaped(name)}}}" for name in work.names]
    # a word of BibTeX, which names in braces are not
    others = ["others"] if work.has_more_authors else []
    fields = {
        "author": " and ".join([*authors, *others]),
        "title": f"{{{_escaped(work.title)}}}",
        "year": str(work.published.year),
        "publisher": _escaped(work.publisher),
        "url": _escaped(work.address),
        "note": f"{work.kind.capitalize()} {work.number}",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{work.kind}{work.number},\n" + ",\n".join(lines) + "\n}\n"


def _escaped(text: str) -> str:
    return " ".join("".join(_SPECIAL.get(one, one) for one in text).split())


def schema_org(work: Work) -> dict[str, Any]:
    """A dataset in the words of schema.org, as search engines read it."""
    return {"@context": "https://schema.org/", "@type": "Dataset", **_described(work)}


def croissant(work: Work, files: Sequence[File], *, are_all: bool) -> dict[str, Any]:
    """A dataset with its single files in the words of Croissant 1.0, as programs that learn do.

    Parameters
    ----------
    work
        The dataset.
    files
        Its single files.
    are_all
        Whether there are no others; its description says so if there are.
    """
    left_out = f"Only the first {len(files)} of the single files are listed here."
    return {
        "@context": _CROISSANT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **_described(work, None if are_all else left_out),
        "citeAs": bibtex(work),
        "version": f"{work.modified:%Y.%m.%d}".replace(".0", "."),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file.name,
                "name": file.name,
                "contentUrl": file.address,
                "contentSize": f"{file.size} B",
                "encodingFormat": file.media_type,
                "sha256": file.digest,
            }
            for file in files
        ],
    }


def _described(work: Work, last: str | None = None) -> dict[str, Any]:
    """What all say of a work, with a last sentence of its description."""
    description = work.description
    if len(description) < _FEWEST:
        description = f"{work.title}: {description} ({work.kind} {work.number}, {work.publisher})"
    ending = f" {last}" if last else ""
    told: dict[str, Any] = {
        "@id": work.address,
        "name": work.title,
        "description": description[: _MOST - len(ending)] + ending,
        "url": work.address,
        "identifier": work.address,
        "creator": list(_people(work)),
        "publisher": {"@type": "Organization", "name": work.publisher},
        "datePublished": moments.written(work.published)[:10],
        "dateModified": moments.written(work.modified)[:10],
        "isAccessibleForFree": True,
        "keywords": list(work.keywords),
        "citation": [f"https://doi.org/{doi}" for doi in work.dois],
    }
    return {name: value for name, value in told.items() if value not in ([], None)}


def _people(work: Work) -> Iterator[dict[str, str]]:
    for author in work.authors:
        person = {"@type": "Person", "name": author["name"]}
        if _ORCID.fullmatch(author["orcid"] or ""):
            person["@id"] = f"https://orcid.org/{author['orcid']}"
        yield person


_CROISSANT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
