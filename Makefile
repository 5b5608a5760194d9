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

# HAProxy in front instead of Serve's Python proxy: uploads of gigabytes leave the proxy's memory flat.
export RAY_SERVE_ENABLE_HA_PROXY ?= 1
export RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH ?= stt_ai.api.http.proxy.middlewares
# What Serve has no settings for, this adds to HAProxy's configuration before it becomes HAProxy:
# stt_ai/deployments/haproxy.py.
export RAY_SERVE_HAPROXY_BINARY_PATH ?= $(abspath $(BIN))/stt-ai-haproxy
# HAProxy says who is calling, in a header whose name callers cannot know. uvicorn must not believe the callers' own
# headers.
export STT_AI_PEER_HEADER ?= X-Peer-$(shell od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
export FORWARDED_ALLOW_IPS ?=
export RAY_USAGE_STATS_ENABLED ?= 0
# A redeploy leaves the HAProxy that was there to those whom it serves: as long as the old ingress lives, and not to
# connections on which nothing happens. One that dies is noticed within seconds, and dies with the process that runs it.
export RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S ?= 630
export RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S ?= 10
export RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S ?= 2
# One that only starts slowly is not dead.
export RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S ?= 60
export RAY_process_group_cleanup_enabled ?= 1
# A busy or slow machine may take longer than the default half minute to start Ray.
export RAY_raylet_start_wait_time_s ?= 120
# Ray starts replicas at niceness 15: whatever else runs on the machine, its own helpers too, would go before the models.
export RAY_worker_niceness ?= 0
# Every process of the service and of the tests imports the same modules: compiled once, not in each, also where the
# environment says to keep nothing. They are kept beside the modules, in $(VENV).
export PYTHONDONTWRITEBYTECODE :=

.PHONY: serve test check bench audit demo-models clean

# Ray asks for a token, which it makes and keeps in ~/.ray/auth_token. Its second variable, which other systems have from
# the start, says that there will be no other node: then its processes listen on the loopback alone.
# Weights come first, with a bar: a replica that fetched them would look as if the start hung. What cannot be had now is
# asked for again when it is loaded.
serve: $(VENV)/.server
	@echo "==> looking for the models that this machine will serve with"
	-@$(BIN)/stt-ai --config serve_config.yaml models pull --best-effort
	@echo "==> starting stt_ai on http://127.0.0.1:8000 (Ctrl-C stops it)"
	@umask 077; chmod -f go= ~/.ray/auth_token; \
	  RAY_AUTH_MODE=$${RAY_AUTH_MODE:-token} RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 $(BIN)/serve run serve_config.yaml

# Model libraries' threads wait asleep, not turning: the workers share the cores.
test: $(VENV)/.test $(NODE_PACKAGES)
	@OMP_WAIT_POLICY=PASSIVE KMP_BLOCKTIME=0 $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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

# The stamp is the extra's name; installed again only when what is asked for changed.
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
