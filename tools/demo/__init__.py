"""The demo: a rendered service on real servers, and the smoke test of its API."""
