"""Single objects."""

from pathlib import Path

import click

from tmclient.client import TmClient
from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_table,
    resource_group,
)
from tmclient.errors import ResourceError
from tmclient.local_files import writing

mapobject = resource_group("mapobject", "Show single objects and where they come from.")

_GAP = 4
_KEYS = (
    "id",
    "type",
    "plate_name",
    "well_name",
    "well_pos_y",
    "well_pos_x",
    "tpoint",
    "zplane",
    "label",
)


@mapobject.command("info")
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@pass_session
def show_mapobjects(session: ClientSession, ids: tuple[int, ...]) -> None:
    """Show the type, position and label of objects."""
    found = [session.client.objects.get(number) for number in ids]
    titles = ("ID", "Type", "Plate", "Well", "Y", "X", "Time point", "Plane", "Label")
    print_table(titles, [[one.get(key) for key in _KEYS] for one in found])


@mapobject.command("exhibit")
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@click.option("--object-types", help="Types to outline, with commas between them.")
@click.option("--channels", help="Channels to show, with commas between them; all if not given.")
@click.option("--save/--no-save", default=True, show_default=True, help="Write PNG files.")
@click.option("--show/--no-show", default=False, show_default=True, help="Open the pictures.")
@click.option("--margin", type=click.IntRange(min=0), default=10, show_default=True)
@click.option(
    "--file-name-format",
    default="{experiment}_{type}_{id}.png",
    show_default=True,
    help="Name of a file; also {plate}, {well} and {label}.",
)
@click.option(
    "--columns", type=click.IntRange(min=1), help="Pictures side by side; all if not given."
)
@pass_session
def exhibit(
    session: ClientSession,
    ids: tuple[int, ...],
    object_types: str | None,
    channels: str | None,
    save: bool,
    show: bool,
    margin: int,
    file_name_format: str,
    columns: int | None,
) -> None:
    """Write pictures of objects: their channels side by side, with outlines."""
    from PIL import Image

    names = _split(channels) or [channel["name"] for channel in session.client.channels.list()]
    for number in ids:
        pictures = session.client.objects.exhibit(
            number, names, _split(object_types) or None, margin
        )
        height, width = pictures[0].shape[:2]
        n_columns = min(columns or len(pictures), len(pictures))
        n_rows = -(-len(pictures) // n_columns)
        sheet = Image.new(
            "RGB", (n_columns * (width + _GAP) - _GAP, n_rows * (height + _GAP) - _GAP), "white"
        )
        for index, picture in enumerate(pictures):
            y, x = divmod(index, n_columns)
            sheet.paste(Image.fromarray(picture), (x * (width + _GAP), y * (height + _GAP)))
        if save:
            file = Path(_file_name(session.client, number, file_name_format))
            picture_format = Image.registered_extensions().get(file.suffix.lower())
            if picture_format is None:
                raise ResourceError(f"{file} must end as pictures do, with .png for example.")
            with writing(file) as written:
                sheet.save(written, format=picture_format)
            click.echo(file)
        if show:
            sheet.show()


def _split(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _file_name(client: TmClient, number: int, file_name_format: str) -> str:
    found = client.objects.get(number)
    words = {
        "experiment": client.experiment_name,
        "id": number,
        "type": found["type"],
        "plate": found["plate_name"],
        "well": found["well_name"],
        "label": found["label"],
    }
    try:
        return file_name_format.format_map(words)
    except (KeyError, ValueError, IndexError) as error:
        raise ResourceError(
            f"{file_name_format} is not a valid file name format: it may contain "
            f"{', '.join('{' + word + '}' for word in words)}."
        ) from error
