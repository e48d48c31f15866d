"""Runs Alembic's commands, so that the service keeps running meanwhile: docs/postgres.md."""
