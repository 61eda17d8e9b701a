"""What a plugin says of itself leaves the run without a byte of a secret that settings name."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.runtime.redacting import HIDDEN, redacted, secrets_of

SECRETS = st.one_of(st.binary(min_size=16, max_size=48), st.text(min_size=16).map(str.encode))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SECRETS)
def test_a_secret_in_a_file_is_hidden_in_every_form(tmp_path: Path, secret: bytes) -> None:
    (tmp_path / "s.key").write_bytes(secret)
    config = {"nested": [{"key_file": "s.key"}]}
    found = secrets_of(config, str(tmp_path))
    plain = secret.strip()
    if len(plain) < 4:  # Nothing that could be hidden without taking half of every text with it.
        return
    forms = {
        "text": plain.decode("utf-8", errors="replace"),
        "latin": plain.decode("latin-1"),
        "hex": plain.hex(),
        "base64": base64.b64encode(plain).decode(),
        "bytes": plain,
    }
    shown = redacted({name: f"<{form!s}>" for name, form in forms.items()}, config, found)
    assert all(HIDDEN in text for text in shown.values()), shown
    assert not any(str(form) in json.dumps(shown, ensure_ascii=False) for form in forms.values())


def test_secrets_are_found_wherever_settings_say_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "from the environment")
    (tmp_path / "till").write_text("from the till's file\n")
    (tmp_path / "pass").write_text("from the password's file")
    (tmp_path / "pem").write_text("-----BEGIN-----\nbGluZSBvZiBhIGtleQ==\n-----END-----\n")
    (tmp_path / "map.yml").write_text("this is no secret")
    config = {
        "secrets": [{"file": "till"}, {"env": "SHOP_TOKEN"}],
        "password_file": "pass",
        "tls": {"key_file": "pem", "ca_file": "pass-less"},
        "mapping": "map.yml",
        "gone": {"file": "not-there"},
    }
    found = secrets_of(config, str(tmp_path))
    for text in (
        "from the environment",
        "from the till's file",
        "from the password's file",
        "bGluZSBvZiBhIGtleQ==",
    ):
        assert text in found
    assert redacted("this is no secret, and -----END-----", config, found).startswith("this is no")
