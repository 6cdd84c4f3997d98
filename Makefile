# Two commands are enough on a fresh machine: `make serve` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Empty: the newest of Python 3.11 to 3.14 that works here.
PYTHON ?=
VENV ?= .venv
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install --disable-pip-version-check --quiet

HOST ?= 127.0.0.1
PORT ?= 8000
MODELS ?= models
ARGS ?=
DEMO ?= runs/demo

SERVICE_READY := $(VENV)/.service-installed
DEV_READY := $(VENV)/.dev-installed

.PHONY: help serve setup test coverage test-slow test-browser test-gpu check format typecheck lint train export bench demo-train docs clean lock audit-dependencies \
        proof proof-schema proof-fuzz proof-soak proof-overload proof-kill proof-hostile compose-smoke

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --no-deps: mediapipe asks for another OpenCV wheel, and cv2 must come from exactly one. The project itself is installed
# as a link to this checkout, for the command htnet and so that it runs from every folder.
$(SERVICE_READY): requirements/service.txt requirements/make_venv.sh requirements/system_libraries.sh pyproject.toml setup.py
	requirements/make_venv.sh $(VENV) $(PYTHON)
	requirements/system_libraries.sh service
	@echo "installing the service's packages into $(VENV)"
	$(PIP_INSTALL) --no-deps -r requirements/service.txt
	$(PIP_INSTALL) --no-deps -e .
	@touch $@

# The pip line with torch adds what torch itself needs where its wheel is a CUDA build; it is a no-op for the CPU build.
$(DEV_READY): requirements/dev.txt requirements/make_venv.sh requirements/system_libraries.sh pyproject.toml setup.py
	requirements/make_venv.sh $(VENV) $(PYTHON)
	requirements/system_libraries.sh dev
	@echo "installing the packages for training, export and tests into $(VENV)"
	$(PIP_INSTALL) --no-deps -r requirements/dev.txt
	$(PIP_INSTALL) --constraint requirements/dev.txt "$$(grep '^torch==' requirements/dev.txt)"
	$(PIP_INSTALL) --no-deps -e .
	@touch $@ $(SERVICE_READY)

setup: $(DEV_READY) ## install everything for development and tests

serve: $(SERVICE_READY) ## start the service: make serve HOST=127.0.0.1 PORT=8000 MODELS=models
	HTNET_HOST=$(HOST) HTNET_PORT=$(PORT) HTNET_MODELS_DIR=$(MODELS) exec $(PY) -m service

# A fast test that hangs ends the run and shows where every thread stands; the other targets have tests that take longer.
test: $(DEV_READY) ## the fast tests
	$(PY) -m pytest -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true $(ARGS)

# Beside `make test`, not in it: tracing costs the parts written in Python up to half as much time again.
coverage: $(DEV_READY) ## the fast tests, and which lines they do not reach
	$(PY) -m pytest --cov --cov-report=term:skip-covered $(ARGS)

test-slow: $(DEV_READY) ## tests that take minutes
	$(PY) -m pytest -m "slow and not docker and not browser and not gpu and not bench" $(ARGS)

test-browser: $(DEV_READY) ## the page in Chromium and Firefox, installed where that is allowed
	@test -x /usr/bin/chromium && test -x /usr/bin/firefox-esr \
	  || { test "$$(id -u)" = 0 && apt-get update -q && apt-get install -yq --no-install-recommends chromium firefox-esr; } \
	  || { echo "The browsers are missing: sudo apt-get install chromium firefox-esr"; exit 1; }
	$(PY) -m pytest -m browser tests/browser $(ARGS)

test-gpu: $(DEV_READY) ## training on a CUDA device
	$(PY) -m pytest -m gpu tests/model_training $(ARGS)

check: lint typecheck ## ruff, mypy --strict, import rules
	$(VENV)/bin/lint-imports

lint: $(DEV_READY)
	$(PY) -m ruff check .

typecheck: $(DEV_READY)
	$(PY) -m mypy

format: $(DEV_READY) ## format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

train: $(DEV_READY) ## train: make train ARGS="--config configs/demo.toml" (see htnet palsy train --help)
	$(PY) -m model_training train $(ARGS)

export: $(DEV_READY) ## checkpoint -> ONNX bundle: make export ARGS="..."
	$(PY) -m export $(ARGS)

bench: $(DEV_READY) ## the benchmarks; figures go to docs/research/bench
	$(PY) -m pytest -m bench tests/bench -s $(ARGS)

# One that was stopped goes on; the second half has a folder once the first has succeeded.
demo-train: $(DEV_READY) ## simulate, train, evaluate, export and serve a small model of each task from nothing
	test -d $(DEMO)/microexpression || $(PY) -m htnet palsy demo --out $(DEMO) $(ARGS)
	$(PY) -m htnet microexpression demo --out $(DEMO)/microexpression $(ARGS)

docs: $(DEV_READY) ## the documents as a site, in build/docs; a broken link is an error
	$(PY) -m sphinx -W --keep-going -q -b html -c docs . build/docs
	@echo "the site: build/docs/index.html"

lock: $(DEV_READY) ## write requirements/*.txt from pyproject.toml and the installed versions
	$(PY) requirements/make_locks.py

audit-dependencies: $(DEV_READY) ## known vulnerabilities (pip-audit) and insecure code (bandit)
	$(PY) -m bandit --quiet --recursive --configfile pyproject.toml face service export model_training htnet
	$(PY) -m pip_audit --no-deps --disable-pip --requirement requirements/service.txt

proof: proof-schema proof-fuzz proof-kill proof-overload proof-soak ## all operation proofs; figures go to docs/research/operations

proof-schema: $(DEV_READY) ## schemathesis against the live service
	$(PY) -m pytest -m slow tests/ops/test_proof_schema.py -s $(ARGS)

proof-fuzz: $(DEV_READY) ## ten thousand mutated pictures, five thousand DICOM files and clips
	$(PY) -m pytest -m slow tests/ops/test_proof_mutated_files.py -s $(ARGS)

proof-kill: $(DEV_READY) ## kill -9 of a worker under load; every answer is in the audit
	$(PY) -m pytest -m slow tests/ops/test_proof_kill.py -s $(ARGS)

proof-overload: $(DEV_READY) ## ten times capacity for a minute
	$(PY) -m pytest -m slow tests/ops/test_proof_overload.py -s $(ARGS)

proof-hostile: $(DEV_READY) ## large pictures, bombs and slow bodies against a container (image from compose-smoke)
	$(PY) -m pytest -m "slow and docker" tests/ops/test_proof_hostile.py -s $(ARGS)

proof-soak: $(DEV_READY) ## twenty thousand requests; resident memory
	$(PY) -m pytest -m slow tests/ops/test_proof_soak.py -s $(ARGS)

compose-smoke: $(DEV_READY) ## build and start the compose project, grade a photograph, look into Prometheus
	$(PY) -m pytest -m "docker and not slow" tests/ops -s $(ARGS)

clean: ## remove what can be made again (not the environment)
	rm -rf build dist runs *.egg-info .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
