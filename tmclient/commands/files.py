"""Microscope files."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tmclient.client import TmClient
from tmclient.commands.session import (
    ClientSession,
    console,
    pass_session,
    print_resources,
    resource_group,
)
from tmclient.files import Upload

microscope_file = resource_group("microscope-file", "List and upload microscope files.")


@microscope_file.command("ls")
@click.option("-p", "--plate", "plate_name", required=True)
@click.option("-a", "--acquisition", "acquisition_name", required=True)
@pass_session
def list_files(session: ClientSession, plate_name: str, acquisition_name: str) -> None:
    """List the files of an acquisition."""
    files = session.client.get_microscope_files(plate_name, acquisition_name)
    print_resources(files, id="id", name="name", status="status")


@microscope_file.command("upload")
@click.option("-p", "--plate", "plate_name", required=True)
@click.option("-a", "--acquisition", "acquisition_name", required=True)
@click.option(
    "--parallel",
    type=click.IntRange(min=0),
    is_flag=False,
    flag_value=0,
    default=1,
    help="Files to send at the same time; without a number as many as the machine can.",
)
@click.option("--retries", type=click.IntRange(min=0), default=5, show_default=True)
@click.option("--no-retry", "retries", flag_value=0, type=int, help="The same as --retries 0.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@pass_session
def upload_files(
    session: ClientSession,
    plate_name: str,
    acquisition_name: str,
    parallel: int,
    retries: int,
    path: Path,
) -> None:
    """Send the files of a folder; what the server has already is not sent again."""
    shown = console()
    upload = upload_with_progress(
        session.client, plate_name, acquisition_name, path, shown, parallel, retries
    )
    shown.print(
        f"{len(upload.sent)} files sent, {len(upload.present)} were there, "
        f"{len(upload.skipped)} skipped.",
        highlight=False,
    )


def upload_with_progress(
    client: TmClient,
    plate_name: str,
    acquisition_name: str,
    path: Path,
    shown: Console,
    parallel: int = 2,
    retries: int = 5,
) -> Upload:
    """Send the files of a folder under a progress bar, which only a terminal shows."""
    with Progress(
        TextColumn("  {task.description:12}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("files   "),
        TimeElapsedColumn(),
        console=shown,
        disable=not shown.is_terminal,
    ) as progress:
        bar = progress.add_task("upload", total=None)
        return client.upload_microscope_files(
            plate_name,
            acquisition_name,
            path,
            parallel,
            retries,
            lambda n_done, n_total: progress.update(bar, completed=n_done, total=n_total),
        )
