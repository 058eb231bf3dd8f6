# `make run` reproduces the default experiment, `make test` checks the code.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(abspath $(VENV))/bin
# Extra words for pip, e.g. PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=
# Extra words for Snakemake, e.g. ARGS="--resources gpu=1"
ARGS ?=
ifneq ($(findstring --config,$(ARGS)),)
$(error `make run` is of the default experiment: for another, run `snakemake --cores all $(ARGS)`)
endif

.PHONY: run test test-all slurm-test browser-test check format docs environment development clean

run: environment
	PATH="$(BIN):$$PATH" snakemake --cores all $(ARGS)
	PATH="$(BIN):$$PATH" snakemake --cores all $(ARGS) --report results/snakemake-report.html
	"$(BIN)/python" -m polymath summary

# Extra words for pytest, e.g. TESTS="tests/data -x"
TESTS ?=
# Every test's duration is kept.
PYTEST = "$(BIN)/python" -m pytest --junit-xml=.test-results/$@.xml $(TESTS)
IN_TWO_PROCESSES = -n 2 --dist loadfile --no-loadscope-reorder

# The checks and the fast tests.
test: development check
	$(PYTEST) $(IN_TWO_PROCESSES) -m "not full"

# The checks and all tests, those of `make test` among them.
test-all: development check
	$(PYTEST) $(IN_TWO_PROCESSES)

# The tests on a SLURM cluster of one node, which they start and stop. SLURM comes from Debian's
# packages if it is missing (as root, or by sudo).
slurm-test: development
	tests/slurm/install.sh
	$(PYTEST) tests/slurm --slurm

# The report in a real browser. Chromium comes from Debian's packages if it is missing.
browser-test: development
	tests/browser/install.sh
	$(PYTEST) tests/browser --browser

check: development
	"$(BIN)/ruff" format --check .
	"$(BIN)/ruff" check .
	"$(BIN)/snakefmt" --check Snakefile workflow/rules
	"$(BIN)/mypy"
	"$(BIN)/lint-imports"

format: development
	"$(BIN)/ruff" format .
	"$(BIN)/ruff" check --fix .
	"$(BIN)/snakefmt" Snakefile workflow/rules

# Regenerate pages, tables and numbers of the documents from types, kept results and benchmarks.
docs: environment
	PYTHONPATH=resources/docs "$(BIN)/python" -m generate

environment: $(VENV)/runtime.stamp
development: $(VENV)/development.stamp

$(VENV)/%.stamp: envs/%.txt envs/runtime.txt envs/constraints.txt pyproject.toml
	@echo "Installing envs/$*.txt into $(VENV) (about two minutes, once)"
	"$(PYTHON)" -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Polymath needs Python 3.11 or newer: run make PYTHON=/path/to/python3.11")'
	"$(PYTHON)" -m venv $(VENV)
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r envs/$*.txt
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) .snakemake .test-results results
