PYTHON ?= python3
BIN := .venv/bin
INDEX := sparton-index
# What was tested with the Python in use; with another than those that have a file, pip takes what is newest.
VERSION := $(shell $(firstword $(wildcard .venv/bin/python) $(PYTHON)) -c 'import sys; print("%d%d" % sys.version_info[:2])')
TESTED := $(wildcard constraints/py$(VERSION).txt)
PYTHONS ?= 3.11 3.12 3.13
TESTS ?= quick
# What make demo searches for, in the words of the catalogue and in others.
ASKED = wallet boots raincoat "fanny pack" "a bag for my laptop" "gift for a man who loses his keys"
# Files with tests of Ray: to collect all others beside them takes longer than some of the tests.
CLUSTER = $(shell grep -rl --include="test_*.py" "mark.cluster" tests)
# Else each of the hundreds of processes that the tests start would compile the package, and each worker the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: installed demo test quick test-all check docs clean

demo: .venv/demo
	$(BIN)/sparton index data/catalog.parquet --index $(INDEX) --field brand --field price --field in_stock
	$(BIN)/sparton search "small black leather crossbody bag" --index $(INDEX) -k 3 --explain
	@for query in $(ASKED); do echo; echo "sparton search \"$$query\""; \
	    $(BIN)/sparton search "$$query" --index $(INDEX) -k 3 || exit 1; done
	$(BIN)/sparton search "evening clutch" --index $(INDEX) -k 3 --filter 'price < 200 and in_stock' --facet brand

# Whether what is installed works; the same file tries a wheel and an image.
installed: .venv/demo
	$(BIN)/python tests/installed.py

# One after the other they would leave a core idle: half of what Ray's tests take is waiting for processes to start.
test: .venv/dev
	$(BIN)/python -m pytest -m cluster -p no:cacheprovider $(CLUSTER) > .venv/cluster.log 2>&1 & cluster=$$!; trap 'kill $$cluster' INT TERM; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not cluster"; rest=$$?; \
	wait $$cluster; cluster=$$?; cat .venv/cluster.log; exit $$((rest || cluster))

quick: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu"

# Not in .ci/run: each Python gets an environment in .venvs, of some 8 GB.
test-all:
	$(PYTHON) tests/every_python.py $(PYTHONS) --tests $(TESTS)

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .venv/src && ln -sfn ../.. .venv/src/sparton
	MYPYPATH=.venv/src $(BIN)/mypy -p sparton

# A site in build/site, of what is here: no other host is asked, neither now nor by who reads it.
docs: .venv/docs
	$(BIN)/python benchmarks/figures.py docs/figures.md
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --quiet --strict
	$(BIN)/python docs/site/check.py build/site

clean:
	rm -rf $(INDEX) build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml $(TESTED)
	$(BIN)/pip install --quiet --editable . $(TESTED:%=--constraint %)
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml $(TESTED)
	$(BIN)/pip install --quiet --editable '.[test,dev]' $(TESTED:%=--constraint %)
	@touch $@ .venv/demo

.venv/docs: .venv/bin/python pyproject.toml $(TESTED)
	$(BIN)/pip install --quiet --editable '.[docs]' $(TESTED:%=--constraint %)
	@touch $@
