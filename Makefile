# Everything runs in .venv, made from the locked requirements. Needed: Python 3.11 or newer, and make.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
SANDBOX := $(CURDIR)/$(BIN)/sandbox
# uv, with the package index that pip is set to.
INSTALL := $(BIN)/python -m sandbox.appliance.building.installer pip install --quiet --compile-bytecode --python $(BIN)/python

# As many tests at the same time as there are processors; tests of one group come one after the other.
PYTEST := $(BIN)/pytest --numprocesses auto --no-loadscope-reorder
# What the SDK makes of values, errors and tools (tests/conformance/sdk) doesn't depend on where tasks run.
ON_KUBERNETES := tests/cluster tests/conformance/nodes --conformance-backend pods

EXAMPLE := examples/diabetes
IMAGE := diabetes_xgboost_model:v1
PACKAGE := $(CURDIR)/$(VENV)/flyte-package.tgz

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help quickstart test test-cluster test-k3s lint bench histories lock wheel clean install install-dev

help:
	@echo "make quickstart   install, start, and run the four-task example"
	@echo "make test         lint, types, import contracts, all tests"
	@echo "make test-cluster the tests on a real Kubernetes in Docker; builds its node first, if need be"
	@echo "make test-k3s     the same on k3s; needs an image registry"
	@echo "make bench        measure the budgets"
	@echo "make histories    record new stories of the engine; show and accept what a change does to old ones"
	@echo "make lint         ruff, mypy --strict, import-linter"
	@echo "make lock         compile requirements/ again from pyproject.toml"
	@echo "make wheel        build the distribution into dist/"
	@echo "make clean        remove .venv and caches (a running sandbox is left alone)"

quickstart: $(VENV)/.runtime
	$(SANDBOX) start --profile embedded --source $(EXAMPLE)
	$(SANDBOX) build $(EXAMPLE) --tag $(IMAGE)
	cd $(EXAMPLE) && $(SANDBOX) exec -- pyflyte --pkgs flyte.workflows package --image $(IMAGE) --force --output $(PACKAGE)
	cd $(EXAMPLE) && $(SANDBOX) register files --project flyteexamples --domain development --archive $(PACKAGE) --version v1
	cd $(EXAMPLE) && $(SANDBOX) exec -- python launch.py --version v1

test: lint
	$(PYTEST)

test-cluster: $(VENV)/.dev
	$(PYTEST) $(ON_KUBERNETES)

test-k3s: $(VENV)/.dev
	$(PYTEST) $(ON_KUBERNETES) --distribution k3s

lint: $(VENV)/.dev
	$(BIN)/ruff check sandbox tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

histories: $(VENV)/.dev
	$(BIN)/python -m tests.histories

wheel: $(VENV)/.dev
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python
	@ls dist/*.whl

# All packages together first: what is installed at run time is a part of what the tests ran with.
lock: $(VENV)/.bootstrap
	$(call compile,requirements/bootstrap.in,bootstrap)
	$(call compile,pyproject.toml --group dev --all-extras,dev)
	$(call compile,pyproject.toml --constraint requirements/dev.txt,runtime)

define compile
UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m sandbox.appliance.building.installer pip compile --quiet \
	--generate-hashes --no-emit-index-url --universal --python-version 3.11 $(1) --output-file requirements/$(2).txt
endef

install: $(VENV)/.runtime

install-dev: $(VENV)/.dev

$(VENV)/.bootstrap: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "There is no Python 3.11 or newer on the PATH. Install one, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module does not work: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.bootstrap requirements/runtime.txt pyproject.toml
	$(INSTALL) --require-hashes --requirement requirements/runtime.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find sandbox tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
