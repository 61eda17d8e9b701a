"""What a store file says of where a camera's pictures come from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from aislewatch.events.quantities import DurationUs

_SECOND: Final = 1_000_000
_STRICT = ConfigDict(extra="forbid", frozen=True)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Positive = Annotated[DurationUs, Field(gt=0)]


def _no_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        # Written in the address it would stand in every log that names the camera.
        message = "name the user in 'user' and put the password into 'password_file'"
        raise ValueError(message)
    return url


def _http(url: str) -> str:
    parts = urlsplit(_no_password(url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{url!r} is no address of a web page; write http://camera.shop.lan/video.mjpg"
        raise ValueError(message)
    return url


def _stream(url: str) -> str:
    scheme = urlsplit(_no_password(url)).scheme
    if scheme not in {"rtsp", "rtsps", "http", "https"} and not re.fullmatch(r"/dev/\S+|\d+", url):
        message = f"{url!r} is neither rtsp:// nor a device such as /dev/video0 or 0"
        raise ValueError(message)
    return url


class FolderConfig(BaseModel):
    """Pictures in a folder, as cameras drop them by FTP, or as a recording holds them.

    A picture's name begins with its time, in microseconds since 1970 or as
    ``20260302T080000.250000Z``. Pictures are JPEG or PNG, and read in the order of their times.

    Attributes:
        kind: ``folder``.
        path: of the folder, from the store file's folder.
        follow: wait for more, as a camera brings them; else it is a recording that ends. A picture
            must then be moved into the folder when it is whole.
        silence: followed, it is gone when no picture has come for so long.
    """

    model_config = _STRICT

    kind: Literal["folder"]
    path: _Text
    follow: bool = False
    silence: _Positive = 60 * _SECOND


class FileConfig(BaseModel):
    """A video file; it needs OpenCV.

    Attributes:
        kind: ``file``.
        path: of the file, from the store file's folder.
        starts: when its first picture was taken. Without it, the video plays as if it happened now.
        fps: pictures a second, where the file does not say so or lies.
    """

    model_config = _STRICT

    kind: Literal["file"]
    path: _Text
    starts: AwareDatetime | None = None
    fps: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None

    @property
    def starts_us(self) -> int | None:
        """When its first picture was taken, in microseconds since 1970."""
        if self.starts is None:
            return None
        since = self.starts - _EPOCH
        return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds


class LiveConfig(BaseModel):
    """What live cameras have in common.

    Attributes:
        user: at the camera.
        password_file: file with the user's password, from the store file's folder.
        silence: without a picture for so long it counts as gone.
    """

    model_config = _STRICT

    user: _Text | None = None
    password_file: _Text | None = None
    silence: _Positive = 10 * _SECOND


class MjpegConfig(LiveConfig):
    """JPEG pictures over HTTP, one after another (``multipart/x-mixed-replace``).

    Attributes:
        kind: ``mjpeg``.
        url: of the stream; a user is known by Basic or Digest authentication.
    """

    kind: Literal["mjpeg"]
    url: Annotated[_Text, AfterValidator(_http)]


class OpencvConfig(LiveConfig):
    """Whatever OpenCV opens live: RTSP over TCP, a USB camera.

    Attributes:
        kind: ``opencv``.
        url: ``rtsp://``, or a device: ``/dev/video0``, or its number.
    """

    kind: Literal["opencv"]
    url: Annotated[_Text, AfterValidator(_stream)]


SourceConfig = Annotated[
    FolderConfig | FileConfig | MjpegConfig | OpencvConfig, Field(discriminator="kind")
]


def named(config: Any) -> str:
    """Give where pictures come from, for people; a source's address never holds a password."""
    return str(getattr(config, "url", None) or config.path)
