# Every target makes its own virtual environment (.venv) and installs what it needs into it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint bench docs clean

demo: $(READY)     ## train, freeze, prove, execute and simulate a small CNN on embedded data
	$(BIN)/bittrue demo

test: lint         ## all checks: style, types, unit, property and fault-injection tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)    ## speed beside named peers, in one run
	$(BIN)/python benchmarks/engine.py

docs: $(READY)     ## regenerate the generated pages of docs/
	$(BIN)/python -m bittrue.report.pages docs

# torch comes first and alone: its version decides which build the packages that depend on it accept.
$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[train,sim,area,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist out
