# Every target installs the tools of this repository into .venv first, if they are missing.
# PostgreSQL, Redis and RabbitMQ come from POSTGRES_URL, REDIS_URL and RABBITMQ_URL, from Docker, or
# from programs installed on this machine, in this order. SERVERS=environment, SERVERS=docker or
# SERVERS=installed allows only that source.

.DEFAULT_GOAL := help
.PHONY: help demo test matrix pictures test-containers resilience bench lint format servers clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Extra arguments, for example: make test ARGS="-k servers -x"
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## render the default service, run it on real servers, smoke test its API
	@$(BIN)/python -m tools.demo

test: lint ## run all checks and tests, with rendered services on real servers and failure tests
	$(BIN)/python -m pytest --ignore=tests/containers $(ARGS)

test-containers: $(READY) ## test a rendered service in containers, started with Docker Compose
	$(BIN)/python -m pytest tests/containers $(ARGS)

matrix: $(READY) ## render, check and test every variant; print a table with times
	@$(BIN)/python -m tools.variants

resilience: export RESILIENCE := long
resilience: export RESILIENCE_REPORT ?= $(CURDIR)/resilience.md
resilience: $(READY) ## the long failure tests: kill and pause everything under load, write resilience.md
	$(BIN)/python -m pytest tests/resilience $(ARGS)

pictures: $(READY) ## record the prompts and the demo again for the README
	@$(BIN)/python -m tools.recording

bench: $(READY) ## measure a rendered service against bare clients and bare FastAPI, as ratios
	@$(BIN)/python -m bench $(ARGS)

lint: $(READY) ## check the style and types of this repository's Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## correct the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

servers: $(READY) ## start throwaway PostgreSQL, Redis and RabbitMQ until Ctrl-C; print their settings
	@$(BIN)/python -m tools.servers

clean: ## remove .venv and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml tools/bootstrap.sh
	@sh tools/bootstrap.sh "$(PYTHON)" "$(VENV)"
