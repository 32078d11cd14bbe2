# Deskhand: `make help` lists the targets. `run` and `test` make their own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help run test check bench docs clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e '.[dev,bench]'
	touch $@

run: $(VENV)/installed ## start Deskhand with its demo shop (PORT=8080)
	$(BIN)/deskhand serve --demo --port $(PORT)

test: $(VENV)/installed-dev ## install what the tests need and run them
	$(BIN)/pytest -q

check: $(VENV)/installed-dev ## lint, format, types and import contracts, in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

bench: $(VENV)/installed-dev ## quick run of every benchmark; results in benchmarks/results
	for script in benchmarks/*.py; do $(BIN)/python $$script --quick || exit 1; done

docs: $(VENV)/installed-dev ## render the README tree and the benchmark tables
	$(BIN)/python docs/render.py

clean: ## remove the virtual environment and build products (never your data)
	rm -rf $(VENV) build dist *.egg-info
