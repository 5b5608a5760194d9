# make serve         set everything up and run the service on http://127.0.0.1:8000
# make test          set everything up and run the tests
# make check         format, lint, types and the direction of imports
# make bench         benchmarks beside peers (tests/benchmarks)
# make audit         known faults of the packages in constraints.txt, from PyPI's own list of them
# make demo-models   make the demo models that ship, from nothing (hours; needs espeak-ng, flite, festival)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE_PACKAGES := tests/node/node_modules/.package-lock.json

# Every process of the service and of the tests imports the same modules: compiled once, not in each, also where the
# environment says to keep nothing. They are kept beside the modules, in $(VENV).
export PYTHONDONTWRITEBYTECODE :=

.PHONY: serve test check bench audit demo-models clean

# What Ray, Serve and HAProxy are started with, and why: stt_ai/environment.py.
serve: $(VENV)/.server
	@$(BIN)/stt-ai serve serve_config.yaml

# Model libraries' threads wait asleep, not turning: the workers share the cores.
test: $(VENV)/.test $(NODE_PACKAGES)
	@OMP_WAIT_POLICY=PASSIVE KMP_BLOCKTIME=0 $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.synchronous --check

bench: $(VENV)/.test
	@$(BIN)/python -m tests.benchmarks

# In an environment of its own: what it needs is no part of the project. A package that nothing is known of is an error.
audit: $(BIN)/python
	@test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit \
	  && $(VENV)/audit/bin/python -m pip install --disable-pip-version-check -q pip-audit; }
	@$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner=off -r constraints.txt

demo-models: $(VENV)/.train
	@$(BIN)/python -m tests.recipes.whisper
	@$(BIN)/python -m tests.recipes.diarization
	@$(BIN)/python -m tests.recipes.summaries

clean:
	rm -rf $(VENV) tests/node/node_modules build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "stt_ai needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "==> making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# A stamp carries the name of its extra. The extra is installed again only if its requirements changed.
# CTranslate2 opens CUDA libraries that torch's wheels do not bring.
CUDA := $(if $(shell command -v nvidia-smi 2>/dev/null),cuda)
$(VENV)/.server: EXTRAS := server$(CUDA:%=,%)
$(VENV)/.test: EXTRAS := server,test
$(VENV)/.train: EXTRAS := server,train
# Compiling all of 25,000 modules takes two minutes, and tests and training use a few of them.
$(VENV)/.test $(VENV)/.train: COMPILING := --no-compile
$(VENV)/.server $(VENV)/.test $(VENV)/.train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "==> installing stt_ai[$(EXTRAS)] into $(VENV); the first time this takes a few minutes"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt $(COMPILING) -e '.[$(EXTRAS)]'
	@touch $@

# npm writes this file last. No lock in the tree: it would name a registry.
$(NODE_PACKAGES): tests/node/package.json | $(VENV)/.test
	@echo "==> installing Node.js packages and a headless Chromium into tests/node"
	@PATH="$(abspath $(BIN)):$$PATH" npm install --prefix tests/node --no-package-lock --no-audit --no-fund
	@touch $@
