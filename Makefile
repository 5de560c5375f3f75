# Two commands do everything: `make demo` and `make test`. The rest are parts of them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs clean

help:
	@echo "make demo   install into $(VENV) and run the whole way on a simulated cohort (writes demo/)"
	@echo "make test   install the test extra as well; style, types, layers, then the whole suite"
	@echo "make lint   style, types and layers alone"
	@echo "make docs   the documentation, into docs/_build/html"
	@echo "make clean  remove what these commands made, $(VENV) included"

demo: $(VENV)/.installed
	$(BIN)/tumor-response demo

# files stay whole, because their fixtures are dear
test: lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-test
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:
	rm -rf $(VENV) demo build dist docs/_build docs/api/generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find tumor_response tests -name __pycache__ -type d -prune -exec rm -rf {} +

# PyRadiomics is published as source alone. Better to say so here than in 200 lines of pip's.
define CHECK_COMPILER
@$(BIN)/python -c 'import radiomics' 2>/dev/null || \
  { command -v cc && test -f "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"; } >/dev/null || { \
  echo "PyRadiomics is compiled while it is installed, and the C compiler or Python's headers are"; \
  echo "not here. On Debian or Ubuntu: apt-get install gcc libc6-dev python3-dev"; exit 1; }
endef

# The install is editable, so that only a change of pyproject.toml asks for another one.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(CHECK_COMPILER)
	$(BIN)/python -m pip install --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(CHECK_COMPILER)
	$(BIN)/python -m pip install --editable ".[test]"
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "'$(PYTHON)' is not there. Install Python 3.11 or newer (Debian, Ubuntu:"; \
	  echo "apt-get install python3 python3-venv), or say which one: make demo PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "tumor_response needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1)."; \
	  echo "Say which one to use: make demo PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
