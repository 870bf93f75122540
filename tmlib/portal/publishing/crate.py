"""Describes a dataset as an RO-Crate: who made it of what, with which workflow and programs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tmlib.portal.publishing.description import Author, PublicationDescription
from tmlib.portal.publishing.naming import CHECKSUMS, METADATA
from tmlib.portal.publishing.provenance import (
    INPUTS_FILE,
    MEASUREMENTS_FILE,
    PRODUCT,
    WORKFLOW_FILE,
    Workflow,
)

CRATE = "ro-crate-metadata.json"

_PROFILE = "https://w3id.org/ro/crate/1.1"
_PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
_WORKFLOW = "https://w3id.org/ro/wfrun/workflow/0.5"
_ABOUT = {
    METADATA: "What the catalogue tells of the dataset",
    INPUTS_FILE: "The files of the microscope, with their digests",
    MEASUREMENTS_FILE: "What was measured, a digest for each site and type of objects",
    WORKFLOW_FILE: "Settings of the experiment, workflow and pipeline",
}
_ADDRESS = re.compile(r"https?://\S+")
_NO_LICENSE = "No license is given: only the authors can say what others may do with the dataset."

Entity = dict[str, Any]


def make_crate(
    description: PublicationDescription,
    *,
    published: str,
    runs: Sequence[str],
    files: Mapping[str, tuple[int, str]],
    workflow: Workflow | None,
    versions: Mapping[str, str],
) -> Entity:
    """The metadata document of an RO-Crate.

    Parameters
    ----------
    description
        What is said of the experiment.
    published
        The day, as ISO 8601.
    runs
        The folders of runs.
    files
        Sizes and digests of the files that describe the whole, by their paths.
    workflow
        What was done, if a workflow was run.
    versions
        Of programs and libraries.
    """
    authors = _persons(description.authors)
    parts = [
        *(_file(path, *about) for path, about in files.items()),
        # which has the digest of this very document
        {"@id": CHECKSUMS, "@type": "File", "name": "SHA-256 of every other file"},
        *map(_folder, runs),
    ]
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": description.dataset.title,
        "description": description.dataset.description,
        "datePublished": published,
        "license": _NO_LICENSE,
        "author": [_reference(one) for one in authors],
        "hasPart": [_reference(one) for one in parts],
        "conformsTo": [{"@id": _PROCESS}, *([{"@id": _WORKFLOW}] if workflow else [])],
    }
    licenses = []
    if description.license:
        is_address = _ADDRESS.fullmatch(description.license)
        licenses = [_license(description.license)] if is_address else []
        root["license"] = {"@id": description.license} if is_address else description.license
    if description.funding:
        root["funder"] = [
            {"@id": f"#funder-{index}"} for index, _ in enumerate(description.funding)
        ]
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _PROFILE},
        "about": {"@id": "./"},
    }
    named = [*authors, *_funders(description), *licenses]
    graph = [descriptor, root, *named, *parts, *_programs(versions)]
    if workflow:
        root["mainEntity"] = {"@id": WORKFLOW_FILE}
        root["mentions"] = {"@id": "#run"}
        graph.append(_action(workflow))
    return {"@context": f"{_PROFILE}/context", "@graph": graph}


def _reference(entity: Entity) -> Entity:
    return {"@id": entity["@id"]}


def _persons(authors: Sequence[Author]) -> list[Entity]:
    """Those who are named; somebody who is named twice is one entity."""
    persons: dict[str, Entity] = {}
    for index, author in enumerate(authors):
        person = _person(author, index)
        persons.setdefault(person["@id"], person)
    return list(persons.values())


def _person(author: Author, index: int) -> Entity:
    number = f"https://orcid.org/{author.orcid}" if author.orcid else f"#author-{index}"
    person: Entity = {"@id": number, "@type": "Person", "name": author.name}
    if author.affiliation_name:
        person["affiliation"] = author.affiliation_name
    return person


def _license(address: str) -> Entity:
    return {
        "@id": address,
        "@type": "CreativeWork",
        "name": address,
        "description": "What others may do with the dataset",
    }


def _funders(description: PublicationDescription) -> list[Entity]:
    return [
        {
            "@id": f"#funder-{index}",
            "@type": "Organization",
            "name": one.funding_agency_name,
            **({"identifier": one.grant_id} if one.grant_id else {}),
        }
        for index, one in enumerate(description.funding)
    ]


def _file(path: str, size: int, digest: str) -> Entity:
    file: Entity = {
        "@id": path,
        "@type": "File",
        "name": _ABOUT[path],
        "contentSize": str(size),
        "sha256": digest,
        "encodingFormat": "application/json",
    }
    if path == WORKFLOW_FILE:
        file["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        file["programmingLanguage"] = {"@id": f"#{PRODUCT}"}
    return file


def _folder(run: str) -> Entity:
    return {"@id": f"{run}/", "@type": "Dataset", "name": run}


def _programs(versions: Mapping[str, str]) -> list[Entity]:
    return [
        {
            "@id": f"#{name}",
            "@type": ["ComputerLanguage", "SoftwareApplication"]
            if name == PRODUCT
            else "SoftwareApplication",
            "name": name,
            "version": version,
        }
        for name, version in versions.items()
    ]


def _action(workflow: Workflow) -> Entity:
    """That the workflow was run."""
    moments = {"startTime": workflow.started, "endTime": workflow.ended}
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "The workflow from the files of the microscope to what was measured",
        "instrument": {"@id": WORKFLOW_FILE},
        "object": {"@id": INPUTS_FILE},
        "result": {"@id": MEASUREMENTS_FILE},
        **{name: moment for name, moment in moments.items() if moment},
    }
