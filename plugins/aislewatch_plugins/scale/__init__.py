"""Scales at checkouts, bagging areas and shelves, over serial lines and TCP."""
