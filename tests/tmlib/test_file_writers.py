"""Files are put in place, and digests made, in one way only: that of the modules made for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSES = ("tmlib", "tmserver", "workers", "tmclient")

# What puts files in place, or waits for the disk. Path.replace and Path.rename are found by what
# they are called with: one argument, where str.replace has two.
_PLACING = {"fsync", "fdatasync", "rename", "renames", "link", "hardlink_to"}
_WRITING = {"write_bytes", "write_text", "copy2", "copyfile"}

WRITERS = {
    "tmlib/durable_files.py": "is the module",
    "tmclient/local_files.py": "the same for the client, which imports nothing of the others",
    "tmclient/commands/images.py": "a file that the user named, which may be a pipe",
    "tmclient/jterator_project.py": "a folder that the user named, to work on what is in it",
    "tmclient/yaml_files.py": "a folder that the user named, to work on what is in it",
    "tmclient/resumable.py": "notes in a cache; a damaged one names no upload, which begins anew",
    "tmlib/sample/metadata.py": "a made-up plate, written for whoever asked for one",
    "tmlib/sample/plate.py": "a made-up plate, written for whoever asked for one",
    "tmlib/jterator/user_modules/process.py": "runs in a sandbox, and imports nothing of tmlib",
    "tmlib/jterator/user_modules/sandbox.py": "a temporary folder that one process reads",
    "tmlib/objects/exchange/ome_zarr_export.py": "a temporary folder that is sent as an archive",
    "tmserver/api/tool_models.py": "a temporary folder in which what was sent is looked at",
    "tmlib/uploads/receiving.py": "bytes that arrive, into a file that is moved when it is whole",
    "tmlib/portal/files.py": "bytes that are copied, into a draft that is moved when it is whole",
    "tmserver/supervisor/child.py": "a log that grows",
    "tmserver/supervisor/data_folder.py": "a file for a lock, with nothing in it",
}

HASHERS = {
    "tmlib/digests.py": "is the module",
    "tmlib/accounts/tokens.py": "secrets",
    "tmserver/authentication.py": "signatures",
    "tmclient/multipart.py": "the client imports nothing of the others",
    "tmclient/resumable.py": "the client imports nothing of the others",
}


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """All modules of the product by their paths."""
    paths = (path for house in HOUSES for path in (ROOT / house).rglob("*.py"))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes())
        for path in paths
        if "node_modules" not in path.parts
    }


def puts_in_place(call: ast.Call) -> bool:
    """Whether a call gives a file a name, or waits for the disk."""
    if not isinstance(call.func, ast.Attribute):
        return False
    name, module = call.func.attr, call.func.value
    is_os = isinstance(module, ast.Name) and module.id == "os"
    if name == "replace":
        return is_os or (len(call.args) == 1 and not call.keywords)
    # what is on the server is renamed by a namespace of the client
    is_path = name in ("rename", "hardlink_to") and "client" not in ast.unparse(module)
    return name in _PLACING and (is_os or is_path)


def writes(call: ast.Call) -> bool:
    """Whether a call writes a file where others may look for it."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _WRITING:
        return True
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    is_mode = [isinstance(text, str) and text.rstrip("b+t") in ("w", "x", "a") for text in texts]
    return name in ("open", "OSFile", "fdopen") and any(is_mode)


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("os.replace(a, b)", True),
        ("draft.replace(path)", True),
        ("draft.rename(path)", True),
        ("os.fsync(1)", True),
        ("text.replace('a', 'b')", False),
        ("moment.replace(tzinfo=None)", False),
        ("table.rename_columns(a)", False),
        ("session.client.experiments.rename(a)", False),
    ],
)
def test_what_puts_files_in_place_is_found(source: str, wanted: bool) -> None:
    (call,) = calls(ast.parse(source))
    assert puts_in_place(call) is wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("path.open('wb')", True),
        ("open(path, 'a+')", True),
        ("path.write_text('a')", True),
        ("path.open()", False),
        ("path.open('rb')", False),
        ("read('w')", False),
    ],
)
def test_what_writes_is_found(source: str, wanted: bool) -> None:
    (call,) = calls(ast.parse(source))
    assert writes(call) is wanted


def test_only_one_module_puts_files_in_place(sources: dict[str, ast.Module]) -> None:
    found = {name for name, tree in sources.items() if any(map(puts_in_place, calls(tree)))}
    assert found <= {"tmlib/durable_files.py", "tmclient/local_files.py"}


def test_files_are_written_by_way_of_it(sources: dict[str, ast.Module]) -> None:
    found = {name for name, tree in sources.items() if any(map(writes, calls(tree)))}
    assert found <= WRITERS.keys()


def test_only_one_module_makes_digests_of_contents(sources: dict[str, ast.Module]) -> None:
    found = {
        name
        for name, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "hashlib" in (getattr(node, "module", None), *(alias.name for alias in node.names))
    }
    assert found <= HASHERS.keys()


@pytest.mark.parametrize("name", sorted({*WRITERS, *HASHERS}))
def test_exceptions_exist(name: str) -> None:
    assert (ROOT / name).is_file()
