"""Python's garbage collector in processes that decode large bodies."""

import gc

YOUNG_OBJECTS = 50_000
"""A body of 10,000 rows makes as many objects, none of them garbage: looking at them every
700, as Python does by itself, took a fifth of the time of decoding."""
MIDDLE_EVERY = 20
OLD_EVERY = 50


def collect_rarely() -> None:
    """Look for cycles seldom, and never among what stands now: libraries and loaded models.

    What is no cycle is freed at once in any case, by its count of references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE_EVERY, OLD_EVERY)
