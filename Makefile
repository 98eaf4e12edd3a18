# Each target is a line or two that a reader can run by hand. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Given to what a target runs: make demo OPTIONS='--http-port 8010', make bench-peers OPTIONS=--quick
OPTIONS ?=
# What `make demo` deploys, with simulated clients: ab, canary, canary-bad, shadow, bandit, cascade, ensemble, stack, or a file
CONFIG ?=
# Which case study `make case-study` runs: diagnostics, demand, recommendations, flights
CASE ?= diagnostics
# XGBoost without what only GPUs need: make setup XGBOOST=./xgboost-cpu
XGBOOST ?=
DEV_STAMP := $(VENV)/.installed-dev
# A process per core, which takes whole files of tests: what a file sets up is set up once.
PARALLEL := --numprocesses logical --maxprocesses 4 --dist loadfile
# Clients that other people wrote, whose pins exclude ours; the tests call them there.
CLIENTS := .venv-clients
CLIENTS_STAMP := $(CLIENTS)/.installed
# MLflow's server, which tests tell of versions and read models from.
MLFLOW := .venv-mlflow
MLFLOW_STAMP := $(MLFLOW)/.installed
# s3fs, whose pins exclude ours: a folder of packages, which tests let processes of ours import.
S3 := .venv-s3
S3_STAMP := $(S3)/.installed

# Who watches sees pip's progress; a log gets a line.
QUIET := $(if $(CI),--quiet,$(shell test -t 2 || echo --quiet))
PIP = $(BIN)/python -m pip install $(QUIET) --disable-pip-version-check

.PHONY: help setup setup-dev demo case-study demo-retrain down test check lint types docs unit cluster cluster-long demos faults fuzz platforms validate wheels native fmt bench bench-trees bench-batch bench-jobs bench-train bench-peers bench-dialects bench-edge bench-fairness bench-overhead bench-recording bench-scaling bench-start bench-deployment simulate clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("serve-app needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(BIN)/python pyproject.toml constraints.txt
	@echo "installing into $(VENV): 1.8 GB on disk, a few minutes the first time"
	$(PIP) --constraint constraints.txt $(XGBOOST) --editable '.[ray,train,client,graphql,tokens]'
	@touch $@

$(DEV_STAMP): $(STAMP) pyproject.toml constraints.txt requirements-dev.txt examples/requirements.txt
	$(PIP) --constraint constraints.txt --requirement requirements-dev.txt
	$(PIP) --no-deps --requirement examples/requirements.txt
	@touch $@

setup: $(STAMP) ## build .venv from the pinned constraints

$(CLIENTS_STAMP): $(BIN)/python tests/clients/requirements.txt
	$(BIN)/python -m venv --clear $(CLIENTS)
	$(PIP:$(BIN)%=$(CLIENTS)/bin%) --no-deps --no-compile --requirement tests/clients/requirements.txt
	@touch $@

$(MLFLOW_STAMP): $(BIN)/python tests/clients/requirements-mlflow.txt
	$(BIN)/python -m venv --clear $(MLFLOW)
	$(PIP:$(BIN)%=$(MLFLOW)/bin%) --no-deps --no-compile --requirement tests/clients/requirements-mlflow.txt
	@touch $@

$(S3_STAMP): $(BIN)/python tests/clients/requirements-s3.txt
	rm -rf $(S3)
	$(PIP) --no-deps --no-compile --target $(S3) --requirement tests/clients/requirements-s3.txt
	@touch $@

setup-dev: $(DEV_STAMP) $(CLIENTS_STAMP) $(MLFLOW_STAMP) $(S3_STAMP) ## the same with the tools and clients that tests need

demo: setup ## train, register, start, deploy, predict; leaves it running (CONFIG=canary: with clients and feedback)
	$(BIN)/serve-app demo $(if $(CONFIG),--config $(CONFIG)) $(OPTIONS)

demo-retrain: setup ## data drifts, a run trains, its version takes over step by step, a bad one is rejected; leaves it running
	$(BIN)/serve-app retrain demo $(OPTIONS)

case-study: setup ## a case study from data to a live endpoint, which answers until Ctrl-C (CASE=diagnostics, demand, recommendations, flights)
	$(BIN)/python -m examples.$(CASE) $(OPTIONS)

down: ## stop all that `make demo` started
	@if [ -x $(BIN)/serve-app ]; then $(BIN)/serve-app cluster stop; else echo "nothing was ever started here"; fi

test: setup-dev lint types docs unit cluster ## everything that must hold

check: test

lint: setup-dev ## style and the layers of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup-dev ## mypy, strict
	$(BIN)/mypy

docs: setup-dev ## the documentation, in site/; a warning fails, site/index.html opens without a server
	$(BIN)/zensical build --clean --strict

unit: setup-dev ## tests without a cluster
	$(BIN)/python -m pytest -m "not cluster and not platforms and not faults" $(PARALLEL)

cluster: setup-dev ## tests on real Ray clusters, which they start and stop
	$(BIN)/python -m pytest -m "cluster and not demos and not long"

cluster-long: setup-dev ## those that take minutes: several nodes, scaling, shadows, stores; not part of `make test`
	$(BIN)/python -m pytest -m "cluster and long"

demos: setup-dev ## each `make demo CONFIG=…` to its end, with clients and feedback; not part of `make test`
	$(BIN)/python -m pytest -m demos $(OPTIONS) tests/cluster/test_demos.py

faults: setup-dev ## break what a cluster needs, and write what came of it into docs/reliability.md
	@$(BIN)/python -m pytest -m faults $(OPTIONS) tests/faults; result=$$?; \
	$(BIN)/python -m tests.faults.outcomes; exit $$result

fuzz: setup-dev ## 2,000 mutations of each kind of file, 200,000 of bodies: minutes to hours
	SERVE_APP_FUZZ_SEEDS=2000 SERVE_APP_FUZZ_BODIES=200000 $(BIN)/python -m pytest tests/security/test_fuzzed.py tests/security/test_fuzzed_bodies.py $(OPTIONS)

platforms: setup-dev ## tests that need root, namespaces and image builders (Debian); not part of `make test`
	$(BIN)/python -m pytest -m platforms

wheels: setup-dev ## the wheels of serve-app, of its client alone and of serve-app-native, in dist/
	$(BIN)/python -m hatchling build --target wheel --directory dist
	cd client && ../$(BIN)/python -m hatchling build --target wheel --directory ../dist
	cd native && ../$(BIN)/python -m hatchling build --target wheel --directory ../dist

native: setup ## trees walked by a library in C, compiled here (needs a C compiler) and installed into .venv
	$(PIP) --no-deps ./native

validate: setup ## check every config against the registry (after serve-app train-examples)
	$(BIN)/serve-app validate configs/*.yaml

fmt: setup-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## throughput and latency of the demo's cluster, measured here and now
	$(BIN)/python -m benchmarks.bench

bench-trees: setup-dev ## trees in serve-app-native beside ONNX Runtime and the libraries (OPTIONS=--quick); needs a C compiler
	$(BIN)/python -m benchmarks.trees $(OPTIONS)

bench-batch: setup-dev ## a batch job beside a bare loop over the same file (OPTIONS="--rows 5000000 --peers": beside Ray Data and MLflow)
	$(BIN)/python -m benchmarks.batch $(OPTIONS)

bench-jobs: setup-dev ## how long POST /v1/jobs takes with 1,000 jobs in the ledger (OPTIONS="--ledger 5000")
	$(BIN)/python -m benchmarks.jobs $(OPTIONS)

bench-train: setup-dev ## a search beside the fits that it is made of, twice, killed and resumed
	$(BIN)/python -m benchmarks.train $(OPTIONS)

bench-peers: ## this server beside others, same model and rows (OPTIONS=--quick); needs wrk
	$(PYTHON) -m benchmarks.peers.environments harness
	benchmarks/.envs/harness/bin/python -m benchmarks.peers $(OPTIONS)

bench-dialects: setup-dev ## dialects beside each other, and MLServer beside one of them
	$(BIN)/python -m benchmarks.dialects $(OPTIONS)

bench-overhead: setup-dev ## processor time per request: of access and limits, and beside a bare Ray application
	$(BIN)/python -m benchmarks.overhead.access
	$(BIN)/python -m benchmarks.overhead $(OPTIONS)

bench-edge: setup-dev ## HAProxy with the edge's rules beside HAProxy with Ray's own configuration
	$(BIN)/python -m benchmarks.proxy $(OPTIONS)

bench-fairness: setup-dev ## a client of one row beside others that flood, at the running demo (OPTIONS=--start: at a cluster of its own, with keys)
	$(BIN)/python -m benchmarks.fairness $(OPTIONS)

bench-recording: setup-dev ## throughput with recording and drift beside that without
	$(BIN)/python -m benchmarks.recording $(OPTIONS)

bench-scaling: setup-dev ## how replicas follow the load (OPTIONS=--quick, "--scenario step")
	$(BIN)/python -m benchmarks.scaling $(OPTIONS)

bench-start: setup-dev ## seconds from a command to the first answer, and the memory of all processes (OPTIONS="--rounds 1 --json")
	$(BIN)/python -m benchmarks.start $(OPTIONS)

bench-deployment: setup-dev ## figures of the places where it runs, beside their goals (root on Debian; OPTIONS="--only ray")
	$(BIN)/python -m benchmarks.deployment $(OPTIONS)

simulate: setup-dev ## what statistics promise, simulated with fixed seeds (OPTIONS="--only canary"); fails where one is missed
	$(BIN)/python -m benchmarks.simulate $(OPTIONS)

clean: down ## remove what the targets built, the registry of examples included
	rm -rf $(VENV) $(CLIENTS) $(MLFLOW) $(S3) benchmarks/.envs benchmarks/.work registry state site .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
