"""Secrets of devices: read from a file or from the environment, never written in a store file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aislewatch.errors import DeviceMisconfigured

SECRET_BYTES_MIN: Final = 16
"""A shorter secret can be guessed."""

_MAKE: Final = "make one with: head -c 32 /dev/urandom | base64 > FILE"
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class SecretPart(BaseModel):
    """Where a secret is; never the secret itself, for store files are shown and shared.

    Attributes:
        env: name of an environment variable.
        file: path of a file, from the store file's folder; white space around it is no part of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: _Name | None = None
    file: _Name | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            message = "say either env: NAME or file: path"
            raise ValueError(message)
        return self

    @property
    def place(self) -> str:
        """The place's name, for people; not what is there."""
        return self.env or str(self.file)

    def read(self, folder: str) -> bytes:
        """Read the secret; blocks as files do.

        Args:
            folder: that a relative path starts from.

        Raises:
            DeviceMisconfigured: it is not there, or too short to be one.
        """
        if self.env is not None:
            place = f"the environment variable {self.env}"
            found = os.environ.get(self.env, "").encode().strip()
        else:
            place = f"the file {self.file}"
            found = _read(Path(folder) / str(self.file), place)
        if len(found) < SECRET_BYTES_MIN:
            message = f"{place} holds no secret of at least {SECRET_BYTES_MIN} characters"
            raise DeviceMisconfigured(message)
        return found


def read_key(path: Path, whose: str) -> bytes:
    """Read what pseudonyms are made with; blocks as files do.

    Args:
        path: of the file.
        whose: as in "the badges'", for messages.

    Raises:
        DeviceMisconfigured: it cannot be read, or can be guessed.
    """
    try:
        key = _read(path, f"{whose} secret {path}")
    except DeviceMisconfigured as error:
        message = f"{error}; {_MAKE}"
        raise DeviceMisconfigured(message) from None
    if len(key) < SECRET_BYTES_MIN:
        message = f"{whose} secret {path} has {len(key)} bytes, which can be guessed; {_MAKE}"
        raise DeviceMisconfigured(message)
    return key


def read_password(path: Path, whose: str) -> str:
    """Read a password that somebody else has set, however short; blocks as files do.

    Args:
        path: of the file.
        whose: as in "the broker's", for messages.

    Raises:
        DeviceMisconfigured: it cannot be read, or is no text.
    """
    place = f"{whose} password {path}"
    try:
        return _read(path, place).decode()
    except UnicodeDecodeError:
        message = f"{place} cannot be read: it is no text"
        raise DeviceMisconfigured(message) from None


def _read(path: Path, place: str) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        message = f"{place} cannot be read: {error.strerror or error}"
        raise DeviceMisconfigured(message) from None
