"""The short form of the torture: each kind of fault once. ``make torture`` is the long one."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from tests.acceptance.torture.__main__ import distribute, main
from tests.acceptance.torture.faults import FAULTS, Fault
from tests.acceptance.torture.runs import Laboratory, plan
from tests.acceptance.torture.story import make_plate
from tests.acceptance.torture.victim import running_victim
from tests.services.postgresql import PostgresqlMissing
from tests.services.redis import RedisMissing

PROFILES = ("embedded", "cluster")


def choose() -> dict[str, list[list[Fault]]]:
    """By profile the faults of each run, two at a time; what fits both profiles takes turns."""
    chosen: dict[str, list[Fault]] = {profile: [] for profile in PROFILES}
    for fault in FAULTS:
        shorter = min(fault.profiles, key=lambda profile: len(chosen[profile]))
        chosen[shorter].append(fault)
    return {
        profile: [faults[start : start + 2] for start in range(0, len(faults), 2)]
        for profile, faults in chosen.items()
    }


def test_no_run_is_lost_and_none_is_no_success() -> None:
    assert distribute(1, 7, PROFILES, None) == {"embedded": ["7/embedded/1"]}
    assert [len(seeds) for seeds in distribute(5, 1, PROFILES, None).values()] == [3, 2]
    assert distribute(9, 1, PROFILES, "1/cluster/3") == {"cluster": ["1/cluster/3"]}
    for arguments in (["--runs", "0"], ["--fault", "nonsense"]):
        assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_cluster_is_not_tried_where_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = CliRunner().invoke(main, ["--runs", "1", "--profile", "cluster"])
    assert outcome.exit_code == 1
    assert "install" in outcome.output
    assert "--profile embedded" in outcome.output


RUNS = [(profile, faults) for profile, runs in choose().items() for faults in runs]


@pytest.fixture(scope="module")
def laboratories() -> Iterator[Callable[[str], Laboratory]]:
    """Gives the laboratory of a profile, one for all runs on it."""
    with ExitStack() as stack:

        @functools.cache
        def laboratory(profile: str) -> Laboratory:
            # not where the tests have their folders, which may be in memory: on a disk
            folder = Path(stack.enter_context(TemporaryDirectory(prefix=f"tm-{profile}-")))
            victim = stack.enter_context(running_victim(folder, profile))
            return Laboratory(victim, make_plate(folder / "plate"))

        yield laboratory


@pytest.mark.parametrize(
    ("profile", "faults"),
    RUNS,
    ids=[f"{profile}-{' and '.join(fault.name for fault in faults)}" for profile, faults in RUNS],
)
def test_nobody_can_tell_that_anything_was_disturbed(
    laboratories: Callable[[str], Laboratory], profile: str, faults: list[Fault]
) -> None:
    try:
        laboratory = laboratories(profile)
    except (PostgresqlMissing, RedisMissing) as error:
        pytest.skip(str(error))
    faults = [fault for fault in faults if fault.can_strike(laboratory.victim)]
    if not faults:
        pytest.skip("this machine allows no further disk that could be filled")
    outcome = laboratory.run(plan(faults, len(faults), seed="short"))
    assert outcome.has_ended
    assert outcome.differences == []
    assert outcome.n_hits
