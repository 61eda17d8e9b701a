"""What a rule means, as a hash: the same for the same decisions, however the file is written.

Comments, titles, tests, owners and runbooks are no part of it; neither are status and severity,
which say what is done with a signal, nor what a shop is like: which devices it has, who is on its
lists, when its days end. Every signal is stamped with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from fractions import Fraction
from typing import Any, TypeGuard

from aislewatch.rules.rule import Expr
from aislewatch.rules.tree import canonical

LANGUAGE = 1
"""Goes up when the same rule text comes to decide otherwise."""

_NOT_MEANT = frozenset({"label", "line", "column", "reason", "owner", "text", "ends_us"})


def meaning_of(**parts: Any) -> str:
    """Hash the parts of a rule that decide (hexadecimal SHA-256 of canonical JSON)."""
    plain = {"language": LANGUAGE} | {name: _plain(value) for name, value in parts.items()}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Expr):
        return canonical(value.term)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        shown = {
            one.name: _plain(getattr(value, one.name))
            for one in fields(value)
            if one.name not in _NOT_MEANT
        }
        return {"is": type(value).__name__, **shown}
    if _is_mapping(value):
        return {key: _plain(inner) for key, inner in value.items()}
    if _is_tuple(value):
        return [_plain(inner) for inner in value]
    if isinstance(value, (Fraction, date)):
        return str(value)
    return value


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)
