"""Twins of cameras that analyse for themselves, which publish to a real MQTT broker."""
