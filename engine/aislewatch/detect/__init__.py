"""The pure core: events in, records out. No clock, no randomness, no I/O."""
