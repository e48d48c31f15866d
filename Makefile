# Every target does its own set-up: the tools of this repository live in .venv.
# Real PostgreSQL, Redis and RabbitMQ are taken from POSTGRES_URL, REDIS_URL and RABBITMQ_URL, or
# started from Docker, or from what is installed. SERVERS=environment, docker or installed allows
# that one way only.

.DEFAULT_GOAL := help
.PHONY: help demo test matrix pictures test-containers resilience bench lint format servers clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More words for pytest: make test ARGS="-k servers -x"
ARGS ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## render the default service, run it on real servers and walk through its API
	@$(BIN)/python -m tools.demo

test: lint ## check and test everything, also a rendered service on real servers and under fire
	$(BIN)/python -m pytest --ignore=tests/containers $(ARGS)

test-containers: $(READY) ## start a rendered service with Docker Compose, and see that it holds
	$(BIN)/python -m pytest tests/containers $(ARGS)

matrix: $(READY) ## render, check and test every variant; a table of variant, check and time
	@$(BIN)/python -m tools.matrix

resilience: export RESILIENCE := long
resilience: export RESILIENCE_REPORT ?= $(CURDIR)/resilience.md
resilience: $(READY) ## the long run: kill and pause everything under load, count, write resilience.md
	$(BIN)/python -m pytest tests/resilience $(ARGS)

pictures: $(READY) ## record the prompts and the demo again, for the README
	@$(BIN)/python -m tools.record

bench: $(READY) ## compare a rendered service with bare clients and bare FastAPI, as ratios
	@$(BIN)/python -m bench $(ARGS)

lint: $(READY) ## check the style and types of this repository's own Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## put the style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

servers: $(READY) ## start throwaway PostgreSQL, Redis and RabbitMQ until Ctrl-C, print their settings
	@$(BIN)/python -m tools.servers

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml tools/bootstrap.sh
	@sh tools/bootstrap.sh "$(PYTHON)" "$(VENV)"
