"""``tm slurm``: pools of workers on a cluster that Slurm runs."""

from pathlib import Path

import click

from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmserver.commands.auditing import audited
from tmserver.commands.output import print_json, print_table
from tmserver.slurm import queued_pools

_named = click.option(
    "--name",
    default=queued_pools.NAME,
    show_default=True,
    help="Name of the jobs in Slurm's queue.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def slurm() -> None:
    """Run pools of workers as jobs of Slurm."""


@slurm.command()
@click.argument("number", type=click.IntRange(min=0, max=10_000))
@_named
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=queued_pools.SCRIPT,
    help="Job script of a pool.  [default: the one that `tm slurm script` prints]",
)
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes of each new pool.")
@_as_json
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@audited
def scale(
    number: int,
    name: str,
    script: Path,
    processes: int | None,
    as_json: bool,
    options: tuple[str, ...],
) -> None:
    """Have NUMBER pools of workers, waiting or running.

    Missing ones are submitted as an array of jobs; of those that are too many the waiting ones are
    cancelled, and running ones end when they have done what they have in hand. Repeat it as often
    as you like, from cron for example: pools whose time is over are replaced.

    OPTIONS, after two dashes, go to sbatch: `tm slurm scale 20 -- --partition=long --account=lab`.
    """
    _check_settings(Settings())
    if processes is not None:
        options = (f"--cpus-per-task={processes}", *options)
    change = queued_pools.scale(number, name=name, script=script, options=options)
    if as_json:
        print_json(change)
    elif change.submitted:
        click.echo(f"{change.before} pools were there, {change.submitted} are submitted.")
    elif change.ended:
        click.echo(f"{change.before} pools were there, {len(change.ended)} are told to end.")
    else:
        click.echo(f"{change.before} pools are there: nothing is to be done.")


@slurm.command("list")
@_named
@_as_json
def list_(name: str, as_json: bool) -> None:
    """Show the pools in Slurm's queue."""
    found = queued_pools.list_pools(name)
    if as_json:
        print_json({"pools": [vars(pool) for pool in found]})
        return
    print_table("Pools", ("JOB", "STATE", "TIME", "NODE", "REASON"), [_row(pool) for pool in found])


@slurm.command()
def script() -> None:
    """Print the job script of a pool, to be changed to what a cluster needs."""
    click.echo(queued_pools.SCRIPT.read_text(encoding="utf-8"), nl=False)


def _row(pool: queued_pools.Pool) -> tuple[object, ...]:
    state = "ENDING" if pool.is_ending else pool.state
    return pool.job_id, state, pool.time, pool.node, pool.reason


def _check_settings(settings: Settings) -> None:
    for name, value in (
        ("TM_BROKER_URL", settings.broker_url),
        ("TM_DATABASE_URL", settings.database_url),
    ):
        if value is None:
            raise BadInput(
                f"{name} is not set: workers on other machines need a database and a Redis that "
                "they can reach."
            )
