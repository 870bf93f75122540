"""What the documents say is true."""

import ast
import re
import shlex
from operator import attrgetter
from pathlib import Path

import click
import pytest

from tmclient import TmClient
from tmclient.command_line import cli as tm_client
from tmlib.settings import Settings
from tmserver.command_line import cli as tm
from tmserver.commands.demo import demo

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
VARIABLES = {
    *(f"TM_{name.upper()}" for name in Settings.model_fields),
    *("TM_PASSWORD", "TM_HOST", "TM_PORT", "TM_USER", "TM_DEMO_PASSWORD", "TM_TEST_POSTGRES_URL"),
    *("TM_TOKEN", "TM_TOKEN_FILE", "TM_CA_BUNDLE"),
}

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def code(path: Path) -> str:
    """The indented blocks, fenced blocks and code spans of a document, a line each."""
    text = path.read_text(encoding="utf-8")
    fenced = r"```\w*\n(.*?)```"
    indented = r"^ {4}.*$"
    blocks = re.findall(indented, text, re.M) + re.findall(fenced, text, re.S)
    prose = re.sub(indented, "", re.sub(fenced, "", text, flags=re.S), flags=re.M)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose)]
    return "\n".join(blocks + spans).replace("\\\n", " ")


@each_document
def test_commands_and_options_exist(path: Path) -> None:
    for program, line in re.findall(r"(?:^|[ /])(tm|tm_client) (.*)$", code(path), re.M):
        command: click.Command = {"tm": tm, "tm_client": tm_client}[program]
        # what follows two dashes is for another program
        for word in shlex.split(line.partition(" -- ")[0]):
            context = click.Context(command)
            if word.startswith("-"):
                options = {name for param in command.get_params(context) for name in param.opts}
                assert word in options, f"{program} {line}: {word}"
            elif isinstance(command, click.Group):
                command = command.get_command(context, word) or command
        # whatever was named, something was: a bare program or an unknown word is no command
        assert command not in (tm, tm_client), f"{program} {line}"


@each_document
def test_targets_of_make_exist(path: Path) -> None:
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    for target in re.findall(r"^\s*make (\w+)", code(path), re.M):
        assert target in targets


@each_document
def test_variables_exist(path: Path) -> None:
    assert set(re.findall(r"\bTM_[A-Z_]+\b", path.read_text(encoding="utf-8"))) <= VARIABLES


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def shown(default: object) -> str:
    """How a default is written in an environment variable, and in the table of settings."""
    if default is None or default == ():
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_all_settings_are_explained() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(TM_\w+)` \| (.*?) \| (.*?) \|$", text, re.M)
    expected = [
        (f"TM_{name.upper()}", shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
        if name != "data_dir"
    ]
    assert [(name, default.strip(), meaning) for name, default, meaning in rows[1:]] == expected
    data_dir = str(Settings().data_dir).replace(str(Path.home()), "~")
    assert rows[0][:2] == ("TM_DATA_DIR", f"`{data_dir}`")


def test_the_examples_of_the_demo_can_be_typed(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    examples = re.findall(r'make demo ARGS="(.*?)"', text)
    assert len(examples) == 3
    for example in examples:
        arguments = shlex.split(re.sub(r"~/\w+", str(tmp_path), example))
        options = demo.make_context("demo", arguments).params
        assert tmp_path in (options["images"], options["data_dir"])
        pattern = re.compile(options["pattern"] or "")
        assert pattern.groupindex.keys() <= set("wcszt")


@each_document
def test_python_examples_call_what_exists(path: Path) -> None:
    with TmClient() as client:
        for example in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S):
            if "tusclient" in example:  # another client
                continue
            for node in ast.walk(ast.parse(example)):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called.startswith("client."):
                    assert callable(attrgetter(called.removeprefix("client."))(client)), called
