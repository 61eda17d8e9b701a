"""A device that speaks JSON of its own, as a twin."""
