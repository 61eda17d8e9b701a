"""Secrets taken out of what is shown: settings and diagnostics of devices.

A plugin leaves its secrets out by itself; this is the second lock. What a setting's name says is
secret is hidden whatever it holds, and its text wherever else it turns up.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

HIDDEN: Final = "(hidden)"

LETTERS_MIN: Final = 4
"""A shorter secret would take half of every text with it."""

_SECRET = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|api_?key|private_?key|signing_?key|pin|"
    r"credentials?|authorization|cookie)(_|$)"
)
_SECRET_FILE = re.compile(r"(^|_)(key|secret|password|token|credentials?)_(file|path)$")
_FILE_BYTES_MAX: Final = 1 << 16
_LINE_MIN: Final = 12
"""A shorter line of a file of many says nothing, as ``-----`` does."""

_PLACE = re.compile(r"_(file|path|env)$")
"""Where a secret is kept is none."""


def redacted(shown: object, config: object = None, secrets: Iterable[str] = ()) -> Any:
    """Give a value without its secrets.

    Args:
        shown: plain data of any depth.
        config: settings whose secrets must not turn up in it, either.
        secrets: further texts that must not, as of `secrets_of`.

    >>> redacted({"host": "till", "password": "hunter22"})
    {'host': 'till', 'password': '(hidden)'}
    >>> redacted("no answer to hunter22", {"password": "hunter22", "key_file": "a.key"})
    'no answer to (hidden)'
    """
    told = {
        form for text in _secrets(config) for form in _forms(text.encode("utf-8", "surrogatepass"))
    }
    texts = {text for text in (*told, *secrets) if len(text) >= LETTERS_MIN}
    return _cleaned(shown, sorted(texts, key=lambda text: (-len(text), text)))


def all_settings(model: type[BaseModel], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give settings with those that were not said: a secret's file may go without saying.

    Args:
        model: of the settings.
        config: as they were written; given back as they are where they are wrong.
    """
    try:
        return model.model_validate(dict(config)).model_dump()
    except ValidationError:
        return config


def secrets_of(config: object, folder: str) -> set[str]:
    """Give the texts of the secrets that settings do not hold, but say where they are.

    Read are the files of settings such as ``key_file``, and files and environment variables where
    settings say ``{file: PATH}`` or ``{env: NAME}``; a secret may turn up as text, in hexadecimal
    or in Base64, and of one with many lines each line may. Blocks as files do.

    Args:
        config: the settings.
        folder: that relative paths start from.
    """
    return {form for secret in _kept_elsewhere(config, Path(folder)) for form in _forms(secret)}


def secrets_in(config: object, folder: str) -> Iterator[bytes]:
    """Give the secrets that settings hold, and those that they say where to find; reads files.

    Of a secret with many lines, as a key in a file has them, each line is one, too.

    Args:
        config: the settings.
        folder: that relative paths start from.
    """
    for text in _secrets(config):
        yield from _parts(text.encode("utf-8", "surrogatepass"))
    for secret in _kept_elsewhere(config, Path(folder)):
        yield from _parts(secret)


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


def _parts(secret: bytes) -> set[bytes]:
    whole = secret.strip()
    return {whole, *(line for line in whole.splitlines() if len(line) >= _LINE_MIN)}


def _forms(secret: bytes) -> Iterator[str]:
    """Give the forms in which a secret may turn up, and each line of one that has many."""
    for part in _parts(secret):
        text = part.decode("utf-8", errors="replace")
        yield from (text, part.decode("latin-1"), repr(part)[2:-1], json.dumps(text)[1:-1])
        yield from (part.hex(), part.hex().upper(), b64encode(part).decode())


def _kept_elsewhere(config: object, folder: Path) -> Iterator[bytes]:
    """Give what is in the places that settings name."""
    match config:
        case Mapping():
            named = cast("Mapping[Any, object]", config)
            if named.keys() <= {"env", "file"}:
                yield from _from_place(named, folder)
                return
            for key, value in named.items():
                if isinstance(value, str) and _SECRET_FILE.search(str(key)):
                    yield _read(folder / value)
                yield from _kept_elsewhere(value, folder)
        case list() | tuple():
            for value in cast("Sequence[object]", config):
                yield from _kept_elsewhere(value, folder)
        case _:
            return


def _from_place(place: Mapping[Any, object], folder: Path) -> Iterator[bytes]:
    """Give what is where ``{env: NAME}`` or ``{file: PATH}`` says."""
    match place.get("env"), place.get("file"):
        case str(name), _:
            yield os.environ.get(name, "").encode()
        case _, str(name):
            yield _read(folder / name)
        case _:
            return


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX)
    except OSError:
        return b""  # A secret that cannot be read cannot be told.


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
