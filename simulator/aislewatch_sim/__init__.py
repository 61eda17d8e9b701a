"""Stands in for the shop: devices that speak the bytes that drivers expect."""
