"""The contract suite itself: green for the scaffold, red for whatever a plugin gets wrong."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import Event, RfidRead
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import DeviceInfo, Emit, Health, SensorContext
from aislewatch.testing.contract_checks import Check
from aislewatch.testing.contract_grade import Finding, grade
from aislewatch.testing.contract_manifest import claim_of
from aislewatch.testing.contract_stand import ContractBroken
from aislewatch.testing.contract_suite import asked_of, exemptions
from aislewatch.testing.scaffolding import write_package

Sensor = Any  # The scaffold's class is made while the tests run.


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """The scaffold's modules, imported from a package that was written a moment ago."""
    folder = tmp_path_factory.mktemp("scaffold")
    write_package("kit-mat", "A mat", folder / "kit-mat")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder / "kit-mat" / "src"), *sys.path])
        importlib.invalidate_caches()

        class Modules:
            sensor: Any = importlib.import_module("kit_mat.sensor")
            twin: Any = importlib.import_module("kit_mat_twin")

        yield Modules
    for name in [name for name in sys.modules if name.startswith("kit_mat")]:
        del sys.modules[name]


def checks(scaffold: Any, folder: Path) -> dict[str, Check]:
    return {check.name: check for check in asked_of(scaffold.twin.KitMatBench(folder, 1))}


def run(check: Check, sensor: Sensor, scaffold: Any, folder: Path) -> float | None:
    bench = scaffold.twin.KitMatBench
    return asyncio.run(check.run(sensor, bench, folder, Registry()))


def test_a_new_plugin_keeps_the_whole_contract(scaffold: Any, tmp_path: Path) -> None:
    for check in checks(scaffold, tmp_path).values():
        run(check, scaffold.sensor.KitMat, scaffold, tmp_path)


def test_each_recovery_tells_how_long_it_took(scaffold: Any, tmp_path: Path) -> None:
    check = checks(scaffold, tmp_path)["it-is-back-after-drop"]
    took_s = run(check, scaffold.sensor.KitMat, scaffold, tmp_path)
    assert took_s is not None
    assert took_s > 0


class Wrapped:
    """Emits through somebody else, who changes what is told."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit

    async def events(self, batch: Sequence[Event]) -> None:
        await self.emit.events(batch)

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        await self.emit.refused(raw, reason, place=place, device=device)


class Swallowing(Wrapped):
    async def events(self, batch: Sequence[Event]) -> None:
        try:
            await self.emit.events(batch)
        except Exception:
            return


class Doubling(Wrapped):
    async def events(self, batch: Sequence[Event]) -> None:
        await self.emit.events(batch)
        await self.emit.events(batch)


class Silent(Wrapped):
    async def events(self, batch: Sequence[Event]) -> None:
        pass


class Guessing(Wrapped):
    """Makes an event of what makes no sense."""

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        self.number = getattr(self, "number", 0) + 1
        guess = RfidRead(
            id=f"guess/{id(self)}/{self.number}",
            store="contract",
            device=device,
            time=1_772_438_400_000_000,
            seq=10_000 + self.number,
            simulated=True,
            epc="DEADBEEF",
        )
        await self.emit.events([guess])


class Unplaced(Wrapped):
    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        await self.emit.refused(raw, reason, place="", device=device)


class LaxConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")
    address: str
    antenna: int = 1


def broken(name: str, base: Sensor) -> Sensor:
    """The scaffold's plugin with one thing wrong."""

    class Broken(base):  # type: ignore[misc]
        async def run(self, emit: Emit) -> None:
            parent: Any = super()
            wrappers = {
                "swallows": Swallowing,
                "doubles": Doubling,
                "is-silent": Silent,
                "guesses": Guessing,
                "places-nothing": Unplaced,
            }
            if name == "gives-up":
                await parent.run(emit)
            if name == "never-says-gone":
                try:
                    await parent.run(emit)
                except Exception:
                    await asyncio.Event().wait()
            wrapper = wrappers.get(name)
            await parent.run(emit if wrapper is None else wrapper(emit))

        async def open(self, context: SensorContext) -> None:
            parent: Any = super()
            if name == "leaks":
                threading.Thread(target=LET_GO.wait, daemon=True, name="left behind").start()
            if name == "says-no-twin":
                context = SensorContext(
                    *(context.store, context.device, context.boot, context.clock, context.random),
                    *(context.registry, context.folder),
                )
            await parent.open(context)

        async def close(self) -> None:
            parent: Any = super()
            if name == "lingers":
                await asyncio.Event().wait()
            await parent.close()

        async def probe(self) -> DeviceInfo:
            parent: Any = super()
            if name == "probes-blindly":
                return DeviceInfo(reachable=True, detail="it is there")
            info: DeviceInfo = await parent.probe()
            return info

        def health(self) -> Health:
            parent: Any = super()
            if name in {"boasts", "never-says-gone"}:
                return Health(connected=True, frames=1, refused=0)
            health: Health = parent.health()
            return health

        def diagnostics(self) -> dict[str, object]:
            parent: Any = super()
            if name == "chats":
                return {"line": object()}
            given: dict[str, object] = parent.diagnostics()
            return {} if name == "says-nothing" else given

    if name == "is-lax":
        Broken.Config = LaxConfig
    if name == "names-nothing":
        Broken.descriptor = type(base.descriptor)(
            name="kit-mat", title="A mat", emits=("pos.item",)
        )
    return Broken


LET_GO = threading.Event()


@pytest.mark.parametrize(
    ("name", "check", "says"),
    [
        ("swallows", "a-bus-that-is-gone-ends-the-run", "let emit's errors through"),
        ("doubles", "what-the-device-sees-is-told-once", "was used twice"),
        ("is-silent", "what-the-device-sees-is-told-once", "nothing that the device saw was told"),
        ("guesses", "it-is-back-after-garbage", "told what its device never saw"),
        ("places-nothing", "it-is-back-after-garbage", "all matter"),
        ("never-says-gone", "unplugged-it-says-so", "raise DeviceNotReady"),
        ("leaks", "a-hundred-openings-leave-nothing-behind", "100 threads"),
        ("says-no-twin", "what-the-device-sees-is-told-once", "does not say that it is simulated"),
        ("lingers", "it-closes-in-time-from-wherever-it-is", "longer than 2 s"),
        ("probes-blindly", "a-probe-says-that-the-device-is-away", "nobody is there"),
        ("boasts", "its-health-is-what-it-is", "before it was opened"),
        ("chats", "what-helps-to-find-a-fault-shows-no-secret", "JSON cannot hold"),
        ("says-nothing", "what-helps-to-find-a-fault-shows-no-secret", "gives nothing"),
        ("is-lax", "a-setting-that-is-none-is-refused-by-its-name", "does not exist"),
        ("names-nothing", "it-tells-only-kinds-that-it-names", "descriptor.emits does not name"),
    ],
)
def test_a_plugin_that(
    name: str, check: str, says: str, scaffold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaffold.twin.KitMatBench, "recovery_s", 1.0)
    sensor = broken(name, scaffold.sensor.KitMat)
    try:
        with pytest.raises(ContractBroken, match=says):
            run(checks(scaffold, tmp_path)[check], sensor, scaffold, tmp_path)
    finally:
        LET_GO.set()
        LET_GO.clear()


def test_a_secret_in_diagnostics_is_seen(
    scaffold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaffold.twin.KitMatBench, "secrets", ("127.0.0.1",))
    check = checks(scaffold, tmp_path)["what-helps-to-find-a-fault-shows-no-secret"]
    with pytest.raises(ContractBroken, match="shows a secret"):
        run(check, scaffold.sensor.KitMat, scaffold, tmp_path)


def test_a_device_without_a_cable_is_not_asked_for_it(
    scaffold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checks(scaffold, tmp_path)
    monkeypatch.setattr(scaffold.twin.KitMatBench, "unplugs", False)
    left = checks(scaffold, tmp_path)
    assert {name for name in whole if name not in left} == {
        "a-probe-says-that-the-device-is-away",
        "unplugged-it-says-so",
        "plugged-in-again-it-is-back",
    }


class TestTheManifest:
    @pytest.fixture
    def manifest(self, scaffold: Any) -> Generator[Path]:
        file = Path(scaffold.sensor.__file__).parent / "quality.yml"
        before = file.read_text()
        yield file
        file.write_text(before)

    def test_claims_a_tier(self, scaffold: Any, manifest: Path) -> None:
        assert claim_of(scaffold.sensor.KitMat).tier == "gold"
        manifest.unlink()
        assert claim_of(scaffold.sensor.KitMat).tier is None

    def test_exempts_with_a_reason(self, scaffold: Any, manifest: Path, tmp_path: Path) -> None:
        manifest.write_text(
            "kit-mat:\n  exempt:\n    it-is-back-after-flip: no check on its lines\n"
        )
        asked = list(checks(scaffold, tmp_path).values())
        exempt = exemptions(scaffold.sensor.KitMat, asked)
        assert exempt == {"it-is-back-after-flip": "no check on its lines"}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("kit-mat:\n  exempt:\n    it-flies: it is no bird at all\n", "no check 'it-flies'"),
            ("kit-mat:\n  exempt:\n    it-is-back-after-flip: no\n", "'no' is no reason"),
            ("kit-mat:\n  tier: platinum\n", "platinum"),
            ("kit-mat:\n  teir: gold\n", "teir"),
        ],
    )
    def test_says_what_is_wrong_with_it_and_where(
        self, text: str, says: str, scaffold: Any, manifest: Path, tmp_path: Path
    ) -> None:
        manifest.write_text(text)
        with pytest.raises(FileMistakes, match=says) as caught:
            exemptions(scaffold.sensor.KitMat, list(checks(scaffold, tmp_path).values()))
        assert all(mistake.line for mistake in caught.value.mistakes)


def findings(found: Sequence[Finding]) -> dict[str, str]:
    return {one.check: one.result for one in found}


def test_without_a_twin_nothing_is_known(scaffold: Any) -> None:
    found = grade("kit-mat", scaffold.sensor.KitMat, None)
    assert found.tier is None
    assert not found.holds
    assert findings(found.findings)["the-contract"] == "unknown"


def test_one_broken_promise_of_silver_leaves_bronze(
    scaffold: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaffold.twin.KitMatBench, "recovery_s", 1.0)
    sensor = broken("swallows", scaffold.sensor.KitMat)
    sensor.__module__ = "kit_mat.sensor"
    found = grade("kit-mat", sensor, scaffold.twin.KitMatBench)
    assert found.tier == "bronze"
    assert found.claimed == "gold"
    assert not found.holds
    assert findings(found.findings)["a-bus-that-is-gone-ends-the-run"] == "failed"
