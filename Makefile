# Two commands: `make demo` and `make test`. Both make an environment in .venv when none is active.

PYTHON ?= python3
ifdef VIRTUAL_ENV
  BIN := $(VIRTUAL_ENV)/bin
else
  BIN := .venv/bin
endif
RUNNING := $(BIN)/.plainfilm-installed
DEVELOPING := $(BIN)/.plainfilm-developing
# uv where it is on the PATH, else pip; both take the versions of constraints.txt. Neither compiles modules: Python
# does that with those that are imported, which are few of all, and keeps them.
ifneq ($(shell command -v uv 2>/dev/null),)
  INSTALL := uv pip install --quiet --python $(BIN)/python
else
  INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
endif
# They make every later start faster; an environment variable must not switch that off.
export PYTHONDONTWRITEBYTECODE :=
# Two test processes with two threads each on two cores get into each other's way.
test test-all coverage: export OMP_NUM_THREADS = 1

.PHONY: demo test test-all coverage check site real format install install-dev clean

demo: install  ## films and reports in, an aligned model and scored retrieval out
	$(BIN)/plainfilm demo --out demo

FAST := $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test: install-dev check  ## the fast suite
	$(FAST)

coverage: install-dev check  ## the fast suite under a tracer, which takes it nearly twice as long; branch coverage of at least 95 %
	$(FAST) --cov --cov-report=term:skip-covered --cov-fail-under=95

test-all: install-dev check  ## every test, slow ones too
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: install-dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

site: install-dev  ## the documentation, to be read from build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

real: install-dev  ## the documented runs on real films, half an hour or more; rewrites the tables of docs/real-data.md
	$(BIN)/python benchmarks/real_runs.py

format: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(RUNNING)  ## what running needs

install-dev: $(DEVELOPING)  ## and what developing needs: tests, style, types, all extras

$(RUNNING): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -c constraints.txt -e .
	touch $@

$(DEVELOPING): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -c constraints.txt -e ".[dev]"
	touch $(RUNNING) $@

$(BIN)/python:
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .coverage*
