"""Runs a demo from its options: the product as `tm serve` runs it, and a client beside it."""

import os
import secrets
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tmclient import TmClient
from tmclient.commands.workflow import describe_failure
from tmlib.accounts import service
from tmlib.db import Database, Process
from tmlib.errors import BadInput, NotFound, TmError
from tmlib.jterator.project import Project
from tmlib.settings import Settings
from tmserver.demo import facility, sample_plate
from tmserver.demo.analysis import choose_project
from tmserver.demo.options import DemoOptions
from tmserver.demo.plate import Grid, Plate, read_plate
from tmserver.demo.report import print_report
from tmserver.demo.run import run
from tmserver.supervisor import Supervisor, data_folder
from tmserver.supervisor.supervisor import check_port

_USER = "demo"
_HOST = "127.0.0.1"


class DemoFailed(TmError):  # noqa: N818 - reads as what it is
    """The workflow of a demo ended badly."""


@dataclass(frozen=True)
class Login:
    """Name and password of the demo's user."""

    name: str
    password: str


def run_demo(options: DemoOptions) -> None:
    """Run a demo until the user ends it, or until its end if that is asked for.

    Raises
    ------
    TmError
        If the input cannot be used, before anything is started, or the workflow failed.
    """
    console = Console()
    settings = Settings() if options.data_dir is None else Settings(data_dir=options.data_dir)
    data_folder.check_unused(settings.data_dir)
    check_port(_HOST, options.port)
    # SIGTERM ends the demo the way Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.facility and options.images is not None:
        raise BadInput("The facility's plates are simulated: leave out --images or --facility.")
    with _images(options) as folders:
        plates = [_read_plate(folder, options) for folder in folders]
        project = choose_project(
            plates[0], options.nuclei_channel, options.cells_channel, options.project
        )
        _print_plates(plates, console)
        supervisor = Supervisor(
            settings, _HOST, options.port, options.processes, settings.data_dir / "log"
        )
        with supervisor, _watched(supervisor):
            login = _create_login(settings, is_admin=options.facility)
            with TmClient(
                url=supervisor.url, username=login.name, password=login.password
            ) as client:
                if options.facility:
                    booking_id = facility.run(client, plates, project, login.name, console)
                    place = f"session={booking_id}"
                else:
                    _run(client, plates[0], project, settings, console)
                    place = f"experiment={client.experiment_id}"
                if not options.stop:
                    _print_ways_on(login, settings, supervisor.port, console)
                    _print_address(f"{supervisor.url}/?{place}", console)
                    _wait_for_interrupt(console)


@contextmanager
def _images(options: DemoOptions) -> Iterator[list[Path]]:
    """The folder with images, simulated if there is none; of a facility one for each plate."""
    if options.images is not None:
        yield [options.images]
        return
    wanted = options.wells, *options.sites, options.seed
    with tempfile.TemporaryDirectory(prefix="tm-demo-") as parent:
        if options.facility:
            yield facility.simulate(Path(parent), *wanted)
            return
        folder = Path(parent) / "sample plate"
        sample_plate.simulate(folder, *wanted)
        yield [folder]


def _read_plate(folder: Path, options: DemoOptions) -> Plate:
    if options.images is None:
        microscope_type: str | None = "cellvoyager"
    else:
        microscope_type = options.microscope_type or (options.pattern and "generic")
    if not microscope_type:
        raise BadInput(
            "Say what made the images with --microscope-type, or describe their names with "
            "--pattern."
        )
    grid = Grid(options.rows, options.columns, options.stitch_layout)
    return read_plate(folder, microscope_type, options.pattern, int(options.plate_format), grid)


def _print_plates(plates: Sequence[Plate], console: Console) -> None:
    n_images, n_wells, n_sites = (
        sum(getattr(plate, name) for plate in plates) for name in ("n_images", "n_wells", "n_sites")
    )
    console.print(
        f"{n_images} images: {n_wells} wells, {n_sites} sites, "
        f"channels {', '.join(plates[0].channels)}",
        highlight=False,
        markup=False,
    )


@contextmanager
def _watched(supervisor: Supervisor) -> Iterator[None]:
    """Let the supervisor restart what dies while the demo runs."""
    thread = threading.Thread(target=supervisor.run, name="supervisor")
    thread.start()
    try:
        yield
    finally:
        # an impatient second Ctrl-C must not leave processes behind
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        supervisor.interrupt()
        thread.join()


def _create_login(settings: Settings, *, is_admin: bool) -> Login:
    """The demo's user, with a new password or that of ``TM_DEMO_PASSWORD``.

    Whoever was made an administrator for a facility stays one.
    """
    login = Login(_USER, os.environ.get("TM_DEMO_PASSWORD") or secrets.token_urlsafe(9))
    database = Database.of(settings, Process.COMMAND)
    try:
        with database.transaction() as session:
            try:
                service.set_password(session, login.name, login.password)
            except NotFound:
                service.create_user(session, login.name, login.password, "demo@localhost")
            if is_admin:
                user = service.find_user(session, login.name)
                service.change_user(session, user.id, is_admin=True)
    finally:
        database.close()
    return login


def _run(
    client: TmClient, plate: Plate, project: Project, settings: Settings, console: Console
) -> None:
    """Run the workflow and print what it found.

    Raises
    ------
    DemoFailed
        If it failed; says why and what to do.
    """
    status = run(client, plate, project, console)
    if status["failed"]:
        raise DemoFailed(
            f"{describe_failure(status)}\n"
            "Correct what is named above and run the demo again. What was uploaded is kept in "
            f'the experiment "{client.experiment_name}"; the messages of the processes are in '
            f"{settings.data_dir / 'log'}."
        )
    print_report(client, status, console)


def _print_ways_on(login: Login, settings: Settings, port: int, console: Console) -> None:
    """Say what can be done with the server, the next thing last."""
    programs = os.path.relpath(Path(sys.executable).parent)
    tm = f"{programs}/tm"
    if "data_dir" in settings.model_fields_set:
        # which another terminal need not know
        tm = f"TM_DATA_DIR={shlex.quote(str(settings.data_dir.resolve()))} {tm}"
    client = f"{programs}/tm_client --port {port} --user ada"
    for line in (
        "A user and an experiment of your own, from another terminal:",
        f"    {tm} user add ada --email ada@example.org",
        f"    {client} experiment create --name screen",
        f"Ctrl-C stops the server; `{tm} serve` starts it again with the same data.",
        f"Log in as {login.name} with the password {login.password} at",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_address(address: str, console: Console) -> None:
    console.print(address, highlight=False, markup=False, soft_wrap=True)


def _wait_for_interrupt(console: Console) -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopping ...")
