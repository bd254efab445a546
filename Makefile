# Everything runs in the project's own virtual environment: nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
REQUIRE_ALL ?= 0
WORKERS ?= auto

.PHONY: demo test proof bench lab check format clean

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "srtp-audit needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	mkdir -p demo
	$(BIN)/python -m pcaps.demo

test: $(STAMP)
	REQUIRE_ALL=$(REQUIRE_ALL) $(BIN)/python -m pytest -m 'not proof' -n $(WORKERS) --dist loadfile

proof: $(STAMP)
	$(BIN)/python -m tests.proof

# The experiment of docs/experiment.md, its plots and tables, from a seed; about ten minutes.
lab: $(STAMP)
	$(BIN)/python -m pcaps.lab

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(BIN)/python -m tests.bench; told=$$?; $(BIN)/python -m tests.bench.large && exit $$told

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
