"""What a store file says of one feed."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.events.quantities import DurationUs

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\s]*):(?P<port>\d{1,5})(?P<path>/\S*)?")
LOOPBACK = "127.0.0.1"


def split_address(text: str) -> tuple[str, int, str]:
    """Give host, port and path of ``host:port/path``; no host means this machine only.

    >>> split_address(":8080/rows"), split_address("till.shop:9100")
    (('127.0.0.1', 8080, '/rows'), ('till.shop', 9100, ''))
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        message = f"{text!r} is not an address; write host:port, as in 192.168.1.20:8765"
        raise ValueError(message)
    return match["host"].strip("[]") or LOOPBACK, int(match["port"]), match["path"] or ""


def _plain_address(text: str) -> str:
    if split_address(text)[2]:
        message = f"{text!r} has a path, which only 'http' takes"
        raise ValueError(message)
    return text


def _address(text: str) -> str:
    split_address(text)
    return text


Address = Annotated[str, AfterValidator(_plain_address)]
HttpAddress = Annotated[str, AfterValidator(_address)]

_SOURCES = ("tcp", "tcp_listen", "http", "files")


class FeedConfig(BaseModel):
    """The configuration of a feed.

    Attributes:
        mapping: path of the mapping file, from the store file's folder.
        params: values of the mapping's parameters.
        catalogues: paths of the mapping's catalogues, where they are not beside it.
        tcp: ``host:port`` to connect to, for lines of JSON.
        tcp_listen: ``host:port`` to listen on for lines of JSON; without a host, this machine only.
        http: ``host:port/path`` to listen on for POST requests; likewise.
        files: patterns of files to read, once, to their ends.
        order: of files, by ``time`` or as they stand (``arrival``).
        recording: the source replays what has been: its times may be old, and its end is an end.
        future_tolerance: what claims to be later than this from now is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mapping: str
    params: dict[str, str] = Field(default_factory=dict[str, str])
    catalogues: dict[str, str] = Field(default_factory=dict[str, str])
    tcp: Address | None = None
    tcp_listen: Address | None = None
    http: HttpAddress | None = None
    files: Annotated[list[str], Field(min_length=1)] | None = None
    order: Literal["time", "arrival"] = "time"
    recording: bool = False
    future_tolerance: DurationUs = 600_000_000

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            message = f"say exactly one of {', '.join(_SOURCES)}; there is {found}"
            raise ValueError(message)
        return self

    @property
    def source(self) -> str:
        """Which of the sources it is."""
        return next(name for name in _SOURCES if getattr(self, name) is not None)
