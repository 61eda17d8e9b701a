"""Secrets taken out of what a device sent that is no event, before anything of it is kept.

A dead letter is kept for weeks and shown to whoever looks for a fault. A sender that was told the
wrong address puts its token into a body that is refused, and there it would stand. So two things
are hidden, whichever plugin refused it:

- every secret that the store file leads to, its other devices' as well, in each form in which
  bytes turn up: as text, escaped, in hexadecimal, in Base64, in an address, in UTF-16;
- what stands behind a name that says it is one (``"sharedSecret": "..."``, ``token=...``,
  ``<Password>...``, ``Authorization: ...``), because a secret of another shop, or an old one, is
  in no store file. A payment provider's token for a card has such a name, too.

Card numbers and the like are the plugin's own to take out: it knows what its device says.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, quote_plus

from aislewatch.runtime.redacting import HIDDEN, LETTERS_MIN, is_secret, secrets_in

_HIDDEN: Final = HIDDEN.encode()
_SHIFTED_MIN: Final = 8
"""Bytes of a secret that is looked for inside of other bytes in Base64: less is found by chance."""

# Runs are bounded, so that no text makes this slow.
_NAME: Final = rb"[A-Za-z][A-Za-z0-9_.-]{0,60}"
_NAMES: Final = re.compile(
    rb"(?P<json>[\"'](" + _NAME + rb")\\{0,8}[\"']\s{0,100}:\s{0,100})"  # Or JSON inside of JSON.
    rb"|(?P<xml><(?:[\w.-]{1,60}:)?(" + _NAME + rb")(?:\s[^<>]{0,1000})?>)"
    rb"|(?P<form>\b(" + _NAME + rb")=)"  # Or an address, or an attribute of XML.
    rb"|(?P<header>^(" + _NAME + rb"):[ \t]{0,100})",
    re.MULTILINE,
)
_VALUES: Final = {
    # Each may be cut off.
    "json": re.compile(
        rb"\\{1,8}\"[^\"]*(?:\"|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)|'(?:[^'\\]|\\.)*(?:'|$)"
        rb"|(?!(?:null|true|false)\b)[^\s\",\]}{\[]+",
        re.DOTALL,
    ),
    "xml": re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|$)|[^<]+", re.DOTALL),
    "form": re.compile(rb"\"[^\"]*|'[^']*|[^&\s\"'<>;]+"),
    "header": re.compile(rb"[^\r\n]+"),
}
_STEMS: Final = re.compile(
    rb"pass|secret|token|key|pin|credential|auth|cookie|fingerprint|reference|signature",
    re.IGNORECASE,
)
"""One of these is in every name that is hidden; most letters have none of them."""

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-.]")
_NOBODY_S: Final = re.compile(r"(^|_)(fingerprint|payment_account_reference|signature)(_|$)")
"""Names of what is no device's secret, and nobody's to keep: of a card, of a request."""


class Settings(NamedTuple):
    """A device's settings.

    Attributes:
        config: as written; of any depth.
        folder: that relative paths in it start from.
    """

    config: Mapping[str, Any]
    folder: str


class LetterRedactor:
    """Takes secrets out of letters.

    Args:
        secrets: that must not be kept; each is looked for in all its forms.
    """

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LETTERS_MIN}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def raw(self, raw: bytes) -> bytes:
        """Give what came, without what is secret in it.

        >>> LetterRedactor([b"hunter22"]).raw(b'{"say": "hunter22", "token": "x1", "n": 7}')
        b'{"say": "(hidden)", "token": "(hidden)", "n": 7}'
        """
        return _without_named(self._without_known(raw))

    def text(self, text: str) -> str:
        """Give a sentence about what came, without the secrets that are known."""
        return self._without_known(text.encode("utf-8", "surrogatepass")).decode(
            "utf-8", "surrogatepass"
        )

    def _without_known(self, raw: bytes) -> bytes:
        for form in self._forms:
            raw = raw.replace(form, _HIDDEN)
        return raw


def redactor_of(devices: Iterable[Settings]) -> LetterRedactor:
    """Make what takes out the secrets of devices; reads the files that their settings name.

    Args:
        devices: all that a store file has.
    """
    return LetterRedactor(
        secret for device in devices for secret in secrets_in(device.config, device.folder)
    )


def _without_named(raw: bytes) -> bytes:
    """Hide what stands behind names that say it is secret."""
    if _STEMS.search(raw) is None:
        return raw
    kept: list[bytes] = []
    done = 0
    name = _NAMES.search(raw)
    while name is not None:
        part, at = str(name.lastgroup), name.lastindex
        assert at is not None
        # Behind the name alone, for a tag may hold attributes that have names, too.
        after = name.end(at + 1)
        value = _VALUES[part].match(raw, name.end()) if _is_hidden(name[at + 1]) else None
        if value is not None:
            kept += [raw[done : name.end()], _in_place_of(part, value[0])]
            done = after = value.end()
        name = _NAMES.search(raw, after)
    return b"".join([*kept, raw[done:]]) if kept else raw


def _is_hidden(name: bytes) -> bool:
    words = _WORDS.sub("_", name.decode()).lower()
    return is_secret(words) or _NOBODY_S.search(words) is not None


def _in_place_of(part: str, value: bytes) -> bytes:
    """Give what is put in a value's place, so that JSON stays JSON and XML stays XML."""
    quoted = re.match(rb"\\*[\"']", value)
    if quoted is not None:
        closed = part != "form"  # There the closing quote was left where it stood.
        return quoted[0] + _HIDDEN + (quoted[0] if closed else b"")
    return b'"' + _HIDDEN + b'"' if part == "json" else _HIDDEN


def _forms(secret: bytes) -> Iterator[bytes]:
    """Give the forms in which a secret may turn up in what a device sends."""
    text = secret.decode("utf-8", "replace")
    escaped = json.dumps(text)[1:-1]
    yield from (secret, repr(secret)[2:-1].encode(), secret.hex().encode())
    yield secret.hex().upper().encode()
    if text.encode() == secret:
        yield from (escaped.encode(), escaped.replace("/", r"\/").encode())
        yield from (text.encode("utf-16-le"), text.encode("utf-16-be"))
    yield from (quote(secret, safe="").encode(), quote(secret).encode())
    yield quote_plus(secret).encode()
    for before in range(3 if len(secret) >= _SHIFTED_MIN else 1):
        # In Base64 each six bits are a letter: those that hold bits of the secret alone.
        letters = b64encode(bytes(before) + secret).rstrip(b"=")
        first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        yield from (letters[first:last], letters[first:last].translate(_URL_SAFE))


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
