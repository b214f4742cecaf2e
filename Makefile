# All that is needed is make and a Python of at least 3.10, with its venv module:
#   make test               the tests but for slow ones, in .venv: some minutes
#   make test-slow          the slow ones: kills, outages, servers, a million of this and that
#   make check              lint, format and types, in .venv
#   make demo               examples/shop to its end, in .venv-demo; its exit code is the demo's
#   make bench              all benchmarks, in .venv; writes benchmarks/results.json and README's table
#   make stack              examples/stack to its end, in .venv-stack
#   make docs               the documentation site, in build/site; a warning is an error
#   make test-all-pythons   the fast tests on every other supported interpreter that is found
#   make clean              removes everything these targets made
# PYTHON=python3.12 make test   chooses the interpreter.

PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo
STACK_VENV ?= .venv-stack
DOCS_VENV ?= .venv-docs

SHELL := /bin/sh
# Many tests are about time, threads and processes: one that a busy machine has disturbed is run again, and listed.
# Without xdist, for which the plugin would start a server in the process.
RERUNS := -p no:xdist --reruns 2 --reruns-delay 1
PIP_FLAGS := -qq --disable-pip-version-check

# The interpreter's version is part of the stamp: another PYTHON makes another environment.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
STAMP := $(VENV)/.installed-$(VERSION)
DEMO_STAMP := $(DEMO_VENV)/.installed-$(VERSION)
STACK_STAMP := $(STACK_VENV)/.installed-$(VERSION)
DOCS_STAMP := $(DOCS_VENV)/.installed-$(VERSION)

SOURCES := $(wildcard otel_ctxlog tests examples benchmarks deploy)

.PHONY: bench test test-slow check docs format demo stack test-all-pythons clean python
.DELETE_ON_ERROR:

test: $(STAMP)
	$(VENV)/bin/python -m pytest $(RERUNS) -m 'not slow' $(PYTEST_ARGS)

test-slow: $(STAMP)
	$(VENV)/bin/python -m pytest $(RERUNS) -m slow $(PYTEST_ARGS)

check: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(SOURCES)
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

format: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

demo: $(DEMO_STAMP)
	$(DEMO_VENV)/bin/python examples/shop/run.py

bench: $(STAMP)
	$(VENV)/bin/python -m benchmarks $(BENCH_ARGS)

stack: $(STACK_STAMP)
	$(STACK_VENV)/bin/python examples/stack/run.py

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict

test-all-pythons:
	$(PYTHON) tests/pythons.py

$(STAMP): pyproject.toml | python
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	# The pip that comes with an older Python gives up on OpenTelemetry's staggered releases.
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=24.2'
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[dev]'
	touch $@

$(DEMO_STAMP): pyproject.toml | python
	rm -rf $(DEMO_VENV)
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=24.2'
	$(DEMO_VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[demo]'
	touch $@

$(STACK_STAMP): pyproject.toml | python
	rm -rf $(STACK_VENV)
	$(PYTHON) -m venv $(STACK_VENV)
	$(STACK_VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=24.2'
	$(STACK_VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[stack]'
	touch $@

$(DOCS_STAMP): pyproject.toml | python
	rm -rf $(DOCS_VENV)
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=24.2'
	$(DOCS_VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[docs]'
	touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "otel_ctxlog needs Python 3.10 or later, found " + sys.version.split()[0] + "; choose another by PYTHON=... make")'

clean:
	rm -rf .venv .venv-* build dist .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find otel_ctxlog tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
