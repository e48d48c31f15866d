"""What a request costs, as ratios to bare FastAPI."""

import gc

PYTHONS_THRESHOLD = gc.get_threshold()
"""Before `src` is imported, which sets its own."""
