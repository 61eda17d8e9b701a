"""What the scale's README tells an integrator to write works as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch.runtime.clock import SystemClock
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.protocols import decoder_of
from aislewatch_plugins.scale.reading import Reading
from aislewatch_plugins.scale.sensor import Scale

FOLDER = Path(__file__).parents[2] / "plugins" / "aislewatch_plugins" / "scale"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SHOWN: list[dict[str, Any]] = [
    feed["config"]
    for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for feed in yaml.safe_load(text)["feeds"].values()
]


def context(folder: Path) -> SensorContext:
    return SensorContext(
        store="s",
        device="scale-1",
        boot="b1",
        clock=SystemClock(),
        random=Random(1),
        registry=Registry(),
        folder=str(folder),
    )


@pytest.mark.parametrize("config", SHOWN)
def test_each_configuration_that_it_shows_is_one(config: dict[str, Any]) -> None:
    assert ScaleConfig.model_validate(config)


def test_its_pattern_reads_what_an_ohaus_scale_sends() -> None:
    (config,) = [ScaleConfig.model_validate(c) for c in SHOWN if isinstance(c["protocol"], dict)]
    decoder = decoder_of(config.protocol, config.unit)
    assert decoder.request == b"IP\r\n"
    assert decoder.feed(b"      250.5 g\r\n     -12.25 kg ?\r\n") == [
        Reading(250_500, 100, True),
        Reading(-12_250_000, 10_000, False),
    ]


def test_it_names_every_protocol_and_setting() -> None:
    for name in (*ScaleConfig.model_fields, "mt-sics", "toledo-8217", "nci", "stream"):
        assert f"`{name}" in README or f"{name}:" in README, name


async def test_a_serial_port_without_pyserial_is_a_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    config = {"protocol": "mt-sics", "port": "/dev/ttyUSB0", "kind": "bagging"}
    scale = Scale(ScaleConfig.model_validate(config))
    with pytest.raises(DeviceMisconfigured, match=r"pyserial: install aislewatch\[serial\]"):
        await scale.open(context(tmp_path))
    await scale.close()


def test_a_pattern_without_re2_is_a_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    config = {"protocol": {"lines": "(?P<weight>.*)", "unit": "g"}, "tcp": "a:1", "kind": "bagging"}
    with pytest.raises(ValidationError, match=r"google-re2: install aislewatch\[live\]"):
        ScaleConfig.model_validate(config)


async def test_a_planogram_with_mistakes_is_misconfigured_and_not_tried_again(
    tmp_path: Path,
) -> None:
    (config,) = [c for c in SHOWN if "planogram" in c.get("shelf", {})]
    scale = Scale(ScaleConfig.model_validate(config))
    (tmp_path / "planogram.csv").write_text("Shelf;Item;Grams\nA1;COLA;heavy\n")
    with pytest.raises(DeviceMisconfigured, match=r"planogram\.csv:2:1: error: 'heavy'"):
        await scale.open(context(tmp_path))
    await scale.close()
    (tmp_path / "planogram.csv").write_text("Shelf;Item;Grams\nA1;COLA;345\n")
    nobody = Scale(ScaleConfig.model_validate(config | {"tcp": "127.0.0.1:9"}))
    with pytest.raises(DeviceNotReady):
        await nobody.open(context(tmp_path))
    await nobody.close()
