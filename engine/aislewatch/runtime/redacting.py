"""Secrets taken out of what is shown: settings and diagnostics of devices.

A plugin leaves its secrets out by itself; this is the second lock. What a setting's name says is
secret is hidden whatever it holds, and its text wherever else it turns up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from pydantic import SecretBytes, SecretStr

HIDDEN: Final = "(hidden)"

_LETTERS_MIN: Final = 4
"""A shorter secret would take half of every text with it."""

_SECRET = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|api_?key|private_?key|signing_?key|pin|"
    r"credentials?|authorization|cookie)(_|$)"
)
_PLACE = re.compile(r"_(file|path|env)$")
"""Where a secret is kept is none."""


def redacted(shown: object, config: object = None) -> Any:
    """Give a value without its secrets.

    Args:
        shown: plain data of any depth.
        config: settings whose secrets must not turn up in it, either.

    >>> redacted({"host": "till", "password": "hunter22"})
    {'host': 'till', 'password': '(hidden)'}
    >>> redacted("no answer to hunter22", {"password": "hunter22", "key_file": "a.key"})
    'no answer to (hidden)'
    """
    texts = {text for text in _secrets(config) if len(text) >= _LETTERS_MIN}
    return _cleaned(shown, sorted(texts, key=lambda text: (-len(text), text)))


def is_secret(name: str) -> bool:
    """Tell whether a setting of that name holds a secret.

    >>> is_secret("api_key"), is_secret("key_file"), is_secret("spinning")
    (True, False, False)
    """
    return _SECRET.search(name.lower()) is not None and _PLACE.search(name.lower()) is None


def _cleaned(value: object, texts: Sequence[str]) -> object:
    match value:
        case str():
            for text in texts:
                value = value.replace(text, HIDDEN)
            return value
        case SecretStr() | SecretBytes():
            return HIDDEN
        case Mapping():
            named = cast("Mapping[Any, object]", value)
            return {
                _cleaned(key, texts): HIDDEN if is_secret(str(key)) else _cleaned(one, texts)
                for key, one in named.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_cleaned(one, texts) for one in cast("Sequence[object]", value)]
        case None | bool() | int() | float():
            return value
        case _:
            return _cleaned(str(value), texts)


def _secrets(config: object, *, named: bool = False) -> Iterator[str]:
    """Give the texts of all secrets in settings."""
    match config:
        case Mapping():
            for key, value in cast("Mapping[Any, object]", config).items():
                yield from _secrets(value, named=named or is_secret(str(key)))
        case list() | tuple():
            for value in cast("Sequence[object]", config):
                yield from _secrets(value, named=named)
        case SecretStr():
            yield config.get_secret_value()
        case str() if named:
            yield config
        case _:
            return
