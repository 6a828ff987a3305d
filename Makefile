# Everything a person or CI runs. Needs Python >= 3.11 with venv, and make; uses uv where it is there.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)
RUN    := $(VENV)/run.stamp
TEST   := $(VENV)/test.stamp

ifeq ($(UV),)
CREATE  = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
else
CREATE  = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
endif

# All three locks agree: what is tested is what ships.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak lock

help:
	@echo "make setup   the virtual environment, from hashed locks"
	@echo "make demo    the whole product on this machine, with a page to click (ARGS=...)"
	@echo "make test    every test but the stories in real time (ARGS=...)"
	@echo "make check   linters, types, the direction of imports"
	@echo "make bench   the benchmarks (ARGS=...)"
	@echo "make soak    the stories in real time (ARGS=...)"
	@echo "make lock    the locks anew, with uv (LOCK_ARGS=--upgrade for newer versions)"

setup: $(TEST)

demo: $(RUN)
	$(BIN)/receiver demo $(ARGS)

test: $(TEST)
	$(BIN)/python -m pytest -n 4 -m "not soak and not bench" $(ARGS)

check: $(TEST)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint Dockerfile

bench: $(TEST)
	$(BIN)/python -m tests.bench $(ARGS)

soak: $(TEST)
	$(BIN)/python -m pytest -n 4 --dist worksteal -m soak $(ARGS)

lock:
	@test -n "$(UV)" || { echo "make lock needs uv (pip install uv)" >&2; exit 1; }
	$(COMPILE) pyproject.toml requirements/build.in requirements/test.in -o requirements/test.txt
	$(COMPILE) -c requirements/test.txt pyproject.toml -o requirements/run.txt
	$(COMPILE) -c requirements/test.txt requirements/build.in -o requirements/build.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	$(CREATE)

$(RUN): requirements/build.txt requirements/run.txt pyproject.toml | $(BIN)/python
ifeq ($(UV),)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
endif
	$(INSTALL) --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST): requirements/test.txt $(RUN)
	$(INSTALL) --require-hashes -r requirements/test.txt
	@touch $@
