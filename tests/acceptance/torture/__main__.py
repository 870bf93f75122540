"""Tortures installations for as long as one likes, and prints a table of what came of it.

python -m tests.acceptance.torture [--runs 100] [--seed 1] [--profile embedded --profile cluster]
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.acceptance.torture.faults import FAULTS
from tests.acceptance.torture.runs import Laboratory, Outcome, Plan, faults_for, plan
from tests.acceptance.torture.story import make_plate
from tests.acceptance.torture.victim import running_victim
from tests.services import postgresql, redis

PROFILES = ("embedded", "cluster")

_LOGS = Path("build") / "torture"
_SEVERAL = "several at once"
_SHARE_OF_SEVERAL = 0.25

console = Console()


@click.command()
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Number of workflows, of all profiles.",
)
@click.option(
    "--seed", default=1, show_default=True, help="What the choice of moments begins with."
)
@click.option(
    "--profile",
    "profiles",
    type=click.Choice(PROFILES),
    multiple=True,
    default=PROFILES,
    show_default=True,
    help="Which installations: SQLite and Redis of their own, or PostgreSQL and Redis beside.",
)
@click.option("--fault", default="", help="Only faults whose name contains this.")
@click.option("--only", help="Only the run of this seed, as the table names it.")
def main(runs: int, seed: int, profiles: tuple[str, ...], fault: str, only: str | None) -> None:
    """Run workflows, break things meanwhile, and compare what is there at the end.

    The exit code is 1 if any workflow has not ended, or has left anything else than an
    undisturbed one, or if nothing could be broken in any.
    """
    profiles = tuple(
        profile
        for profile in profiles
        if any(fault in one.name and profile in one.profiles for one in FAULTS)
    )
    if not profiles:
        names = ", ".join(one.name for one in FAULTS)
        raise click.UsageError(f'There is no fault with "{fault}" in its name here, but {names}.')
    if "cluster" in profiles:
        look_for_services()
    started = time.monotonic()
    outcomes: dict[str, list[Outcome]] = {}
    for profile, seeds in distribute(runs, seed, profiles, only).items():
        outcomes[profile] = list(torture(profile, seeds, fault))
    for profile, found in outcomes.items():
        console.print(table(profile, found))
    every = [outcome for found in outcomes.values() for outcome in found]
    n_bad = sum(not outcome.is_good for outcome in every)
    minutes = (time.monotonic() - started) / 60
    console.print(f"{len(every)} runs in {minutes:.0f} minutes, {n_bad} bad", highlight=False)
    if not any(outcome.n_hits for outcome in every):
        console.print("Nothing was broken, so that nothing was tried.")
    sys.exit(0 if any(outcome.n_hits for outcome in every) and not n_bad else 1)


def look_for_services() -> None:
    """Make sure, before anything is tried, that this machine has what a cluster stands on."""
    try:
        postgresql.find_binaries()
        redis.find_program()
    except (postgresql.PostgresqlMissing, redis.RedisMissing) as reason:
        advice = 'or leave the cluster out: make torture ARGS="--profile embedded"'
        raise click.ClickException(f"For the profile of a cluster {reason}, {advice}") from None


def distribute(
    runs: int, seed: int, profiles: Sequence[str], only: str | None
) -> dict[str, list[str]]:
    """The seeds of the runs on each profile that has any; the first ones have what is left over."""
    if only is not None:
        named = [profile for profile in profiles if f"/{profile}/" in only]
        return {profile: [only] for profile in named or profiles}
    numbers = {
        profile: runs // len(profiles) + (position < runs % len(profiles))
        for position, profile in enumerate(profiles)
    }
    return {
        profile: [f"{seed}/{profile}/{number}" for number in range(1, n + 1)]
        for profile, n in numbers.items()
        if n
    }


def torture(profile: str, seeds: Iterable[str], only: str) -> Iterable[Outcome]:
    """Run one workflow for each seed on an installation of a profile."""
    with tempfile.TemporaryDirectory(prefix="tm-torture-") as name:
        folder = Path(name)
        with running_victim(folder, profile) as victim:
            laboratory = Laboratory(victim, make_plate(folder / "plate"))
            for seed in seeds:
                outcome = laboratory.run(choose(seed, laboratory, only))
                tell(profile, outcome)
                if not outcome.is_good:
                    _LOGS.mkdir(parents=True, exist_ok=True)
                    log = _LOGS / f"{seed.replace('/', '-')}.log"
                    shutil.copy(victim.installation.log, log)
                    console.print(f"  messages of the server: {log}", highlight=False)
                yield outcome


def choose(seed: str, laboratory: Laboratory, only: str) -> Plan:
    """What is done in a run: one kind of fault in turn, or several, at random moments."""
    faults = [fault for fault in faults_for(laboratory.victim) if only in fault.name]
    if not faults:
        raise click.ClickException(f'No fault with "{only}" in its name can be done here.')
    choice = random.Random(seed)  # noqa: S311 - a choice, no secret
    if len(faults) > 1 and choice.random() < _SHARE_OF_SEVERAL:
        chosen = choice.sample(faults, k=min(3, len(faults)))
    else:
        chosen = [faults[int(seed.rpartition("/")[2]) % len(faults)]]
    n_strikes = choice.randint(max(2, len(chosen)), 4)
    return plan(chosen, n_strikes, seed, is_repeated=choice.random() < 0.3)


def tell(profile: str, outcome: Outcome) -> None:
    """Say at once what became of a run, and all about a bad one."""
    mark = "[green]good[/]" if outcome.is_good else "[red]bad[/]"
    again = ", again" if outcome.plan.is_repeated else ""
    console.print(
        f"{mark} {outcome.plan.seed}: {outcome.plan.name}{again}; {outcome.n_hits} hits, "
        f"{outcome.n_repeated} further attempts, {outcome.seconds:.1f} s",
        highlight=False,
    )
    if not outcome.is_good:
        console.print(f"  {outcome.plan}", highlight=False, markup=False)
        if not outcome.has_ended:
            console.print("  has not ended well")
        for difference in outcome.differences[:20]:
            console.print(
                f"  {difference[-1500:] if 'Traceback' in difference else difference[:250]}",
                highlight=False,
                markup=False,
            )


def table(profile: str, outcomes: list[Outcome]) -> Table:
    """What became of all runs of a profile, a row for each kind of fault."""
    found = Table(title=f"{profile}", title_justify="left")
    found.add_column("fault")
    for heading in ("runs", "ended", "identical", "hits", "further attempts", "seconds"):
        found.add_column(heading, justify="right")
    names = [fault.name for fault in FAULTS]
    kinds = {name: [o for o in outcomes if o.plan.name == name] for name in names}
    kinds[_SEVERAL] = [outcome for outcome in outcomes if outcome.plan.name not in names]
    for name, those in kinds.items():
        if those:
            found.add_row(name, *_sums(those))
    found.add_section()
    found.add_row("all", *_sums(outcomes))
    return found


def _sums(outcomes: list[Outcome]) -> list[str]:
    seconds = sorted(outcome.seconds for outcome in outcomes)
    median = seconds[len(seconds) // 2] if seconds else 0
    return [
        str(len(outcomes)),
        str(sum(outcome.has_ended for outcome in outcomes)),
        str(sum(outcome.is_good for outcome in outcomes)),
        f"{sum(o.n_hits for o in outcomes)} of {sum(len(o.plan.strikes) for o in outcomes)}",
        str(sum(outcome.n_repeated for outcome in outcomes)),
        f"{median:.1f}, at most {max(seconds, default=0):.1f}",
    ]


if __name__ == "__main__":
    main()
