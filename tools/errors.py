"""The one error that `make` shows as a sentence instead of a traceback."""


class ToolError(Exception):
    """Something outside this repository is not as it must be; the text says what to do."""
