"""The commands: one thin module each, the words they share beside them."""

from aislewatch.cli.app import main

__all__ = ["main"]
