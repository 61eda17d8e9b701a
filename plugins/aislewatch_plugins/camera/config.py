"""What a store file says of one camera: its broker, its zones, and when it counts as blind."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.devices.address import Address, dialled
from aislewatch.devices.secret import SecretPart
from aislewatch.events.quantities import DurationUs

_SECOND: Final = 1_000_000
PORT, TLS_PORT = 1883, 8883

_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Positive = Annotated[DurationUs, Field(gt=0)]

PictureOf = Literal[
    "pos.drawer",
    "pos.no_sale",
    "pos.override",
    "pos.refund",
    "pos.tender",
    "pos.void",
]
"""What a till tells that a picture can be taken of."""


def broker_address(text: str, port: int) -> Address:
    """Take a broker's address apart.

    >>> str(broker_address("mqtt.shop.lan", 1883))
    'mqtt.shop.lan:1883'
    """
    return dialled(text, port, "a broker's address")


def _broker(text: str) -> str:
    broker_address(text, PORT)
    return text


def _level(text: str) -> str:
    """Refuse what would subscribe to more than one level, or to other cameras."""
    if set(text) & set("+#\0") or text.strip() != text:
        message = f"{text!r} cannot stand in a topic: '+' and '#' mean other topics as well"
        raise ValueError(message)
    return text


TopicPart = Annotated[_Text, AfterValidator(_level)]


class TlsConfig(BaseModel):
    """How the broker is trusted, and how it knows us.

    Attributes:
        ca_file: of the authority that signed the broker's certificate; the system's where not said.
        cert_file: our certificate, where the broker wants one.
        key_file: its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            message = "a certificate needs its key: say both 'cert_file' and 'key_file'"
            raise ValueError(message)
        return self


class CameraConfig(BaseModel):
    """What all cameras have in common.

    Attributes:
        broker: ``host`` or ``host:port``; port 1883, or 8883 with ``tls``.
        tls: encrypt; ``{}`` trusts the authorities that this machine trusts.
        user: at the broker.
        password_file: file with the user's password, from the store file's folder.
        key_file: a file of 16 secret bytes or more. Tracks are known by pseudonyms made with it.
        score: detections that the camera is less sure of are left out.
        again: somebody who stays, and a count that does not change, is told again so often.
        skew: how far the camera's clock may be off before it counts as blind.
        silence: without any message for so long it counts as gone; 0 is never.
        unseen: somebody who stays until they are said to have gone, and whom no message names for
            so long while others come, has gone: the message that said so was lost. 0 is never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    broker: Annotated[str, AfterValidator(_broker)]
    tls: TlsConfig | None = None
    user: _Text | None = None
    password_file: _Text | None = None
    key_file: _Text
    score: float = Field(default=0.5, ge=0, le=1)
    again: _Positive = 5 * _SECOND
    skew: _Positive = 10 * _SECOND
    silence: DurationUs = Field(default=0, ge=0)
    unseen: DurationUs = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _user(self) -> Self:
        if self.password_file is not None and self.user is None:
            message = "'password_file' is of a 'user'; say whose"
            raise ValueError(message)
        return self

    @property
    def address(self) -> Address:
        """Where the broker is."""
        return broker_address(self.broker, PORT if self.tls is None else TLS_PORT)


class SnapshotsConfig(BaseModel):
    """When a picture is taken as evidence, and where it is asked for.

    Attributes:
        api_key: where the key of a dashboard user is who may see the camera.
        lanes: of the tills that the camera looks at.
        on: what a till tells that is worth a picture.
        offset: the picture's moment, from the till's on; negative is before.
        late: what was told so long ago, because the camera's feed was down, gets no picture any
            more, and that is told.
        api: address of the dashboard, for regions that have another.
        looks: how often it is looked whether a picture is there.
        pause: between two looks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretPart
    lanes: Annotated[list[_Text], Field(min_length=1)]
    on: Annotated[tuple[PictureOf, ...], Field(min_length=1)] = ("pos.tender",)
    offset: DurationUs = 0
    late: _Positive = 3600 * _SECOND
    api: Annotated[str, Field(pattern=r"^https?://[^/?#]+/?$")] = "https://api.meraki.com"
    looks: int = Field(default=30, ge=1, le=600)
    pause: _Positive = _SECOND


class MerakiConfig(CameraConfig):
    """A Meraki MV camera with MV Sense.

    Attributes:
        serial: of the camera, as Q2XX-XXXX-XXXX.
        prefix: before the serial in its topics.
        zones: by the id that Meraki gave a zone, the zone of the shop. Without any, the whole view
            is the zone where the device stands.
        tracks: tell each person by the raw detections, and not by the counts alone.
        dark: it cannot see with less light, in lux.
        silence: as above; these cameras send counts all the time.
        snapshots: take pictures as evidence; none where not said.
    """

    serial: TopicPart
    prefix: TopicPart = "/merakimv"
    zones: dict[TopicPart, _Text] = Field(default_factory=dict[str, str])
    tracks: bool = False
    dark: float = Field(default=2.0, ge=0)
    silence: DurationUs = Field(default=60 * _SECOND, ge=0)
    snapshots: SnapshotsConfig | None = None

    @model_validator(mode="after")
    def _tracks_have_no_zones(self) -> Self:
        if self.tracks and self.zones:
            message = "raw detections do not say their zone; leave out 'zones' or 'tracks'"
            raise ValueError(message)
        return self


class FrigateConfig(CameraConfig):
    """A camera that Frigate watches.

    Attributes:
        camera: its name in Frigate.
        prefix: Frigate's ``topic_prefix``.
        zones: by Frigate's name of a zone, the zone of the shop. Without any, the whole view is the
            zone where the device stands.
        loiter: those of Frigate's zones that have a ``loitering_time``: to be in them is to loiter.
        silence: as above; its statistics come once a minute.
        unseen: as above; it tells of everybody at least once a minute.
    """

    camera: TopicPart
    prefix: TopicPart = "frigate"
    zones: dict[_Text, _Text] = Field(default_factory=dict[str, str])
    loiter: list[_Text] = Field(default_factory=list[str])
    silence: DurationUs = Field(default=180 * _SECOND, ge=0)
    unseen: DurationUs = Field(default=180 * _SECOND, ge=0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(set(self.loiter) - set(self.zones))
        if unknown:
            message = f"{unknown[0]!r} stands in 'loiter' and not in 'zones'"
            raise ValueError(message)
        return self


class FacesConfig(CameraConfig):
    """A service that publishes faces as embeddings.

    Attributes:
        topic: where it publishes those of one camera.
        zones: by the service's name of a zone, the zone of the shop. Without any, the whole view is
            the zone where the device stands.
        told_again: of one track and one entry a likeness is told again after so long.
    """

    topic: TopicPart
    zones: dict[_Text, _Text] = Field(default_factory=dict[str, str])
    told_again: _Positive = 60 * _SECOND


Point = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]


class AvailabilityConfig(BaseModel):
    """The topic where the camera, or the broker on its behalf, says whether it is there.

    Attributes:
        topic: as set for the camera's connect message and its last will.
        online: what it says when it is there.
        offline: what it says when it is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: TopicPart
    online: _Text = "online"
    offline: _Text = "offline"

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.online == self.offline:
            message = "'online' and 'offline' are the same; nobody could tell them apart"
            raise ValueError(message)
        return self


class AxisConfig(CameraConfig):
    """An Axis camera that publishes scene metadata.

    Attributes:
        topic: where it publishes frames, as set in the camera.
        channel: which of its sensors.
        zones: by the zone of the shop, its outline in the picture: three points or more, each from
            0,0 at the top left to 1,1. Somebody is where their feet are.
        unclassified: what moves and was never classified is ``nothing``, or a ``person``. Indoors
            that is much of what it sees; with ``person`` no desk is empty that only might be.
        events: where it publishes its own events, for tampering; what stands before their names.
        availability: where it says whether it is there.
        silence: as above; it also sends frames in which nobody is, about one in two seconds.
        unseen: as above; somebody who is hidden is in no frame.
    """

    topic: TopicPart
    channel: int = Field(default=1, ge=0)
    zones: dict[_Text, Annotated[list[Point], Field(min_length=3)]] = Field(
        default_factory=dict[str, list[Point]]
    )
    unclassified: Literal["nothing", "person"] = "nothing"
    events: TopicPart | None = None
    silence: DurationUs = Field(default=20 * _SECOND, ge=0)
    unseen: DurationUs = Field(default=60 * _SECOND, ge=0)
    availability: AvailabilityConfig | None = None
