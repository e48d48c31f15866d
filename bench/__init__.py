"""Benchmarks of the rendered service, as ratios to something that runs beside it."""
