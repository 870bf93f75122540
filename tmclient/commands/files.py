"""Microscope files."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from tmclient.client import TmClient
from tmclient.commands.places import parallel_option
from tmclient.commands.session import (
    ClientSession,
    console,
    pass_session,
    print_resources,
    resource_group,
)
from tmclient.errors import TmClientError
from tmclient.files import Upload

_SHOWN = 5

microscope_file = resource_group("microscope-file", "List and upload microscope files.")


@microscope_file.command("ls")
@click.option("-p", "--plate", "plate_name", required=True)
@click.option("-a", "--acquisition", "acquisition_name", required=True)
@pass_session
def list_files(session: ClientSession, plate_name: str, acquisition_name: str) -> None:
    """List the files of an acquisition."""
    files = session.client.microscope_files.list(plate_name, acquisition_name)
    print_resources(files, id="id", status="status", name="name")


@microscope_file.command("upload")
@click.option("-p", "--plate", "plate_name", required=True)
@click.option("-a", "--acquisition", "acquisition_name", required=True)
@click.option(
    "--convert",
    type=click.Choice(["png"]),
    is_flag=False,
    flag_value="png",
    metavar="[png]",
    help="Send TIFF images as PNG, which may be smaller; the pixels stay the same.",
)
@click.option("--delete", is_flag=True, help="Delete local files once the server has them.")
@parallel_option
@click.option("--retries", type=click.IntRange(min=0), default=5, show_default=True)
@click.option("--no-retry", "retries", flag_value=0, type=int, help="The same as --retries 0.")
@click.option("--directory", type=click.Path(exists=True, path_type=Path), help="Instead of PATH.")
@click.argument("path", type=click.Path(exists=True, path_type=Path), required=False)
@pass_session
def upload_files(
    session: ClientSession,
    plate_name: str,
    acquisition_name: str,
    convert: str | None,
    delete: bool,
    parallel: int,
    retries: int,
    directory: Path | None,
    path: Path | None,
) -> None:
    """Upload the files of a folder; those that the server has already are not sent again.

    PATH is the folder, or a single file.
    """
    source = path or directory
    if source is None:
        raise click.UsageError("Say which folder to send.")
    shown = console()
    upload = upload_with_progress(
        session.client,
        plate_name,
        acquisition_name,
        source,
        shown,
        parallel,
        retries,
        convert=convert is not None,
        delete_after_upload=delete,
    )
    n_sent = len(upload.sent)
    shown.print(
        f"{n_sent} file{'' if n_sent == 1 else 's'} sent, {len(upload.present)} were there, "
        f"{len(upload.skipped)} skipped.",
        highlight=False,
    )
    if upload.skipped:
        more = ", ..." if len(upload.skipped) > _SHOWN else ""
        shown.print(
            f"Skipped, because the microscope type does not recognize their names: "
            f"{', '.join(upload.skipped[:_SHOWN])}{more}",
            highlight=False,
            markup=False,
        )


@microscope_file.command("register")
@click.option("-p", "--plate", "plate_name", required=True)
@click.option("-a", "--acquisition", "acquisition_name", required=True)
@click.argument("directory")
@pass_session
def register_files(
    session: ClientSession, plate_name: str, acquisition_name: str, directory: str
) -> None:
    """Use the files of a folder that the server can read itself."""
    message = session.client.microscope_files.register(plate_name, acquisition_name, directory)
    if message != "ok":
        raise TmClientError(message)


def upload_with_progress(
    client: TmClient,
    plate_name: str,
    acquisition_name: str,
    path: Path,
    shown: Console,
    parallel: int = 2,
    retries: int = 5,
    *,
    convert: bool = False,
    delete_after_upload: bool = False,
) -> Upload:
    """Upload the files of a folder, with a progress bar in a terminal."""
    with Progress(
        TextColumn("  {task.description:12}"),
        BarColumn(bar_width=40),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=shown,
        disable=not shown.is_terminal,
    ) as progress:
        bar = progress.add_task("upload", total=None)
        upload = client.microscope_files.upload(
            plate_name,
            acquisition_name,
            path,
            parallel,
            retries,
            lambda n_done, n_total: progress.update(bar, completed=n_done, total=n_total),
            convert=convert,
            delete_after_upload=delete_after_upload,
        )
        if not upload.sent:
            progress.update(bar, completed=1, total=1, visible=False)
        return upload
