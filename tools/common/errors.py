"""Errors that `make` prints as a sentence instead of a traceback."""


class ToolError(Exception):
    """Something outside this repository is not as required; the text says what to do."""


class DeadlineError(ToolError):
    """A condition did not hold within its deadline."""
