"""Devices that already speak JSON or CSV, connected by a mapping file instead of code."""
