"""What a store file says of one badge reader."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aislewatch.events.quantities import DurationUs

_SECOND_US = 1_000_000


class BadgeConfig(BaseModel):
    """The configuration of a badge reader.

    Attributes:
        port: a serial port, best by its fixed name under /dev/serial/by-id, or
            ``socket://host:port`` or ``rfc2217://host:port`` of a device server.
        key_file: a file of 16 secret bytes or more, from the store file's folder. Badges are known
            by pseudonyms made with it; readers that share the file know a badge by the same one.
        baud: speed of the line; 8 data bits, no parity, 1 stop bit.
        role: whom badges are given to.
        hold: a badge that is read again within so long has been held there all the time.
        stuck_after: a badge that has been held for so long lies on the reader.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: Annotated[str, Field(min_length=1)]
    key_file: Annotated[str, Field(min_length=1)]
    baud: int = Field(default=9600, ge=300, le=921_600)
    role: Literal["customer", "staff"] = "staff"
    hold: DurationUs = Field(default=3 * _SECOND_US, gt=0)
    stuck_after: DurationUs = Field(default=300 * _SECOND_US, gt=0)
