"""Who is asked: the engine, a loop written by hand, and engines of others, a module each.

Each module has ``make(variants, lateness_us)``, which gives a :class:`question.Contestant`, and
imports what it needs only there: a peer that is not installed is absent, and no mistake.
"""
