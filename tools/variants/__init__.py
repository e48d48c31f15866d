"""The combinations of options, and the checks that each of them must pass."""
