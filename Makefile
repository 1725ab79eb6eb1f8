# make book, make test: each makes what it needs. make help lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
PAGE := _build/html/index.html

# No progress bars in outputs; see CONTRIBUTING.md.
export TQDM_DISABLE := 1

# Another machine, as far as one can be had here: other kernels, other last digits.
EMULATED := ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1
NBVAL := $(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout 300 -n 2 --dist loadscope -q chapters

.DEFAULT_GOAL := help
.PHONY: help book test unit check-notebooks check-notebooks-elsewhere notebooks results bench bench-table lint clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-26s %s\n", $$1, $$2}'

# One pip command resolves everything; it runs again only when a version or a range has changed.
# Modules are compiled when they are first used: most never are, and compiling all takes longer than the book.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  f"Python {v[0]}.{v[1]} is too old; this needs 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[book,test]' -c constraints.txt
	@touch $@

# The peers bring a hundred packages that nothing else needs.
$(BENCH_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[bench,test]' -c constraints.txt
	@touch $@

book: $(STAMP) ## build the HTML book and print the file to open
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet . || { echo "make book: the book did not build; the cause is above"; exit 1; }
	@echo "Open file://$(CURDIR)/$(PAGE)"

test: lint unit check-notebooks ## lint, unit tests, every notebook, and the book itself

unit: $(STAMP) ## unit tests and the tests of the book
	$(BIN)/pytest -n 2 --dist loadscope -q -m 'not slow' --cov --cov-report=term tests

check-notebooks: $(STAMP) ## run every notebook again and compare with what is stored
	$(NBVAL)

check-notebooks-elsewhere: $(STAMP) ## the same, as if on another machine
	$(EMULATED) $(NBVAL)

notebooks: $(STAMP) ## run every notebook and store its outputs
	$(BIN)/python tools/run_notebooks.py

results: $(STAMP) ## list the recorded results, their age and the hours left; make what is missing
	$(BIN)/python -m transformer_lib.workbench.programme

bench: $(BENCH_STAMP) ## measure ours and peers side by side, growth, precision, processes (an hour and a quarter; see benchmarks/)
	$(BENCH_VENV)/bin/pytest -q -m 'not slow' tests/test_benchmarks.py
	OMP_NUM_THREADS=1 $(BENCH_VENV)/bin/python -m benchmarks.run
	$(BENCH_VENV)/bin/python -m benchmarks.growth
	$(BENCH_VENV)/bin/python -m benchmarks.processes
	$(BENCH_VENV)/bin/python -m benchmarks.breakdown
	$(BENCH_VENV)/bin/python -m benchmarks.precision

bench-table: $(STAMP) ## print what the last make bench measured
	$(BIN)/python -m benchmarks.table

lint: $(STAMP) ## ruff, and the workflows against their schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

clean: ## remove what was built; the virtual environment stays
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
