"""``aislewatch plugin``: what is installed, whether it is there, and names that cannot be."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.cli.app import main
from aislewatch.runtime.installed import installed_sensors, what_is_missing
from aislewatch.runtime.redacting import HIDDEN, redacted
from aislewatch.testing.scaffolding import TEMPLATES

SENSORS = str(Path(__file__).parents[1] / "sensors")
SENSOR = """\
import asyncio
from pydantic import BaseModel, ConfigDict, SecretStr
from aislewatch.events.sensor import Descriptor, DeviceInfo, Health, SensorPlugin

class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    how: str
    password: SecretStr = SecretStr("")

class Tried(SensorPlugin):
    Config = Config
    descriptor = Descriptor("tried", "For tests")
    def __init__(self, config): self.config = config
    async def probe(self):
        if self.config.how == "break":
            raise ZeroDivisionError("by nought")
        if self.config.how == "hang":
            await asyncio.Event().wait()
        there = self.config.how == "there"
        said = "it said " + self.config.password.get_secret_value()
        return DeviceInfo(there, said, {"firmware": "7", "token": "t0ken"})
    async def open(self, context): pass
    async def run(self, emit):
        await emit.refused(b"xyz", "no frame", place="byte 0", device="bench-1")
        await asyncio.Event().wait()
    async def close(self):
        if self.config.how == "linger":
            await asyncio.Event().wait()
    def health(self): return Health(connected=True, frames=1, refused=1, detail="fine")
    def diagnostics(self): return {"url": "http://x:hunter22@till", "how": self.config.how}
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()
    yield folder
    for name in ("tried_module", "needy_module", "torn_module"):
        sys.modules.pop(name, None)


def install(folder: Path, name: str, source: str, *metadata: str) -> None:
    """Install a package with a sensor, as far as Python is concerned."""
    module = f"{name}_module"
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.2", *metadata]
    (info / "METADATA").write_text("\n".join(head) + "\n")
    (info / "entry_points.txt").write_text(f"[aislewatch.sensors]\n{name} = {module}:Tried\n")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_bundled_plugins_are_listed_like_anyones(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    assert main(["plugin", "list", "--json"]) == 0
    rows = {row["name"]: row for row in said(capsys)}
    assert rows["scale"]["package"] == "aislewatch"
    assert "scale.weight" in rows["scale"]["emits"]
    assert (rows["tried"]["package"], rows["tried"]["version"]) == ("tried", "1.2")
    assert not any(row["trouble"] for row in rows.values())
    assert main(["plugin", "list"]) == 0
    assert "and 16 more" in capsys.readouterr().out


def test_what_a_plugin_still_needs_is_one_command(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = 'Requires-Dist: no-such-package-at-all>=3; extra == "radio"'
    install(packages, "needy", "import no_such_package_at_all\n", needs, "Provides-Extra: radio")
    (needy,) = [one for one in installed_sensors() if one.name == "needy"]
    assert needy.trouble == (
        "needs no-such-package-at-all, which is not installed: pip install 'needy[radio]'"
    )
    assert main(["plugin", "list", "--json"]) == 1
    capsys.readouterr()
    assert main(["plugin", "probe", "needy"]) == 2
    assert "pip install 'needy[radio]'" in capsys.readouterr().err
    assert main(["plugin", "check", "needy"]) == 2
    assert "pip install 'needy[radio]'" in capsys.readouterr().err


def test_a_module_whose_package_has_another_name_is_found_under_its_extra() -> None:
    error = ModuleNotFoundError("no", name="serial.tools")
    assert what_is_missing(error, "aislewatch").endswith("pip install 'aislewatch[serial]'")


def test_a_plugin_whose_import_breaks_hides_no_other(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "torn", "1 / 0\n")
    assert main(["plugin", "list", "--json"]) == 1
    rows = {row["name"]: row for row in said(capsys)}
    assert "ZeroDivisionError" in rows["torn"]["trouble"]
    assert not rows["badge"]["trouble"]


def test_a_probe_tells_what_is_there_without_its_secrets(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    words = ["plugin", "probe", "tried", "how=there", "password=hunter22", "--json"]
    assert main(words) == 0
    told = said(capsys)
    assert told["reachable"]
    assert told["detail"] == f"it said {HIDDEN}"
    assert told["facts"] == {"firmware": "7", "token": HIDDEN}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("away", "is not there"),
        ("break", "its probe broke: ZeroDivisionError: by nought"),
        ("hang", "it did not answer within 0.2 s"),
        ("linger", "it did not close within 2 s"),
    ],
)
def test_a_probe_ends_whatever_the_plugin_does(
    how: str, says: str, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    assert main(["plugin", "probe", "tried", f"how={how}", "--within", "0.2"]) == 1
    assert says in capsys.readouterr().out


def test_listening_shows_what_is_refused_and_how_it_is(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    words = ["plugin", "probe", "tried", "how=there", "password=hunter22", "--listen", "0.1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "refused b'xyz': no frame (at byte 0)" in out
    assert f"http://x:{HIDDEN}@till" in out
    assert "hunter22" not in out


def test_listening_shows_how_far_the_device_s_clock_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, SENSORS])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaky.key").write_text("a secret that it leaks")
    words = ["plugin", "probe", "leaky_sensor:Leaky", "ahead_us=-12300000", "--listen", "0.2"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "its clock is 12.3 s behind ours, and 2 s are allowed" in shown
    assert "a secret that it leaks" not in shown
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["listened"]
    assert told["health"]["clock"]["ahead_us"] == -12_300_000


def test_settings_come_from_a_file_and_mistakes_in_it_have_their_place(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    file = tmp_path / "tried.yml"
    file.write_text("how: there\n")
    assert main(["plugin", "probe", "tried", "--config", str(file)]) == 0
    file.write_text("hwo: there\npasword: x\n")
    assert main(["plugin", "probe", "tried", "--config", str(file)]) == 1
    err = capsys.readouterr().err
    assert f"{file}:1:1: error" in err
    assert f"{file}:2:1: error" in err
    file.write_text("- a\n")
    assert main(["plugin", "probe", "tried", "--config", str(file), "how=there"]) == 2
    assert "holds no settings" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["there", "=x", "how..deep=1", "how=there how.deep=1"])
def test_a_word_that_is_no_setting_is_told(
    word: str, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "tried", SENSOR)
    assert main(["plugin", "probe", "tried", *word.split()]) == 2
    assert repr(word.rsplit(maxsplit=1)[-1]) in capsys.readouterr().err


def test_a_package_of_many_sensors_is_asked_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "probe", "aislewatch"]) == 2
    assert "say which of them" in capsys.readouterr().err


def test_a_new_package_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "door-mat", "--out", str(tmp_path), "--json"]) == 0
    told = said(capsys)
    assert len(told["files"]) == len(TEMPLATES)
    for file in told["files"]:
        text = Path(file).read_text()
        assert "${" not in text
        if file.endswith(".py"):
            compile(text, file, "exec")
            assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Shoe Mat", "'shoe-mat' would do"),
        ("", "is no name"),
        ("-x", "is no name"),
        ("x" * 41, "is no name"),
        ("class", "a word of Python's own"),
        ("scale", "in this installation already"),
        ("json", "would hide the Python module 'json'"),
        ("hypothesis", "would hide the Python module 'hypothesis'"),
        ("../up", "'up' would do"),
    ],
)
def test_a_name_that_cannot_be_is_told(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "new", "--out", str(tmp_path), "--", name]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "door-mat").mkdir()
    mine = tmp_path / "door-mat" / "README.md"
    mine.write_text("mine")
    assert main(["plugin", "new", "door-mat", "--out", str(tmp_path)]) == 2
    assert "holds something" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert main(["plugin", "new", "mat", "--out", str(tmp_path), "--title", 'a "b"']) == 2
    assert "is no title" in capsys.readouterr().err


@given(secret=st.text("0123456789!'é", min_size=4), other=st.text("xyz", min_size=1))
def test_a_secret_of_the_settings_turns_up_nowhere(secret: str, other: str) -> None:
    config = {"link": [{"password": secret}], "key_file": "a.key"}
    shown = {"a": [f"<{secret}>"], secret: 1, "note": {"password": other}, "key_file": "a.key"}
    assert redacted(shown, config) == {
        "a": [f"<{HIDDEN}>"],
        HIDDEN: 1,
        "note": {"password": HIDDEN},
        "key_file": "a.key",
    }
