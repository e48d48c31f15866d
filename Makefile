# Every target sets up .venv itself, with the tools of this repository.
# Real PostgreSQL, Redis and RabbitMQ come from POSTGRES_URL, REDIS_URL and RABBITMQ_URL, or are
# started with Docker or from installed programs. SERVERS=environment, docker or installed allows
# that one way only.

.DEFAULT_GOAL := help
.PHONY: help demo test matrix pictures test-containers resilience bench lint format servers clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More arguments for pytest: make test ARGS="-k servers -x"
ARGS ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## render the default service, run it on real servers and smoke test its API
	@$(BIN)/python -m tools.demo

test: lint ## lint, then run all tests, also of a rendered service on real servers under faults
	$(BIN)/python -m pytest --ignore=tests/containers $(ARGS)

test-containers: $(READY) ## start a rendered service with Docker Compose and test it
	$(BIN)/python -m pytest tests/containers $(ARGS)

matrix: $(READY) ## render, check and test every variant; print a table of times
	@$(BIN)/python -m tools.variants

resilience: export RESILIENCE := long
resilience: export RESILIENCE_REPORT ?= $(CURDIR)/resilience.md
resilience: $(READY) ## long fault tests: kill and pause processes and servers under load, write resilience.md
	$(BIN)/python -m pytest tests/resilience $(ARGS)

pictures: $(READY) ## record the prompts and the demo again, for the README
	@$(BIN)/python -m tools.recording

bench: $(READY) ## compare a rendered service with bare clients and bare FastAPI, as ratios
	@code=0; $(BIN)/python -m bench $(ARGS) || code=1; \
	 $(BIN)/python -m bench.speed $(ARGS) || code=1; exit $$code

lint: $(READY) ## check the style and types of this repository's own Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## fix the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

servers: $(READY) ## start throwaway PostgreSQL, Redis and RabbitMQ until Ctrl-C, print their settings
	@$(BIN)/python -m tools.servers

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml tools/bootstrap.sh
	@sh tools/bootstrap.sh "$(PYTHON)" "$(VENV)"
