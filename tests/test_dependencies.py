"""What is imported is declared in setup.py, what is declared is used, and the lock fits both."""

import ast
import functools
import importlib.metadata
import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PRODUCT = ("tmclient", "tmlib", "tmserver", "workers")
AROUND = ("benchmarks", "scripts", "tests")

USED_BY_NAME = {
    *("bioio-nd2", "bioio-czi", "bioio-lif"),  # by the ending of a file
    "httptools",  # uvicorn takes it by name
    "psycopg2-binary",  # SQLAlchemy takes it by the scheme of an address
    *("import-linter", "mypy", "pre-commit", "ruff", "uv"),  # programs
    "setuptools",  # builds the wheel
    *("coverage", "pytest-cov", "pytest-repeat", "pytest-timeout"),  # plug-ins of pytest
    *(
        "types-defusedxml",
        "types-ldap3",
        "types-psutil",
        "types-pyyaml",
        "types-regex",
        "types-requests",
    ),
    *("types-shapely", "pandas-stubs"),  # for mypy
}

OF_OTHER_ENVIRONMENTS = {
    *("anndata", "napari_ome_zarr", "published_client_session"),  # scripts that tests start
    *(
        "boto3",
        "botocore",
        "caveclient",
        "cloudvolume",
        "copick",
        "cryoet_data_portal",
        "ispyb_client",
    ),  # as above
    *("cellprofiler", "cellprofiler_core", "centrosome", "cp_measure"),  # compared with if there
    *("large_image", "large_image_source_tiff"),  # as above
}

NAMES_OF_DISTRIBUTIONS = {"umap": "umap-learn"}
"""Of modules that need not be installed, where the two names differ."""

PLATFORMS = [
    {"python_full_version": f"3.{minor}.9", "python_version": f"3.{minor}", **platform}
    for minor in (11, 12, 13)
    for platform in (
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    )
]


def declared() -> dict[str, list[Requirement]]:
    """The requirements in setup.py, by the name of the list that they are in."""
    return {
        node.targets[0].id: [Requirement(text) for text in ast.literal_eval(node.value)]
        for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def names(*lists: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for some in lists for requirement in some}


def modules_imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                yield from (name.name for name in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(str(name))]):
                yield name


@functools.cache
def installed() -> Mapping[str, list[str]]:
    """Distributions by the modules that they bring."""
    return importlib.metadata.packages_distributions()


@functools.cache
def distributions_imported_by(folders: tuple[str, ...]) -> dict[str, str]:
    """The distributions that modules in some folders import, with one module of each."""
    known = installed()
    paths = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    assert paths
    own = {*PRODUCT, *AROUND, *sys.stdlib_module_names, *OF_OTHER_ENVIRONMENTS}
    own |= {path.stem for path in (ROOT / "scripts").glob("*.py")}  # they import each other
    return {
        canonicalize_name(distribution): path.relative_to(ROOT).as_posix()
        for path in paths
        for module in {name.partition(".")[0] for name in modules_imported_by(path)} - own
        for distribution in known.get(module, [NAMES_OF_DISTRIBUTIONS.get(module, module)])[:1]
    }


def test_the_product_imports_what_it_requires() -> None:
    lists = declared()
    extras = ("VENDOR_FORMATS", "DEEP_LEARNING", "UMAP")
    allowed = names(lists["REQUIREMENTS"], *(lists[name] for name in extras))
    imported = distributions_imported_by(PRODUCT)
    assert {name: where for name, where in imported.items() if name not in allowed} == {}


def test_tests_import_what_they_require() -> None:
    allowed = names(*declared().values())
    imported = distributions_imported_by(AROUND)
    assert {name: where for name, where in imported.items() if name not in allowed} == {}


def test_what_is_required_is_used() -> None:
    lists = declared()
    development = lists.pop("DEVELOPMENT")
    of_the_product = {*distributions_imported_by(PRODUCT), *USED_BY_NAME}
    of_the_tests = {*distributions_imported_by(AROUND), *of_the_product}
    # the one that writes files of Zeiss's is there for the tests
    assert names(*lists.values()) - of_the_product == {"pylibczirw"}
    assert names(development) - of_the_tests == set()


def locked() -> list[Requirement]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = (re.sub(r"\s+#.*|^#.*", "", line) for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: "-".join(platform.values()))
def test_the_lock_has_a_version_within_each_range(platform: dict[str, str]) -> None:
    def is_for_here(marker: Marker | None) -> bool:
        return marker is None or marker.evaluate(platform)

    versions: dict[str, set[str]] = {}
    for entry in locked():
        [exact] = entry.specifier
        assert exact.operator == "=="
        if is_for_here(entry.marker):
            versions.setdefault(canonicalize_name(entry.name), set()).add(exact.version)
    lists = declared()
    del lists["DEEP_LEARNING"]  # which build is right depends on the machine
    for requirement in itertools.chain(*lists.values()):
        [version] = versions[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, requirement


def test_all_that_is_installed_by_make_and_the_image_is_locked() -> None:
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        installations = [
            line for line in text.splitlines() if re.search("(?<!uv )pip install", line)
        ]
        assert installations, name
        assert all("--constraint constraints.txt" in line for line in installations), name
