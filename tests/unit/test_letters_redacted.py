"""Nothing secret is kept of what a device sent that is no event."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.runtime.bus_message import DeadLetter, Message
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.device import BusAccess, DeviceSpec
from aislewatch.runtime.device_events import DeviceEmit
from aislewatch.runtime.letter_redacting import LetterRedactor, Settings, redactor_of

HIDDEN = b"(hidden)"
SECRETS = st.one_of(
    st.binary(min_size=8, max_size=48),
    st.text(min_size=8, max_size=24).map(lambda text: text.encode("utf-8", "replace")),
    st.from_regex(r"[A-Za-z0-9+/]{42}=", fullmatch=True).map(str.encode),
)
AROUND = st.binary(max_size=40)


class Taken:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> int:
        self.messages += messages
        return len(messages)


async def refused(redactor: LetterRedactor, raw: bytes, reason: str) -> tuple[Message, DeadLetter]:
    spec = DeviceSpec(
        store="s1",
        device="till",
        plugin="p",
        config={},
        folder="/",
        bus=BusAccess("nats://127.0.0.1:1"),
        spool="",
        boot="b",
    )
    taken = Taken()
    emit = DeviceEmit(spec, RecordingClock(1), taken, redactor)
    await emit.refused(raw, reason, place=f"at {reason}", device="till")
    (message,) = taken.messages
    return message, msgspec.json.decode(message.payload, type=DeadLetter)


@given(SECRETS, AROUND, AROUND)
async def test_a_known_secret_is_in_no_letter_in_whatever_form_it_came(
    secret: bytes, before: bytes, behind: bytes
) -> None:
    secret = secret.strip()
    if len(secret) < 8:
        return
    redactor = LetterRedactor([secret])
    forms = [
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        urlencode({"t": secret}).encode()[2:],
    ]
    text = secret.decode("utf-8", "replace")
    if text.encode() == secret:
        forms += [json.dumps(text)[1:-1].encode(), text.encode("utf-16-le")]
        forms += [json.dumps(text)[1:-1].replace("/", r"\/").encode()]
    for form in forms:
        assert form not in redactor.raw(before + form + behind)
    for encode in (b64encode, urlsafe_b64encode):
        # Whatever stands beside it in the same Base64, no letter of its own middle is left.
        whole = encode(before + secret + behind)
        first = -(-len(before) * 8 // 6)
        last = (len(before) + len(secret)) * 8 // 6
        assert whole[first:last] not in redactor.raw(b"<" + whole + b">")


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b'{"sharedSecret": "s3", "n": 1}', b'{"sharedSecret": "(hidden)", "n": 1}'),
        (b'{"token":"a\\"b","pin":1234}', b'{"token":"(hidden)","pin":"(hidden)"}'),
        (b'{"in": "{\\"apiKey\\": \\"x\\"}"}', b'{"in": "{\\"apiKey\\": \\"(hidden)\\"}"}'),
        (b"{'password': 'x', 'a': 1}", b"{'password': '(hidden)', 'a': 1}"),
        (b"to=http://h/?access_token=x&b=2", b"to=http://h/?access_token=(hidden)&b=2"),
        (b'<Pay token="x"><PIN>1</PIN></Pay>', b'<Pay token="(hidden)"><PIN>(hidden)</PIN></Pay>'),
        (b"<p:CardToken><![CDATA[x]]></p:CardToken>", b"<p:CardToken>(hidden)</p:CardToken>"),
        (b"Authorization: Basic eDp5\r\nA: b", b"Authorization: (hidden)\r\nA: b"),
        (b'{"card": {"fingerprint": "sq-1"}}', b'{"card": {"fingerprint": "(hidden)"}}'),
        (b'{"token": "cut o', b'{"token": "(hidden)"'),
        (b'{"token": null, "token": true}', b'{"token": null, "token": true}'),
        (b'{"secretary": "Ann", "key": 1}', b'{"secretary": "Ann", "key": 1}'),
        (b"spinning=1&passing=2&monkey=3", b"spinning=1&passing=2&monkey=3"),
        (b'{"token": "", "a": ""}', b'{"token": "(hidden)", "a": ""}'),
    ],
)
def test_what_a_name_says_is_secret_is_hidden_and_the_rest_is_left(raw: bytes, kept: bytes) -> None:
    assert LetterRedactor().raw(raw) == kept
    assert LetterRedactor().raw(kept) == kept


NAMES = st.sampled_from(["token", "sharedSecret", "API-Key", "password", "x.client_secret"])
VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(NAMES, VALUES, st.dictionaries(st.sampled_from("abc"), VALUES | st.integers(), max_size=3))
def test_json_stays_json_and_loses_what_is_secret_alone(
    name: str, value: str, rest: dict[str, str | int]
) -> None:
    raw = json.dumps({**rest, name: value}).encode()
    told = json.loads(LetterRedactor().raw(raw))
    assert told == {**rest, name: HIDDEN.decode()}


@given(st.binary(max_size=400))
def test_whatever_comes_is_kept_as_it_is_where_nothing_says_secret(raw: bytes) -> None:
    kept = LetterRedactor([b"a secret of this shop"]).raw(raw)
    assert kept == raw or HIDDEN in kept


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_a_reason_is_kept_as_it_is_but_for_known_secrets(text: str) -> None:
    redactor = LetterRedactor([b"a secret of this shop"])
    assert redactor.text(text) == text
    assert redactor.text(f"{text}'a secret of this shop'") == f"{text}'(hidden)'"


async def test_a_letter_s_reason_place_and_id_tell_no_secret_and_its_size_is_what_came() -> None:
    redactor = LetterRedactor([b"a secret of this shop"])
    raw = b'{"note": "a secret of this shop"}'
    message, letter = await refused(redactor, raw, "'a secret of this shop' is no kind")
    assert letter.payload == b'{"note": "(hidden)"}'
    assert letter.reason == "'(hidden)' is no kind"
    assert letter.place == "at '(hidden)' is no kind"
    assert letter.size == len(raw)
    other, _ = await refused(redactor, b'{"note": "(hidden)"}', "'(hidden)' is no kind")
    assert other.msg_id == message.msg_id  # A hash of the secret is told to nobody, either.


def test_secrets_are_found_in_settings_in_files_and_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "from the environment")
    (tmp_path / "till.secret").write_text("from the till's file\n")
    (tmp_path / "other").write_text("of the other device")
    redactor = redactor_of(
        [
            Settings({"secrets": [{"env": "SHOP_TOKEN"}, {"file": "till.secret"}]}, str(tmp_path)),
            Settings({"password": "said in the settings", "password_file": "other"}, str(tmp_path)),
            Settings({"key_file": "not there"}, str(tmp_path)),
        ]
    )
    raw = b"from the environment|from the till's file|said in the settings|of the other device"
    assert redactor.raw(raw) == b"|".join([HIDDEN] * 4)


def test_a_secret_of_three_letters_is_not_looked_for() -> None:
    assert LetterRedactor([b"abc", b""]).raw(b"abcdef") == b"abcdef"


@pytest.mark.parametrize(
    "piece",
    [
        b"\\",
        b'"a',
        b"<",
        b"a=",
        b"token=",
        b'"token":"',
        b" ",
        b"a.",
        b"<token ",
        b"<token><![CDATA[",
    ],
)
def test_a_text_made_to_be_slow_is_done(piece: bytes) -> None:
    raw = b"pin" + piece * (40_000 // len(piece))
    assert len(LetterRedactor([b"a secret of this shop"]).raw(raw)) <= 10 * len(raw)
