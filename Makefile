# Everything here works from a bare clone: a target makes the environment that it needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

# One stamp for each kind of install, inside the environment, so that they go when it goes.
CREATED := $(VENV)/.stamp-created
DEMO    := $(VENV)/.stamp-demo
DEV     := $(VENV)/.stamp-dev
DOCS    := $(VENV)/.stamp-docs
METADATA := pyproject.toml setup.py minprox/_version.py

# make docs GALLERY=0 runs no tutorial: those that ran before and have not changed keep their figures.
GALLERY ?= 1

# make audit EVERY=1 looks at every page; of those of the API and of source, which are alike, each tenth will do.
EVERY ?= 10

# Of the small nets of tutorials and tests, two threads make one another wait: ten times as long beside another job.
ALONE := OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs audit figures bench mutants clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO)  ## Train on the digits, with and without proximal steps
	$(BIN)/minprox demo

test: $(DEV)  ## Run the tests and every example in a docstring
	$(ALONE) $(BIN)/python -m pytest -n auto --dist worksteal

check: $(DEV)  ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEV)  ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(DOCS)  ## Build the documentation into docs/_build/html, tutorials included
	$(ALONE) GALLERY=$(GALLERY) $(BIN)/python -m sphinx -W --keep-going -n -q -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

audit: $(DOCS)  ## Look at the built documentation in Chromium: nothing cut, no request, contrast, search
	$(BIN)/python docs/audit/audit.py --every $(EVERY)

figures: $(DEMO)  ## Save every figure of the tutorials as PDF and SVG into docs/_build/figures
	$(ALONE) $(BIN)/python docs/tutorial_figures.py

bench: $(DEMO)  ## Time the passes and solvers on this machine
	$(BIN)/minprox bench

mutants: $(DEV)  ## Plant 200 errors and count how many the tests notice (half an hour)
	$(BIN)/python tests/mutants.py

clean:  ## Remove the environment, build output and caches (runs/ and data/ stay)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf docs/_build docs/tutorials docs/api/generated
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"minprox needs Python 3.11 or newer, found {v[0]}.{v[1]}; try make PYTHON=python3.12")'
	@echo "Making a Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(DEMO): $(CREATED) $(METADATA)
	@echo "Installing minprox into $(VENV), which takes a minute the first time"
	@$(PIP) install --editable .
	@touch $@

$(DEV): $(CREATED) $(METADATA)
	@echo "Installing minprox and the tools to develop it into $(VENV), which takes a minute the first time"
	@$(PIP) install --editable '.[dev]'
	@$(PIP) install --editable '.[mpi]' || echo "No MPI for this machine: the tests of several processes are skipped"
	@touch $@ $(DEMO)

$(DOCS): $(CREATED) $(METADATA)
	@echo "Installing minprox and what builds its documentation into $(VENV), which takes a minute the first time"
	@$(PIP) install --editable '.[docs]'
	@touch $@ $(DEMO)
