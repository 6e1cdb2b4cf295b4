# Two commands: `make demo` and `make test`. Both make an environment in .venv when none is active.

PYTHON ?= python3
ifdef VIRTUAL_ENV
  BIN := $(VIRTUAL_ENV)/bin
else
  BIN := .venv/bin
endif
STAMP := $(BIN)/.plainfilm-installed
# Compiled modules make every later start faster; an environment variable must not switch that off.
export PYTHONDONTWRITEBYTECODE :=
# Two test processes with two threads each on two cores get into each other's way.
test test-all: export OMP_NUM_THREADS = 1

.PHONY: demo test test-all check site real format install clean

demo: install  ## films and reports in, an aligned model and scored retrieval out
	$(BIN)/plainfilm demo --out demo

test: install check  ## the fast suite with branch coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --cov --cov-report=term:skip-covered --cov-fail-under=95

test-all: install check  ## every test, slow ones too
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: install  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

site: install  ## the documentation, to be read from build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

real: install  ## the documented runs on real films, half an hour or more; rewrites the tables of docs/real-data.md
	$(BIN)/python benchmarks/real_runs.py

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .coverage*
