# Every target does its own set-up: the tools of this repository live in .venv.
# Real PostgreSQL, Redis and RabbitMQ are taken from POSTGRES_URL, REDIS_URL and RABBITMQ_URL, or
# started from Docker, or from what is installed. SERVERS=environment, docker or installed allows
# that one way only.

.DEFAULT_GOAL := help
.PHONY: help demo test resilience bench lint format servers clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More words for pytest: make test ARGS="-k servers -x"
ARGS ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## render the default service, run it on real servers and walk through its API
	@$(BIN)/python -m tools.demo

test: lint ## check and test everything, also a rendered service on real servers
	@# Of the resilience tests, one is part of this: whether the cache is linearizable.
	$(BIN)/python -m pytest --ignore-glob='tests/resilience/test_[!l]*' $(ARGS)

resilience: $(READY) ## kill, pause and restart everything under load, and count what was lost
	$(BIN)/python -m pytest tests/resilience $(ARGS)

bench: $(READY) ## compare a rendered service with bare clients and bare FastAPI, as ratios
	@code=0; $(BIN)/python -m bench $(ARGS) || code=1; \
	 $(BIN)/python -m bench.speed $(ARGS) || code=1; exit $$code

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
