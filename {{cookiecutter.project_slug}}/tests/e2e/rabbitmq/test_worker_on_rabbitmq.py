"""The worker and the broker."""
