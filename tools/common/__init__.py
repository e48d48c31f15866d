"""Shared parts of the tools: processes, environment, rendering, waiting, Docker, output."""
