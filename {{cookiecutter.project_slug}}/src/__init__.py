"""The service. Every process of it begins here."""

import gc

# Neither imports nor requests leave much that only the garbage collector finds, so that looking
# after every 700 new objects costs a tenth of a start and the slowest requests their time.
gc.set_threshold(20_000, 50, 100)
