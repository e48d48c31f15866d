"""How fast the service handles events, as ratios to doing the same by hand."""
