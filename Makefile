# GNU make 3.81 (macOS) and newer. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo stop test check bench chaos manage clean-data lock setup setup-dev

# The first of these that is new enough, unless the caller names one: PYTHON=/path/to/python make demo
CANDIDATES := python3 python3.13 python3.12 python3.11
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p $(IS_NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
RUN_STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes

# Without its bytecode cache xgboost takes seconds longer to import, in every process.
unexport PYTHONDONTWRITEBYTECODE
# Another environment that happens to be active must not be the one installed into.
unexport VIRTUAL_ENV

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: setup ## Start everything on http://127.0.0.1:8000 (PORT=8123 moves it, DETACH=1 returns when ready)
	@$(BIN)/python -m fraudapp.demo $(if $(DETACH),--detach)

stop: ## End a running demo
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m fraudapp.demo stop; else echo "No demo is running."; fi

test: setup-dev ## Run all tests, browser tests included (ARGS="-k words" passes options on)
	@$(BIN)/python -m tests.browser
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

check: setup-dev ## Lint, types, import layers, migrations, published schema, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.with_servers $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.with_servers $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m tests.with_servers $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/python -m pytest --quiet tests/fraudapp/test_compose.py

bench: setup-dev ## Measure throughput and latency, write bench/results.json
	$(BIN)/python -m bench

chaos: setup-dev ## Kill, empty and slow down every part (35 minutes), write docs/reliability.md
	$(BIN)/python -m tests.chaos

manage: setup ## Run a command on the running demo (ARGS="train_model")
	@$(BIN)/python -m fraudapp.demo manage $(ARGS)

clean-data: ## Remove the demo's data (not while it runs)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m fraudapp.demo clean; else rm -rf .data; fi

lock: setup-dev ## Resolve the dependencies again and write the requirements files
	$(BIN)/uv lock --upgrade
	$(BIN)/uv export -q --no-emit-project --no-header --extra demo --format requirements-txt -o requirements.txt
	$(BIN)/uv export -q --no-emit-project --no-header --extra demo --extra dev --format requirements-txt -o requirements-dev.txt

setup: $(RUN_STAMP)
setup-dev: $(DEV_STAMP)

.venv/pyvenv.cfg:
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" $(IS_NEW_ENOUGH); then \
		echo "Python 3.11 or newer is needed; install it, or name it: PYTHON=/path/to/python make demo"; exit 1; fi
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making the virtual environment .venv."
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; exit 1; }

$(BIN)/.uv: requirements-uv.txt .venv/pyvenv.cfg
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.txt
	@touch $@

$(RUN_STAMP): requirements.txt $(BIN)/.uv
	@echo "Installing what the demo needs (about 1 GB)."
	@$(INSTALL) -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(BIN)/.uv
	@echo "Installing what development needs (about 1.4 GB)."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@ $(RUN_STAMP)
