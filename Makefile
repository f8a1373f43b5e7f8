# Everything a person does with this repository. `make help` lists it.
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PYTEST_FLAGS ?= --numprocesses=$(JOBS) --dist=worksteal
# The random campaigns of `make soak`: how many commands in all, from which number, and for how long at most (no limit).
SOAK_COMMANDS ?= 10000000
SOAK_SEED ?= $(shell date +%s)
SOAK_SEED := $(SOAK_SEED)
SOAK_SECONDS ?=

VENV := .venv
PY := $(VENV)/bin/python
WORLD := $(VENV)/bin/world
CORE_SOURCES := $(shell find src/worldmarkets/core -name '*.py' -o -name '*.pxd' -o -name '*.h' 2>/dev/null)

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build up replay test check fast format bench soak demo docs lock clean
# CFLAGS of the environment would replace the flags that the core is compiled with.
unexport CFLAGS CPPFLAGS LDFLAGS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## This list
	@sed -nE 's/^([a-z]+):.*  ## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: $(VENV)/.compiled  ## Make .venv from requirements.lock and compile the core; nothing to do when nothing changed

up: build  ## Run a venue with a played market and trading agents: http on 8000, stream on 8001, data in ./data
	@$(WORLD) up

replay: build  ## Replay a recorded market, with portfolios trading in it, and say where the report is
	$(WORLD) replay l2 --out out
	@echo "The report is $(CURDIR)/out/replay.html: open it in a browser."

test: build  ## All tests: compiled, then those marked `both` again on the interpreted core
	WORLDMARKETS_REQUIRE_COMPILED=1 $(PY) -m pytest $(PYTEST_FLAGS) -m "not soak"
	WORLDMARKETS_PURE=1 $(PY) -m pytest $(PYTEST_FLAGS) -m "both and not soak"

check: build  ## Lint, types, layers, twins, unused names, docs, licences, fast tests: run it before every commit
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m tools.check_layers
	$(PY) -m tools.check_core
	$(PY) -m tools.check_hot
	$(PY) -m tools.check_unused
	$(PY) tools/twins.py --check
	$(PY) -m tools.check_licences
	$(PY) -m tools.check_docs
	$(PY) -m tools.http_reference --check
	$(MAKE) --no-print-directory fast

fast: build  ## The fast tests alone
	WORLDMARKETS_REQUIRE_COMPILED=1 $(PY) -m pytest $(PYTEST_FLAGS) -m "not slow and not soak"

format: $(VENV)/.locked  ## Let ruff sort imports, mend what it can, and lay out the code
	$(PY) -m ruff check --fix --quiet || true
	$(PY) -m ruff format

bench: build  ## Every headline figure in one table, and in benchmarks/out.json (the peer is in requirements.lock too)
	WORLDMARKETS_REQUIRE_COMPILED=1 $(PY) -m benchmarks

soak: build  ## Random campaigns on every core: SOAK_COMMANDS (10 million) from SOAK_SEED, SOAK_SECONDS at most if given
	@echo "soak: $(SOAK_COMMANDS) commands; once more the same: make soak SOAK_SEED=$(SOAK_SEED) SOAK_COMMANDS=$(SOAK_COMMANDS)"
	WORLDMARKETS_REQUIRE_COMPILED=1 WORLDMARKETS_SEED=$(SOAK_SEED) WORLDMARKETS_SOAK_JOBS=$(JOBS) \
	  WORLDMARKETS_SOAK=$(SOAK_COMMANDS) $(if $(SOAK_SECONDS),WORLDMARKETS_SOAK_SECONDS=$(SOAK_SECONDS)) \
	  $(PY) -m pytest $(PYTEST_FLAGS) -m soak -rP -v

demo: build  ## Every program of examples/, one after another
	@for script in examples/[a-z]*.py; do echo "== $$script"; $(PY) "$$script"; done

docs: $(VENV)/.locked  ## The documentation site, into site/; read it with: python3 -m http.server --directory site
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs --quiet build --strict --clean
	@echo "site/index.html is built; to search it too: $(PYTHON) -m http.server --directory site"

lock:  ## Pin every requirement with hashes, from pyproject.toml, into requirements.lock (UPGRADE=1: to the newest)
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet \
	  "$$($(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["lock"])')"
	.venv-lock/bin/uv pip compile pyproject.toml --group dev --group bench --universal --generate-hashes \
	  --no-annotate --quiet --custom-compile-command "make lock" --output-file requirements.lock $(if $(UPGRADE),--upgrade)

clean:  ## Remove what was built, and .venv
	rm -rf $(VENV) .venv-lock build dist site *.egg-info src/*.egg-info .pytest_cache .mypy_cache .ruff_cache htmlcov
	find src -name '__pycache__' -prune -exec rm -rf {} +
	find src/worldmarkets -name '*.so' -delete 2>/dev/null || true
	git clean -fdXq -- src/worldmarkets/core

# The environment, remade when a pin changed.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 is needed, not {sys.version}")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --require-hashes --requirement requirements.lock
	@touch $@

# The package and its `world` command, linked to this tree. The core is compiled below, in place and only what changed.
$(VENV)/.linked: $(VENV)/.locked pyproject.toml
	WORLDMARKETS_BUILD=none $(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.compiled: $(VENV)/.linked setup.py $(wildcard tools/twins.py) $(CORE_SOURCES)
	WORLDMARKETS_REQUIRE_COMPILED=1 $(PY) setup.py --quiet build_ext --inplace --parallel $(JOBS)
	@touch $@
