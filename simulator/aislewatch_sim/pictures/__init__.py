"""Drawn pictures of a shop, whose truth is known: for a camera's twin, and to make a detector from.

Figures, not photographs. A detector that knows them knows nothing of a real shop.
"""
