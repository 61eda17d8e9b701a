"""The example shops that are shipped: folders with a store file and what it names.

`aislewatch run NAME --simulated` finds them by the entry points of the group ``aislewatch.shops``.
Nothing here needs what a shop's devices need.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

SHOWROOM: Final = files("aislewatch_sim") / "showroom" / "shop"
"""A shop in which every kind of device stands that there is a plugin for."""
