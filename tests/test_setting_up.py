"""What `make` does before the product is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that is set up with the extra development, as far as make can tell."""
    if shutil.which("make") is None:
        pytest.skip("there is no make on this machine")
    for name in ("Makefile", "setup.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    viewer = tmp_path / "tmserver" / "viewer"
    made = (
        *(viewer / "package-lock.json", tmp_path / ".venv" / "bin" / "python"),
        *(tmp_path / ".venv" / "installed-development",),
        *(viewer / "node_modules" / ".package-lock.json", viewer / "dist" / "index.html"),
    )
    for file in made:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def plan(checkout: Path, *arguments: str) -> str:
    """What make would do."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    outcome = subprocess.run(
        ["make", "--dry-run", "setup", *arguments],
        cwd=checkout,
        env=others | {"EXTRAS": "development"},
        capture_output=True,
        text=True,
        check=True,
    )
    return outcome.stdout


def test_what_is_set_up_stays_as_it_is(checkout: Path) -> None:
    assert "install" not in plan(checkout)


def test_another_extra_is_installed(checkout: Path) -> None:
    assert "'.[development,umap]'" in plan(checkout, "EXTRAS=development,umap")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_all_tests_are_run_with_the_arguments_as_they_are(checkout: Path, quote: str) -> None:
    arguments = f"tests -k {quote}one or two{quote}"
    [line] = [
        line
        for line in plan(checkout, "test-all", f"ARGS={arguments}").splitlines()
        if "pytest" in line
    ]
    assert line.endswith(f" --databases all {arguments}")
    assert "--databases" not in plan(checkout, "test", f"ARGS={arguments}")


@pytest.mark.parametrize(
    ("program", "code", "said"), [("pass", 0, False), ("raise SystemExit(3)", 3, True)]
)
def test_what_takes_its_time_says_more_only_if_it_fails(
    program: str, code: int, said: bool
) -> None:
    program = f"print('chatter'); {program}"
    script = ROOT / "scripts" / "patiently.py"
    outcome = subprocess.run(
        [sys.executable, script, "Installing", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == code
    assert outcome.stdout == "Installing ...\n"
    assert ("chatter" in outcome.stderr) == said


@pytest.mark.parametrize(("line", "code"), [("x = 1\n", 0), ("x=1\n", 1), ("import os\n", 1)])
def test_git_refuses_a_commit_that_lint_would_refuse(tmp_path: Path, line: str, code: int) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    for name in ("pyproject.toml", ".pre-commit-config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".gitignore").write_text(".venv\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "new.py").write_text(line)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = outside | {
        "PRE_COMMIT_HOME": str(tmp_path / ".cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "EMAIL": "somebody@example.org",
    }

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    run("git", "init")
    installed = run(Path(sys.prefix) / "bin" / "pre-commit", "install")
    assert installed.returncode == 0, installed.stderr
    run("git", "add", "tests", "pyproject.toml", ".pre-commit-config.yaml")
    outcome = run("git", "commit", "--message", "New")
    assert outcome.returncode == code, outcome.stderr
    assert "ruff" in outcome.stderr
