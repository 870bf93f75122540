"""How files of the catalogue are got: where they are, and commands for a terminal."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy.engine import Connection

from tmlib.portal.addresses import Place
from tmlib.portal.named_files import NamedFile, published, volumes_here


@dataclass(frozen=True)
class Command:
    """Lines for a terminal, and which program they are for."""

    title: str
    text: str


def commands(
    name: str, number: int, folder: Place | None, top: str, is_here: bool
) -> list[Command]:
    """What gets all files of a dataset or a run.

    Parameters
    ----------
    name, number
        The class, as the Python client has it, and the id.
    folder
        Where its files are.
    top
        The address of this server.
    is_here
        Whether it is this server that has them.
    """
    return list(_commands(name, number, folder, top, is_here=is_here))


def _commands(
    name: str, number: int, folder: Place | None, top: str, *, is_here: bool
) -> Iterator[Command]:
    endpoint = f"{top}/s3" if is_here else ""
    code = (
        f"from cryoet_data_portal import Client, {name}; "
        f'{name}.get_by_id(Client("{top}/graphql"), {number}).download_everything(".")'
    )
    environment = f"BOTO_ENDPOINT_URL={shlex.quote(endpoint)} " if is_here else ""
    yield Command(
        "Python client",
        f"pip install cryoet-data-portal\n{environment}python -c {shlex.quote(code)}",
    )
    if folder is None:
        return
    target = shlex.quote(folder.key.rstrip("/").rpartition("/")[2] or folder.bucket)
    option = f"--endpoint-url {shlex.quote(endpoint)} " if is_here else ""
    yield Command(
        "aws",
        f"aws s3 cp --no-sign-request {option}--recursive {shlex.quote(str(folder))} {target}",
    )
    if is_here:
        listed = shlex.quote(f"{top}/catalogue/{name.lower()}s/{number}/curl.txt")
        yield Command("curl", f"curl -fsS {listed} | curl -fsS --create-dirs -K -")


def curl_lines(bucket: str, key: str, top: str) -> str:
    """What tells curl to get a file.

    Parameters
    ----------
    bucket, key
        Its name, which needs no quotes.
    top
        The address of this server.
    """
    return f'url = "{top}/s3/{bucket}/{key}"\noutput = "{key}"\n'


@dataclass(frozen=True)
class ListedFile:
    """A file, or a volume, as the page of a run lists it.

    Attributes
    ----------
    file
        What a row names.
    address
        Where it is, for programs that read by HTTP; None if it is not known to be anywhere.
    size
        In bytes, if that is known.
    is_here
        Whether it is this server that has it.
    """

    file: NamedFile
    address: str | None
    size: float | None
    is_here: bool

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume that viewers can read."""
        return self.file.is_folder and self.address is not None

    @property
    def is_image(self) -> bool:
        """Whether it is a volume of intensities."""
        return self.is_volume and not self.file.is_labels

    @property
    def is_of_points(self) -> bool:
        """Whether this server has points of it."""
        return self.is_here and self.file.points is not None


def listed(connection: Connection, files: Sequence[NamedFile], store: str) -> list[ListedFile]:
    """Files with where they are, and their sizes.

    Parameters
    ----------
    connection
        To the database.
    files
        What the rows of a run name.
    store
        The address of this server's buckets, without a slash at its end.
    """
    places = {file.place for file in files if file.place and not file.is_folder}
    folders = {file.place for file in files if file.place and file.is_folder}
    known = published(connection, places)
    here = known.keys() | volumes_here(connection, folders)

    def address(file: NamedFile) -> str | None:
        if file.web is not None or file.place not in here:
            return file.web
        return f"{store}/{quote(file.place.bucket)}/{quote(file.place.key)}"

    def size(file: NamedFile) -> float | None:
        return known[file.place].size if file.size is None and file.place in known else file.size

    return [ListedFile(file, address(file), size(file), file.place in here) for file in files]
