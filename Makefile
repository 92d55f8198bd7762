# The two commands that matter: `make run` and `make test`. Both set the environment up first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup run test test-all dev lint format bench docs sbom lock clean

help: ## what can be done here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## the environment only

# uv installs the hashed lock in seconds, pip needs minutes. uv itself comes from the same lock, hash checked.
$(READY): requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null || { \
	  echo "Python 3.11 is needed; '$(PYTHON)' is not it. Install it, or name yours: make PYTHON=/path/to/python3.11 run"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^uv==/{on=1} on{print} on&&!/\\$$/{exit}' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: setup ## the whole pipeline: on pmo.toml if there is one, else on the built-in sandbox
	@$(BIN)/pmo run

test: setup ## everything that needs Python alone (under ten minutes)
	@$(BIN)/pytest -m "not external and not slow"

test-all: setup ## also what is slow or needs other programs (Chromium …); skips what is not installed
	@$(BIN)/pytest

dev: setup ## the Dagster UI on this project's assets, runs and checks
	@$(BIN)/pmo dev

lint: setup ## formatters, linters, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfmt --check --reset-cache --no-progressbar dbt_project

format: setup ## let the formatters write
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfmt --reset-cache --quiet dbt_project

bench: setup ## benchmarks, each beside its peer or limit, as ratios
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench.scale

docs: setup ## dbt's own documentation of every table and column
	@$(BIN)/pmo docs

lock: ## resolve pyproject.toml anew into requirements.lock (hashes, no addresses)
	@$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url --quiet --output-file requirements.lock

sbom: setup ## list of all that the lock installs, with every hash (CycloneDX), in .pmo; takes a tool from the index
	@mkdir -p .pmo
	@$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock --output-reproducible \
	  --of JSON --output-file .pmo/sbom.cdx.json
	@echo "written: .pmo/sbom.cdx.json"

clean: ## factory reset: removes the state of this project, not the environment
	rm -rf .pmo
