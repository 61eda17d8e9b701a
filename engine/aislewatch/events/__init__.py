"""Values that cross boundaries: events and their kinds, the store model, the sensor contract."""
