"""Twins of scales: what lies on them, how they swing, and the bytes in which they say so."""
