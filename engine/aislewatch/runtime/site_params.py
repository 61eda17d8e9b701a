"""What a store file sets for rules' parameters: what it has to be named, where its mistakes stand.

Rules know a site's parameters by name and value only; the store file knows their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model import StoreModel
from aislewatch.rules.params import Names


def names_of(model: StoreModel) -> Names:
    """Give what a shop has that a parameter can select.

    Where the catalogue tells no classes of products, it is not known which there are.
    """
    devices = model.devices.values()
    classes = frozenset(one.product_class for one in model.products if one.product_class)
    names = {
        "zone": frozenset(model.zones),
        "device": frozenset(model.devices),
        "lane": frozenset(device.lane for device in devices if device.lane is not None),
    }
    return names | ({"product-class": classes} if classes else {})


def placed(mistake: Mistake, document: LocatedYaml) -> Mistake:
    """Give a mistake about a rule's parameter its place in the store file that sets it.

    Args:
        mistake: any mistake of a rule; others than those about parameters are given back.
        document: the store file.
    """
    if mistake.file != document.file or mistake.line:
        return mistake
    text = mistake.message
    params = cast("Mapping[str, Mapping[str, Any]]", document.data.get("params") or {})
    for rule, values in params.items():
        for name in values:
            if text.startswith(f"{name} of {rule} "):
                return document.mistake(("params", rule, name), text, hint=mistake.hint)
            if repr(rule) in text and repr(name) in text:
                key = ("params", rule, name)
                return document.mistake(key, text, hint=mistake.hint, on_key=True)
        if repr(rule) in text:
            return document.mistake(("params", rule), text, hint=mistake.hint, on_key=True)
    return mistake
