"""Addresses as people write them: ``host``, ``host:port`` and ``host:port/path``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65_535

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s\[\]]*)(?::(\d{1,5}))?(/\S*)?")


class Address(NamedTuple):
    """An address, taken apart.

    Attributes:
        host: name or number; of IPv6 without its brackets.
        port: of TCP.
        path: with its slash; empty where there is none.
    """

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """Give it as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"


def dialled(text: str, port: int = 0, what: str = "an address") -> Address:
    """Take an address apart that we connect to.

    Args:
        text: ``host:port``, or ``host`` where there is a port that goes without saying.
        port: that port; 0: one must be said.
        what: it is meant to be, for messages.

    >>> dialled("gate.shop", 5084), dialled("[::1]:5085").host
    (Address(host='gate.shop', port=5084, path=''), '::1')

    Raises:
        ValueError: it is none; a sentence.
    """
    match = _ADDRESS.fullmatch(text)
    found = int(match[2] or port) if match is not None else 0
    if match is None or not match[1] or match[3] or not 0 < found <= PORT_MAX:
        wanted = "host or host:port" if port else "host:port"
        message = f"{text!r} is not {what}; write {wanted}, as in 192.168.1.20:{port or 9100}"
        raise ValueError(message)
    return Address(match[1].strip("[]"), found)


def endpoint(text: str) -> Address:
    """Take an address apart that we connect to or listen on; no host means this machine only.

    >>> endpoint(":8090/till"), endpoint("printer.shop:9100").path
    (Address(host='127.0.0.1', port=8090, path='/till'), '')

    Raises:
        ValueError: it is none; a sentence.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or match[2] is None or int(match[2]) > PORT_MAX:
        message = f"{text!r} is not an address; write host:port, as in 192.168.1.20:9100"
        raise ValueError(message)
    return Address(match[1].strip("[]") or LOOPBACK, int(match[2]), match[3] or "")


def pathless(text: str) -> str:
    """Check an address as `endpoint` does, and that it has no path; for pydantic.

    Raises:
        ValueError: it is none; a sentence.
    """
    if endpoint(text).path:
        message = f"{text!r} has a path, which only 'http' takes"
        raise ValueError(message)
    return text


def with_path(text: str) -> str:
    """Check an address as `endpoint` does; for pydantic.

    Raises:
        ValueError: it is none; a sentence.
    """
    endpoint(text)
    return text
