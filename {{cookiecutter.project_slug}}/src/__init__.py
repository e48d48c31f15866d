"""The package of the service. It sets the thresholds of the garbage collector."""

import gc

# Reference counting frees most objects, so frequent collections find almost nothing. They take a
# tenth of the time of a start, and they delay the slowest requests.
gc.set_threshold(20_000, 50, 100)
