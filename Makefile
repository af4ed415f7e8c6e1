# `make` targets set up .venv by themselves and do so again only when what is installed would change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stamped with what it was made from: quick when nothing changed, made anew when a requirement did.
READY := $(VENV)/.ready
# Your own installation once it has shows; until then the demonstration, once there is one.
DEMO := $(CURDIR)/data/demo
export PODBRIEF_HOME ?= $(if $(wildcard data/shows.opml),$(CURDIR)/data,$(if $(wildcard data/demo),$(DEMO),$(CURDIR)/data))

.PHONY: setup brief test lint format ui clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "podbrief needs Python 3.11 or newer: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing podbrief into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,offline,bench]'
	@touch $@

brief: $(READY)
	@PODBRIEF_HOME=$(DEMO) $(BIN)/podbrief sample

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/dg check defs

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: $(READY)
	@echo "Dagster's UI on $(PODBRIEF_HOME)"
	$(BIN)/podbrief ui

# What was installed and what tools left behind; data/ stays, since it holds what can't be made again.
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
