"""Recordings of the prompts and of the demo, as pictures for the README."""
