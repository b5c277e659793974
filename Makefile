# make test    the whole suite        make demo    the guest shop in a browser
# make lint    style and types        make bench   what it costs, as ratios
# make docs    the documentation as a site, in build/site
# make size    the lines of each module, without the dev core
#
# Each makes its virtual environment first when that is missing or out of date, from
# hashed locks, with plain pip: nothing is needed but make and Python >= 3.10 with venv.
#
#   make test TESTS=tests/test_claims.py    a part of the suite
#   make test PYTHON=python3.12             another Python, for a new environment
#   make test VERSIONS=oldest               the oldest dependencies that are supported
#   make demo PORT=8001                     another port; 0 takes any that is free

PYTHON ?= python3
UV ?= uv
TESTS ?=
PORT ?=
VERSIONS ?= newest

ifeq ($(VERSIONS),newest)
VENV := .venv
LOCKS := requirements.lock
else ifeq ($(VERSIONS),oldest)
VENV := .venv-oldest
LOCKS := requirements.lock requirements-oldest.lock
else
$(error VERSIONS is newest or oldest, not "$(VERSIONS)")
endif

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
READY := $(VENV)/.ready
BENCHES := $(sort $(basename $(notdir $(wildcard benchmarks/bench_*.py))))
CHECKED := $(wildcard *.py .ci/*.py supertokens_guest tests testkit demo benchmarks)

.DEFAULT_GOAL := help
.PHONY: help test demo lint format bench size docs venv lock dist clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# A worker gets half of the tests in a row, and what is made for a module is made once.
test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)

demo: $(READY)
	$(BIN)/python -m demo $(if $(PORT),--port $(PORT))

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/yamllint --strict .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

size:
	@git ls-files 'supertokens_guest/*.py' | grep -v /devcore/ | xargs wc -l | sort -n

bench: $(READY)
	@status=0; for name in $(BENCHES); do \
	  $(BIN)/python -m benchmarks.$$name || status=1; done; exit $$status

# In an environment of its own: who runs the demo or the tests need not wait for it.
# It warns of an end of life that does not concern the build.
docs: .venv-docs/.ready
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict

venv: $(READY)

# A lock is complete, so pip has nothing to decide: whatever came out since, and however
# old the pip of this Python is, it looks for no release and builds none. The second lock
# goes over the first, so the test tools stay as new as they are. The package is linked,
# not copied, and built by the locked hatchling: every download is checked against a hash.
# Compiling all of it would take longer than the rest; Python compiles what is imported.
$(READY): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo >&2 'Python 3.10 or newer is needed: make PYTHON=/path/to/python3 ...'; \
	  exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-compile --no-deps --require-hashes --only-binary :all: \
	  -r requirements.lock
ifeq ($(VERSIONS),oldest)
	@$(PIP) install --no-compile --no-deps --require-hashes --only-binary :all: \
	  -r requirements-oldest.lock
endif
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

.venv-docs/.ready: requirements-docs.lock
	@echo "Making .venv-docs with $$($(PYTHON) --version)"
	@rm -rf .venv-docs
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip --disable-pip-version-check --quiet install --no-compile \
	  --no-deps --require-hashes --only-binary :all: -r requirements-docs.lock
	@.venv-docs/bin/python -m pip check
	@touch $@

# For maintainers, after a change of dependencies; needs uv (https://docs.astral.sh/uv/).
# One file serves all Pythons and platforms and names no package index.
COMPILE := $(UV) pip compile pyproject.toml --quiet --upgrade --universal \
  --python-version 3.10 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock:
	$(COMPILE) --all-extras --group build --group tests --group lint -o requirements.lock
	$(COMPILE) --all-extras --resolution lowest-direct -o requirements-oldest.lock
	$(subst pyproject.toml,,$(COMPILE)) --group docs -o requirements-docs.lock

# From one commit the same bytes, wherever and whenever it is built.
dist: $(READY)
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist

clean:
	rm -rf .venv .venv-* dist build .coverage .pytest_cache .mypy_cache \
	  .ruff_cache .hypothesis
