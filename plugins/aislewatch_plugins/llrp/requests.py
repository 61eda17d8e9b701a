"""What a reader is asked to do, made from the configuration and from what the reader can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aislewatch_plugins.llrp.codec import Element, Message
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.fields import Value

IMPINJ: Final = 25882
"""Enterprise number of the maker whose readers can tell RSSI in hundredths of a dB."""

ROSPEC: Final = 1
_GEN2: Final = 1
_UPON_N_TAGS: Final = 1
_ROSPEC_EVENT, _BUFFER_WARNING, _READER_EXCEPTION, _ANTENNA_EVENT = 2, 3, 4, 8
_CENTIDECIBELS: Final = 100


def part(name: str, *parts: Element, **fields: Value) -> Element:
    """Make an element."""
    return Element(name, fields, parts)


def ask(name: str, *parts: Element, **fields: Value) -> Message:
    """Make a request; who sends it gives it its id."""
    return Message(Element(name, fields, parts))


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a reader says that it can do.

    Attributes:
        maker: IANA enterprise number.
        model: the maker's number of the model.
        firmware: its version, as the reader writes it.
        antennas: how many ports it has.
        utc: it has a clock.
        powers: what it can send with: index and hundredths of a dBm.
        hop_table: id of its first table of frequencies; 0 where it does not hop.
    """

    maker: int = 0
    model: int = 0
    firmware: str = ""
    antennas: int = 0
    utc: bool = False
    powers: tuple[tuple[int, int], ...] = ()
    hop_table: int = 0

    @property
    def facts(self) -> dict[str, str]:
        """The same for people."""
        maker = "Impinj" if self.maker == IMPINJ else f"enterprise {self.maker}"
        return {
            "maker": maker,
            "model": str(self.model),
            "firmware": self.firmware,
            "antennas": str(self.antennas),
        }

    def power_index(self, power_dbm: float) -> int:
        """Give the index of the strongest power that is no stronger; the weakest if none is."""
        allowed = [
            (cdbm, index) for index, cdbm in self.powers if cdbm <= power_dbm * _CENTIDECIBELS
        ]
        return max(allowed)[1] if allowed else min((c, i) for i, c in self.powers)[1]


def abilities_of(response: Element) -> Abilities:
    """Read what a reader says that it can do; what it does not say is left open."""
    general = response.part("GeneralDeviceCapabilities") or part("GeneralDeviceCapabilities")
    regulatory = response.part("RegulatoryCapabilities") or part("RegulatoryCapabilities")
    band = regulatory.part("UHFBandCapabilities") or part("UHFBandCapabilities")
    frequencies = band.part("FrequencyInformation") or part("FrequencyInformation")
    hops = frequencies.part("FrequencyHopTable")
    return Abilities(
        maker=general.number("DeviceManufacturerName"),
        model=general.number("ModelName"),
        firmware=general.text("ReaderFirmwareVersion"),
        antennas=general.number("MaxNumberOfAntennaSupported"),
        utc=bool(general.number("HasUTCClockCapability")),
        powers=tuple(
            (level.number("Index"), level.number("TransmitPowerValue"))
            for level in band.every("TransmitPowerLevelTableEntry")
        ),
        hop_table=0 if hops is None else hops.number("HopTableID"),
    )


def settings(config: LlrpConfig) -> Message:
    """Ask for keep-alives and for word of what goes wrong; reset the rest, if wanted."""
    events = (
        part("EventNotificationState", EventType=type_, NotificationState=1)
        for type_ in (_ROSPEC_EVENT, _BUFFER_WARNING, _READER_EXCEPTION, _ANTENNA_EVENT)
    )
    interval_ms = config.keepalive // 1000
    return ask(
        "SET_READER_CONFIG",
        part("ReaderEventNotificationSpec", *events),
        part("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=interval_ms),
        part("EventsAndReports", HoldEventsAndReportsUponReconnect=0),
        ResetToFactoryDefault=int(config.reset),
    )


def inventory(config: LlrpConfig, abilities: Abilities, *, fine_rssi: bool) -> Message:
    """Ask for all tags at the configured antennas, for ever, each read told by itself."""
    antennas = tuple(sorted(config.antennas))
    spec = part(
        "InventoryParameterSpec",
        *_antennas(config, abilities),
        InventoryParameterSpecID=1,
        ProtocolID=_GEN2,
    )
    content = part(
        "TagReportContentSelector",
        EnableROSpecID=0,
        EnableSpecIndex=0,
        EnableInventoryParameterSpecID=0,
        EnableAntennaID=1,
        EnableChannelIndex=0,
        EnablePeakRSSI=1,
        EnableFirstSeenTimestamp=1,
        EnableLastSeenTimestamp=1,
        EnableTagSeenCount=1,
        EnableAccessSpecID=0,
    )
    fine = part("ImpinjTagReportContentSelector", part("ImpinjEnablePeakRSSI", PeakRSSIMode=1))
    return ask(
        "ADD_ROSPEC",
        part(
            "ROSpec",
            part(
                "ROBoundarySpec",
                part("ROSpecStartTrigger", ROSpecStartTriggerType=1),
                part("ROSpecStopTrigger", ROSpecStopTriggerType=0, DurationTriggerValue=0),
            ),
            part(
                "AISpec",
                part("AISpecStopTrigger", AISpecStopTriggerType=0, DurationTrigger=0),
                spec,
                AntennaIDs=antennas,
            ),
            part(
                "ROReportSpec",
                content,
                *((fine,) if fine_rssi else ()),
                ROReportTrigger=_UPON_N_TAGS,
                N=1,
            ),
            ROSpecID=ROSPEC,
            Priority=0,
            CurrentState=0,
        ),
    )


def _antennas(config: LlrpConfig, abilities: Abilities) -> Iterator[Element]:
    for number, antenna in sorted(config.antennas.items()):
        told: list[Element] = []
        if antenna.power_dbm is not None and abilities.powers:
            told.append(
                part(
                    "RFTransmitter",
                    HopTableID=abilities.hop_table,
                    ChannelIndex=int(not abilities.hop_table),
                    TransmitPower=abilities.power_index(antenna.power_dbm),
                )
            )
        control = part(
            "C1G2SingulationControl",
            Session=config.session,
            TagPopulation=config.population,
            TagTransitTime=0,
        )
        told.append(part("C1G2InventoryCommand", control, TagInventoryStateAware=0))
        yield part("AntennaConfiguration", *told, AntennaID=number)
