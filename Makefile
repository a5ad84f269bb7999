PYTHON ?= python3
BIN := .venv/bin
INDEX := sparton-index

.PHONY: demo test quick check clean

demo: .venv/demo
	$(BIN)/sparton index data/catalog.parquet --index $(INDEX)
	$(BIN)/sparton search "small black leather crossbody bag" --index $(INDEX) -k 3 --explain

# One after the other they would leave a core idle: half of what Ray's tests take is waiting for processes to start.
test: .venv/dev
	$(BIN)/python -m pytest -m cluster -p no:cacheprovider > .venv/cluster.log 2>&1 & cluster=$$!; trap 'kill $$cluster' INT TERM; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not cluster"; rest=$$?; \
	wait $$cluster; cluster=$$?; cat .venv/cluster.log; exit $$((rest || cluster))

quick: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu"

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .venv/src && ln -sfn ../.. .venv/src/sparton
	MYPYPATH=.venv/src $(BIN)/mypy -p sparton

clean:
	rm -rf $(INDEX) build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --editable '.[tiny]' --constraint constraints.txt
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --editable '.[tiny,test,dev]' --constraint constraints.txt
	@touch $@ .venv/demo
