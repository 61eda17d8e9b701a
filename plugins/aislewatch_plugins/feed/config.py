"""What a store file says of one feed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.devices.address import pathless, with_path
from aislewatch.events.quantities import DurationUs

Address = Annotated[str, AfterValidator(pathless)]
HttpAddress = Annotated[str, AfterValidator(with_path)]

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
        skew: how far a device's clock may be ahead before the feed counts as degraded. That one is
            behind cannot be told: rows may be under way for long.
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
    skew: DurationUs = Field(default=10_000_000, gt=0)

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
