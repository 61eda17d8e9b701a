"""What a store file says of every point of sale, whatever it speaks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.conversion import known_zone
from aislewatch.events.quantities import DurationUs

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\s]*):(?P<port>\d{1,5})(?P<path>/\S*)?")
_LEAST_SECRET_BYTES = 16
LOOPBACK = "127.0.0.1"


class Endpoint(NamedTuple):
    """An address, taken apart."""

    host: str
    port: int
    path: str


def endpoint(text: str) -> Endpoint:
    """Take ``host:port/path`` apart; no host means this machine only.

    >>> endpoint(":8090/till"), endpoint("printer.shop:9100").path
    (Endpoint(host='127.0.0.1', port=8090, path='/till'), '')
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        message = f"{text!r} is not an address; write host:port, as in 192.168.1.20:9100"
        raise ValueError(message)
    return Endpoint(match["host"].strip("[]") or LOOPBACK, int(match["port"]), match["path"] or "")


def _address(text: str) -> str:
    if endpoint(text).path:
        message = f"{text!r} has a path, which only 'http' takes"
        raise ValueError(message)
    return text


def _http_address(text: str) -> str:
    endpoint(text)
    return text


def _currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        message = f"{code!r} is not a currency code; write e.g. EUR"
        raise ValueError(message)
    return code


Name = Annotated[str, Field(min_length=1, max_length=200)]
Address = Annotated[str, AfterValidator(_address)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]
ZoneName = Annotated[str, AfterValidator(known_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
Positive = Annotated[DurationUs, Field(gt=0)]


class Part(BaseModel):
    """A part of a configuration: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TillPart(Part):
    """One till of a feed that carries several.

    Attributes:
        device: id of the store's device; the feed's own if not said.
        lane: its lane; what the feed calls the till if not said.
    """

    device: Name | None = None
    lane: Name | None = None


class SecretPart(Part):
    """Where a secret is; never the secret itself, for store files are shown and shared.

    Attributes:
        env: name of an environment variable.
        file: path of a file, from the store file's folder; white space around it is no part of it.
    """

    env: Name | None = None
    file: Name | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            message = "say either env: NAME or file: path"
            raise ValueError(message)
        return self

    def read(self, folder: str) -> bytes:
        """Read the secret.

        Raises:
            DeviceMisconfigured: it is not there, or too short to be one.
        """
        if self.env is not None:
            place = f"the environment variable {self.env}"
            found = os.environ.get(self.env, "").encode()
        else:
            place = f"the file {self.file}"
            try:
                found = (Path(folder) / str(self.file)).read_bytes()
            except OSError as error:
                message = f"{place} cannot be read: {error.strerror or error}"
                raise DeviceMisconfigured(message) from None
        found = found.strip()
        if len(found) < _LEAST_SECRET_BYTES:
            message = f"{place} holds no secret of at least {_LEAST_SECRET_BYTES} characters"
            raise DeviceMisconfigured(message)
        return found


class PosConfig(Part):
    """What every point of sale can be told.

    Attributes:
        tills: by what the feed calls them. If any are named, what comes of others is refused.
        future_tolerance: what claims to be later than this from now is refused.
        card_keys: what pseudonyms of payment cards are made with, the newest first; the one before
            stays for as long as cards that were flagged under it shall be known. Without any, no
            event names a card.
    """

    tills: dict[Name, TillPart] = Field(default_factory=dict[str, TillPart])
    future_tolerance: DurationUs = 600_000_000
    card_keys: Annotated[list[SecretPart], Field(max_length=2)] = Field(
        default_factory=list[SecretPart]
    )
