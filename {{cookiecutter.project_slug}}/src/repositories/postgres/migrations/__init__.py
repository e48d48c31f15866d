"""Runs Alembic's commands, while the service keeps running: docs/postgres.md."""
