"""What the embedded nats-server is told: its configuration and who may do what.

Three kinds of users share one secret, so nothing but the token has to be kept:

- ``engine`` may do everything in the data account: streams, consumers, publishing;
- ``system`` may ask the server about itself (is every write synced?) and touches no data;
- one user a device may publish that device's subjects and dead letters, and hear the events of
  its own store by consumers of its own names, and nothing else. A plugin gone wrong, or a device's
  box taken over, cannot speak for another device, nor touch what the engine reads by.

The passwords of all three are derived from the token (HMAC-SHA256, RFC 2104), so a device's
password does not give away the token or another's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aislewatch.events.subjects import (
    dead_letter_subject,
    device_filter,
    escape,
    store_filter,
)
from aislewatch.runtime.bus_message import EVENT_STREAM

ENGINE_USER = "engine"
SYSTEM_USER = "system"

HEARINGS_MOST = 4
"""So many consumers a device may have: rights name each, for no wildcard is part of a name."""

MAX_FILE_STORE_BYTES = 16 * 1024**3
"""More than twice what the streams of a run may grow to together: a server that is asked for a
stream that is there counts it twice.
"""

_TOKEN_LENGTH_MIN = 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a connection is, and what it answers to on.

    Attributes:
        user: the user's name; empty for a server that asks for none.
        password: never shown in a repr or a log line.
        inbox: prefix of the subjects on which replies come; a device may listen on its own only.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    inbox: str = "_INBOX"


def engine_credentials(token: str) -> Credentials:
    """Give the credentials that may do everything in the data account."""
    return Credentials(ENGINE_USER, _password(token, ENGINE_USER))


def system_credentials(token: str) -> Credentials:
    """Give the credentials that may ask the server about itself."""
    return Credentials(SYSTEM_USER, _password(token, SYSTEM_USER))


def device_credentials(token: str, store: str, device: str) -> Credentials:
    """Give the credentials that may publish what this one device saw."""
    user = f"device.{escape(store)}.{escape(device)}"
    return Credentials(user, _password(token, user), f"_INBOX_{user}")


def hearing_consumer(store: str, device: str, number: int) -> str:
    """Give the name of a consumer by which a device hears its store; unlike any other's.

    >>> hearing_consumer("s 1", "camera-1", 0)
    'hear=s%201=camera-1=0'

    Args:
        store: the device's.
        device: its id.
        number: below `HEARINGS_MOST`.
    """
    assert 0 <= number < HEARINGS_MOST
    return f"hear={escape(store)}={escape(device)}={number}"


def _password(token: str, user: str) -> str:
    assert len(token) >= _TOKEN_LENGTH_MIN, "a token shorter than 16 characters can be guessed"
    return hmac.new(token.encode(), user.encode(), hashlib.sha256).hexdigest()


def server_config(
    *, port: int, store_dir: Path, run_dir: Path, token: str, devices: Sequence[tuple[str, str]]
) -> str:
    """Give the configuration file's text.

    Args:
        port: on loopback; -1 lets the server choose a free one, which its ports file then names.
        store_dir: where the streams live.
        run_dir: where the ports file and the log go.
        token: the run's secret, at least 16 characters, drawn by the caller.
        devices: (store, device) of everything that may publish with a user of its own.

    ``max_file_store`` is said, for else it is three quarters of what is free at a start: streams
    that are nearly empty would be refused on a disk that has filled since the start before.

    ``sync_interval: always`` is the point of it all: by default a server acknowledges at once and
    syncs two minutes later, and a power cut takes what it acknowledged in between
    (jepsen.io/analyses/nats-2.12.1, 2025).
    """
    users = [_user(engine_credentials(token))]
    users += [_device_user(token, store, device) for store, device in devices]
    return "\n".join(
        [
            "server_name: aislewatch",
            f"listen: {json.dumps(f'127.0.0.1:{port}')}",
            f"ports_file_dir: {json.dumps(str(run_dir))}",
            f"logfile: {json.dumps(str(run_dir / 'nats-server.log'))}",
            "logfile_size_limit: 16MB",
            "logfile_max_num: 4",
            f"jetstream {{ store_dir: {json.dumps(str(store_dir))}, sync_interval: always, "
            f"max_file_store: {MAX_FILE_STORE_BYTES} }}",
            "accounts {",
            "  AISLEWATCH { jetstream: enabled, users: [",
            *(f"    {user}" for user in users),
            "  ] }",
            f"  SYS {{ users: [ {_user(system_credentials(token))} ] }}",
            "}",
            "system_account: SYS",
            "",
        ]
    )


def _user(who: Credentials, permissions: str = "") -> str:
    return f"{{ user: {json.dumps(who.user)}, password: {json.dumps(who.password)}{permissions} }}"


def _device_user(token: str, store: str, device: str) -> str:
    who = device_credentials(token, store, device)
    events, dead = device_filter(store, device), dead_letter_subject(store, device)
    # The last two let it ask which of its own messages came last, to end an unanswered attempt.
    may = [events, dead, f"$JS.API.DIRECT.GET.EV.{events}", f"$JS.API.DIRECT.GET.DLQ.{dead}"]
    for number in range(HEARINGS_MOST):
        name = hearing_consumer(store, device, number)
        consumer = f"{EVENT_STREAM}.{name}"
        # The server holds the filter in the subject to be the one that is asked for.
        may += [f"$JS.API.CONSUMER.CREATE.{consumer}.{store_filter(store)}"]
        may += [f"$JS.API.CONSUMER.{verb}.{consumer}" for verb in ("INFO", "DELETE", "MSG.NEXT")]
        may += [f"$JS.ACK.{consumer}.>"]
    publish = json.dumps(may)
    listen = json.dumps([f"{who.inbox}.>"])
    allowed = f"publish: {{ allow: {publish} }}, subscribe: {{ allow: {listen} }}"
    return _user(who, f", permissions: {{ {allowed} }}")
