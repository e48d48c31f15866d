"""Plays the commands of a document, so that a test runs them as they are written."""
