# What can be done here: `make help`. Everything is installed below this folder, into .venv.

VENV := .venv
BIN := $(VENV)/bin
PATIENTLY := $(BIN)/python scripts/patiently.py
VIEWER := tmserver/viewer
VIEWER_SOURCES := $(shell find $(VIEWER) -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/test/*')

# Optional parts of the product, as setup.py names them: make setup EXTRAS=development,vendor-formats
EXTRAS ?= development

# Which build of PyTorch is right depends on the machine: it is not locked, nor what it alone needs.
LOCKED_EXTRAS := development vendor-formats umap

# one for each choice of EXTRAS, so that another choice installs what is new
INSTALLED := $(VENV)/installed-$(EXTRAS)

# The first Python that is new enough; PYTHON=... overrules the choice.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

# Shares the tests out among processes, one for each core.
EACH_CORE := --numprocesses auto

# Leaves out what starts other programs or computes for long.
FAST := -m "not slow" --databases sqlite

# Without what Python keeps of modules that it has compiled, each process that a test starts would
# compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup viewer types demo serve test test-all coverage test-fast test-versions torture fresh lint lock hooks bench clean

help: ## show this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(VIEWER)/dist/index.html ## install everything into .venv and build the viewer

viewer: $(VIEWER)/dist/index.html ## build the browser viewer alone

types: setup ## write the viewer's types of the HTTP API, after changes of what is sent or answered
	@$(BIN)/python scripts/api_types.py

demo: setup ## run a sample plate, or your images, from files to a map: make demo ARGS="--help"
	@$(BIN)/tm demo $(ARGS)

serve: setup ## start the server, its workers and its queue: make serve ARGS="--port 8080"
	@$(BIN)/tm serve $(ARGS)

test: setup ## run all tests: make test ARGS="tests/tmclient -k retry"
	@$(BIN)/python scripts/system_packages.py postgresql redis chromium slurm slapd shell
	$(BIN)/python scripts/npm.py test
	$(BIN)/python -m pytest $(EACH_CORE) $(ARGS)

test-all: override ARGS := --databases all $(ARGS)
test-all: test ## run all tests on both databases, also where the code is the same for both

coverage: override ARGS := --cov --cov-report term:skip-covered $(ARGS)
coverage: test ## run all tests, and say which lines none of them runs

test-fast: setup ## run the tests that start no other program and compute little
	$(BIN)/python -m pytest $(EACH_CORE) $(FAST) $(ARGS)

# modules are compiled when they are installed: some old ones warn then, and warnings are errors in tests
test-versions: setup ## run the fast tests with the oldest and with the newest requirements that setup.py allows
	@for resolution in lowest-direct highest; do \
		echo "With the requirements of uv's resolution $$resolution:"; \
		$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/$$resolution \
		&& $(BIN)/uv pip install --quiet --compile-bytecode --python build/$$resolution \
			--resolution $$resolution -e '.[development]' \
		&& build/$$resolution/bin/python -m pytest $(EACH_CORE) $(FAST) $(ARGS) || exit 1; \
	done

torture: setup ## break things during workflows, and compare: make torture ARGS="--runs 100 --seed 1"
	@$(BIN)/python scripts/system_packages.py postgresql redis
	@$(BIN)/python -W ignore -m tests.acceptance.torture $(ARGS)

fresh: ## run demo and tests on a new, empty Debian: make fresh ARGS="trixie --user newcomer --only demo"
	@python3 scripts/fresh_machine.py $(ARGS)

lint: setup ## check style and types, of Python and of the viewer
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/npm.py run check

lock: $(BIN)/python ## renew the versions in constraints.txt, within the ranges of setup.py
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt uv
	$(BIN)/uv pip compile setup.py --quiet --upgrade --universal --python-version 3.11 \
		$(addprefix --extra ,$(LOCKED_EXTRAS)) --annotation-style line \
		--custom-compile-command "make lock" --output-file constraints.txt

hooks: setup ## let git check style before it commits, and types before it pushes
	$(BIN)/pre-commit install

bench: setup ## compare with other programs: make bench ARGS="pyramid features"
	@$(BIN)/python -W ignore -m benchmarks $(ARGS)

clean: ## remove what was installed and built; data folders stay
	rm -rf $(VENV) $(VIEWER)/node_modules $(VIEWER)/dist build *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@sh scripts/create_venv.sh "$(PYTHON)" $(VENV)

$(INSTALLED): $(BIN)/python setup.py pyproject.toml constraints.txt
	@$(PATIENTLY) "Installing tmserver and what it needs into $(VENV), some minutes the first time" \
		$(BIN)/python -m pip install --disable-pip-version-check \
		--constraint constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

$(VIEWER)/node_modules/.package-lock.json: $(VIEWER)/package-lock.json | $(INSTALLED)
	@$(PATIENTLY) "Installing what the viewer needs" \
		$(BIN)/python scripts/npm.py ci --no-audit --no-fund
	@touch $@

$(VIEWER)/dist/index.html: $(VIEWER)/node_modules/.package-lock.json $(VIEWER_SOURCES)
	@$(PATIENTLY) "Building the viewer" $(BIN)/python scripts/npm.py run build
	@touch $@
