"""Python's garbage collector, told what an engine's objects are like."""

import gc

YOUNG_MAX = 50_000


def calm_collector() -> None:
    """Let the collector look for cycles seldom.

    Events, records and signals hold no cycles and are freed by their count of references; what an
    engine keeps is kept for hours. With the default of a look every 700 new objects, a fifth of the
    processor went into walking evidence that is never garbage.
    """
    gc.set_threshold(YOUNG_MAX, 20, 20)
